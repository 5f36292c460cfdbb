"""What the endpoints need of a market, and the words they share with it.

Rows leave a market in the exchange's wire shape, so that the endpoints only frame them:

* candles and mark prices: 12 fields, ``[open_time, open, high, low, close, volume, close_time,
  quote_volume, trades, taker_buy_volume, taker_buy_quote_volume, "0"]``, times in ms, numbers as strings,
  ``None`` where the market does not know the figure;
* funding: ``{"symbol", "fundingTime", "fundingRate", "markPrice"}``, ``markPrice`` empty where unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from crypto_bt.core.market import Timeframe

if TYPE_CHECKING:
    from crypto_bt.simulator.positioning import Positioning
    from crypto_bt.simulator.series import SeriesMarket

CandleRow = Sequence[int | str | None]
FundingRow = dict[str, int | str]
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SymbolInfo:
    """A perpetual as exchangeInfo describes it; decimals are of one tick and of one lot.

    ``delisting`` is when it is settled for good (``deliveryDate``), None while no such date is set.
    """

    symbol: str
    onboard: datetime
    price_decimals: int
    quantity_decimals: int
    status: str = "TRADING"
    delisting: datetime | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The rows a client asks for: ``start`` and ``end`` in ms, both inclusive, ``None`` for open.

    With a start the first ``limit`` rows are meant, without one the latest.
    """

    start: int | None
    end: int | None
    limit: int

    def pick(self, times: IntArray) -> slice:
        """The slice of the ascending ``times`` (ms) that this window means."""
        low = 0 if self.start is None else int(np.searchsorted(times, self.start, side="left"))
        high = len(times) if self.end is None else int(np.searchsorted(times, self.end, side="right"))
        if self.start is None:
            low = max(low, high - self.limit)
        else:
            high = min(high, low + self.limit)
        return slice(low, max(low, high))


class Market(Protocol):
    """A market that the loopback exchange can serve; symbols are asked for only if it lists them."""

    @property
    def source(self) -> str:
        """Identity of the data, such as ``simulated:seed=7``."""

    def now(self) -> datetime:
        """The exchange's clock, UTC."""

    @property
    def positioning(self) -> "Positioning":
        """Open interest, accounts and taker volumes."""

    @property
    def series(self) -> "SeriesMarket":
        """The series that belong to no symbol."""

    def symbols(self) -> Sequence[SymbolInfo]:
        """All perpetuals, in a fixed order."""

    def candles(self, symbol: str, timeframe: Timeframe, window: Window) -> Sequence[CandleRow]:
        """Candles that have opened before :meth:`now`, the unfinished one included."""

    def mark_prices(self, symbol: str, timeframe: Timeframe, window: Window) -> Sequence[CandleRow]:
        """Mark-price candles, likewise."""

    def funding(self, symbol: str, window: Window) -> Sequence[FundingRow]:
        """Settlements up to :meth:`now`."""


def wall_clock() -> datetime:
    """The computer's own UTC time: the clock of a synthetic market unless another is given."""
    return datetime.now(UTC)


def decimal_text(value: float) -> str:
    """The shortest decimal that reads back as ``value``, never in scientific notation."""
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text
