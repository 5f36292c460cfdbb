"""Binance USD-M futures, or whatever speaks its REST: candles, mark prices, funding, positioning."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from crypto_bt.core.candles import validate_candles, validate_mark_prices
from crypto_bt.core.datasets import CANDLE_DATASETS, POSITIONING_DATASETS
from crypto_bt.core.errors import SourceRefused
from crypto_bt.core.funding import validate_funding
from crypto_bt.core.market import EPOCH, Listing
from crypto_bt.core.positioning import (
    validate_long_short_ratio,
    validate_open_interest,
    validate_taker_volume,
)
from crypto_bt.sources.books import Uptime
from crypto_bt.sources.budget import SCHEDULED_SHARE, Sleep
from crypto_bt.sources.client import OFFICIAL_URL, TIMEOUT_SECONDS
from crypto_bt.sources.clock_skew import check_clock_skew
from crypto_bt.sources.estimating import CallLimit, estimate_plan
from crypto_bt.sources.exchange_info import identity_of, listings_of, weight_limit_of
from crypto_bt.sources.fetching import fetch_each
from crypto_bt.sources.questions import (
    ask_candles,
    ask_positioning,
    ask_settlements,
    read_exchange_info,
    read_server_time,
    read_tickers,
)
from crypto_bt.sources.session import FUNDING_SPAN, POSITIONING_SPAN, Session
from crypto_bt.sources.source import Batch, Estimate, Failure, FetchPlan, FetchRequest, Usage

CONCURRENCY: Final = 8
#: Weight of the tickers of all symbols at once.
_TICKERS_WEIGHT: Final = 40
_CALLS: Final = {
    **dict.fromkeys(CANDLE_DATASETS, ("fapiPublicGetKlines", validate_candles)),
    "mark_price_1h": ("fapiPublicGetMarkPriceKlines", validate_mark_prices),
    "funding_rates": ("fapiPublicGetFundingRate", validate_funding),
    "open_interest": ("fapiDataGetOpenInterestHist", validate_open_interest),
    "long_short_ratio": ("fapiDataGetGlobalLongShortAccountRatio", validate_long_short_ratio),
    "taker_volume": ("fapiDataGetTakerlongshortRatio", validate_taker_volume),
}
_ASKED_BY: Final = {
    "funding_rates": ask_settlements,
    **dict.fromkeys(POSITIONING_DATASETS, ask_positioning),
}


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


class BinanceUsdm:
    """The exchange at ``base_url`` (None: the official host), asked within ``weight_share`` of its limit.

    All sessions that are given the same file as ``ledger``, in whatever process, keep one budget together;
    with ``uptime`` (the machine's boot and seconds since) also where somebody sets the clock.
    ``check_skew`` compares the clocks; off where the exchange stands still, as a recorded one does. The
    rest are for tests: ``wall`` is this machine's clock, ``clock`` monotonic seconds, ``chance`` in [0, 1).
    """

    def __init__(
        self,
        base_url: str | None = None,
        weight_share: float = SCHEDULED_SHARE,
        *,
        ledger: Path | None = None,
        check_skew: bool = True,
        timeout_seconds: float = TIMEOUT_SECONDS,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = utc_now,
        uptime: Uptime | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.usage = Usage()
        self._base_url = base_url or OFFICIAL_URL
        self._check_skew, self._wall = check_skew, wall
        self._timeout = timedelta(seconds=timeout_seconds)
        self._open_session = partial(
            Session,
            self._base_url,
            weight_share,
            timeout_seconds,
            ledger=ledger,
            clock=clock,
            wall=lambda: wall().timestamp(),
            uptime=uptime,
            sleep=sleep,
            chance=chance,
        )
        self._session: Session | None = None
        self._now = EPOCH
        self._info: Mapping[str, Any] = {}
        self._listings: dict[str, Listing] = {}

    async def __aenter__(self) -> Self:
        """See :class:`~crypto_bt.sources.source.MarketSource`; reads the clock and exchangeInfo."""
        session = self._session = self._open_session()
        self.usage = session.usage
        try:
            before = self._wall()
            self._now = await session.ask(
                "fapiPublicGetTime", {}, read_server_time, what="The exchange's clock"
            )
            after = self._wall()
            if self._check_skew:
                # The good answer may have come after retries; it was asked for at most a timeout ago.
                check_clock_skew(self._now, max(before, after - self._timeout), after)
            self._info = await session.ask(
                "fapiPublicGetExchangeInfo", {}, read_exchange_info, what="exchangeInfo"
            )
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        self._listings = listings_of(self._info)
        session.weight.limit = weight_limit_of(self._info)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def identity(self) -> str:
        """``binanceusdm``, what a loopback exchange calls itself, or ``binanceusdm@host``."""
        return identity_of(self._info, self._base_url)

    async def server_time(self) -> datetime:
        """The exchange's clock as the session opened."""
        return self._now

    async def listings(self) -> dict[str, Listing]:
        """The USDT-margined perpetuals by symbol."""
        return dict(self._listings)

    async def tickers(self) -> dict[str, float]:
        """Turnover of the last 24 hours in quote units, by symbol; one call for all of them."""
        return await self._opened().ask(
            "fapiPublicGetTicker24hr", {}, read_tickers, what="The tickers", weight=_TICKERS_WEIGHT
        )

    async def fetch(self, request: FetchRequest) -> Batch:
        """Rows of ``request`` that are closed; SourceRefused or SourceUnavailable when it has no answer."""
        if request.dataset not in _CALLS:
            raise SourceRefused(
                f"{request.symbol} {request.dataset}: this source does not carry it.",
                f"It carries: {', '.join(_CALLS)}.",
            )
        call, validate = _CALLS[request.dataset]
        listing = self._listings.get(request.symbol)
        onboard = listing.onboard if listing else None
        ask = _ASKED_BY.get(request.dataset, ask_candles)
        rows = await ask(self._opened(), call, request, onboard, self._now)
        valid = validate(
            rows,
            dataset=request.dataset,
            symbol=request.symbol,
            start=request.start,
            end=request.end,
            now=self._now,
        )
        return Batch(request, valid.frame, valid.quarantine)

    async def fetch_all(
        self, requests: Sequence[FetchRequest], on_batch: Callable[[Batch], None]
    ) -> list[Failure]:
        """See :class:`~crypto_bt.sources.source.MarketSource`; eight requests at a time."""
        return await fetch_each(self.fetch, requests, on_batch, CONCURRENCY)

    async def estimate(self, plan: FetchPlan) -> Estimate:
        """See :func:`~crypto_bt.sources.estimating.estimate_plan`."""
        session = self._opened()
        return estimate_plan(
            plan,
            self._listings,
            self._now,
            weight_per_minute=session.weight.allowance,
            funding=CallLimit(session.funding.allowance, FUNDING_SPAN),
            positioning=CallLimit(session.positioning.allowance, POSITIONING_SPAN),
            concurrency=CONCURRENCY,
        )

    def _opened(self) -> Session:
        if self._session is None:
            raise RuntimeError("The source is not open; use it as `async with source:`.")
        return self._session
