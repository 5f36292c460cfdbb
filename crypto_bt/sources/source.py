"""What every source of market data offers, and the values that pass between it and its callers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

import polars as pl

from crypto_bt.core.errors import SourceError
from crypto_bt.core.market import Listing


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Rows of one dataset and symbol whose time lies in [``start``, ``end``)."""

    dataset: str
    symbol: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """The answer to one request: ``frame`` in the dataset's schema, ``quarantine`` what was refused."""

    request: FetchRequest
    frame: pl.DataFrame
    quarantine: pl.DataFrame

    @property
    def dataset(self) -> str:
        """The dataset that was asked."""
        return self.request.dataset

    @property
    def symbol(self) -> str:
        """The symbol, or the series, that was asked."""
        return self.request.symbol


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no usable answer, and why; the other requests went on."""

    request: FetchRequest
    error: SourceError

    @property
    def reason(self) -> str:
        """What happened and how to mend it, in one line."""
        return str(self.error)


@dataclass(slots=True)
class Usage:
    """What a source has used since its session opened.

    ``requests`` counts every try, ``waits`` every wait for the budget; ``waited_seconds`` adds these up with
    the waits before retries. ``peak_minute_weight`` is the most weight in any sixty seconds, of all processes
    that share the ledger; ``others_minute_weight`` the most that other programs on this address were seen to
    use in a minute of the exchange. ``ledger_trouble`` says why the ledger could not be used; else empty.
    """

    requests: int = 0
    weight: int = 0
    waited_seconds: float = 0.0
    retries: int = 0
    responses_429: int = 0
    peak_minute_weight: int = 0
    others_minute_weight: int = 0
    waits: int = 0
    ledger_trouble: str = ""


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """``datasets`` for each of ``symbols`` over [``start``, ``end``): what an update is going to ask."""

    datasets: tuple[str, ...]
    symbols: tuple[str, ...]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan will cost, opening the session included; ``seconds`` assume 150 ms to and fro."""

    requests: int
    weight: int
    weight_per_minute: int
    seconds: float


class MarketSource(Protocol):
    """A source of market data: an async context manager, open for one session.

    What is *closed* is decided by the source's clock, read once when the session opens.
    """

    @property
    def usage(self) -> Usage:
        """What was used so far; still there after the session."""

    async def __aenter__(self) -> Self:
        """Open the session; SourceRefused or SourceUnavailable when that is not possible."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""

    async def identity(self) -> str:
        """Whose data this is: a store holds that of one identity only."""

    async def server_time(self) -> datetime:
        """The source's clock as the session opened, UTC."""

    async def listings(self) -> dict[str, Listing]:
        """The USDT-margined perpetuals by symbol."""

    async def tickers(self) -> dict[str, float]:
        """Turnover of the last 24 hours in quote units, by symbol."""

    def fetch(self, request: FetchRequest) -> Awaitable[Batch]:
        """Rows of closed candles (or settlements); SourceError when they cannot be had."""

    async def fetch_all(
        self, requests: Sequence[FetchRequest], on_batch: Callable[[Batch], None]
    ) -> list[Failure]:
        """Fetch many, several at a time; ``on_batch`` gets each as it comes.

        A failed request is in the returned list. Raises SourceRefused when the source serves nothing.
        """

    async def estimate(self, plan: FetchPlan) -> Estimate:
        """What ``plan`` would cost; nothing of it is fetched."""


async def estimate(source: MarketSource, plan: FetchPlan) -> Estimate:
    """Open ``source`` and ask it what ``plan`` would cost."""
    async with source:
        return await source.estimate(plan)
