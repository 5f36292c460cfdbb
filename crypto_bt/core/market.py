"""What the market is made of: symbols, timeframes, listings."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from crypto_bt.core.errors import UsageError

SYMBOL_PATTERN = re.compile(r"^[A-Z0-9]{2,20}\Z")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The first day of Binance's USD-M perpetuals.
EXCHANGE_OPENED = datetime(2019, 9, 8, tzinfo=UTC)


class Timeframe(StrEnum):
    """Length of a candle; the value is the exchange's own name for it."""

    M15 = "15m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"

    @property
    def delta(self) -> timedelta:
        """Length as a timedelta."""
        return _LENGTH[self]

    @property
    def milliseconds(self) -> int:
        """Length in milliseconds."""
        return self.delta // timedelta(milliseconds=1)

    @property
    def per_day(self) -> int:
        """Candles in a UTC day."""
        return timedelta(days=1) // self.delta

    @property
    def dataset(self) -> str:
        """Name of the dataset, the asset and the table that hold these candles."""
        return f"candles_{self.value}"

    def floor(self, moment: datetime) -> datetime:
        """Start of the candle that contains ``moment`` (half-open, UTC)."""
        return moment - (moment - EPOCH) % self.delta


#: What every home keeps; 15m candles are kept where the setting TIMEFRAMES asks for them.
STANDARD_TIMEFRAMES = (Timeframe.H1, Timeframe.H4, Timeframe.D1)
_LENGTH = {
    Timeframe.M15: timedelta(minutes=15),
    Timeframe.H1: timedelta(hours=1),
    Timeframe.H4: timedelta(hours=4),
    Timeframe.D1: timedelta(days=1),
}


@dataclass(frozen=True, slots=True)
class Listing:
    """One perpetual as the exchange lists it.

    ``tradable`` is false once the exchange has delisted it or settles it; its history stays. ``delisting``
    is the last moment of trading, announced or past; None while there is none.

    The rest is what the exchange asks of an order now, None where it does not say, 0 where it has no such
    rule: ``tick_size`` and ``min_notional`` in quote units, ``lot_size`` and ``min_quantity`` in base units,
    ``liquidation_fee`` as a fraction of the notional that is liquidated.
    """

    symbol: str
    onboard: datetime
    tradable: bool
    status: str
    delisting: datetime | None = None
    tick_size: float | None = None
    lot_size: float | None = None
    min_quantity: float | None = None
    min_notional: float | None = None
    liquidation_fee: float | None = None


def parse_symbol(text: str) -> str:
    """Return ``text`` as a symbol, or raise :class:`UsageError` naming what is wrong with it."""
    symbol = text.strip().upper()
    if not SYMBOL_PATTERN.match(symbol):
        raise UsageError(
            f"{text!r} is not a symbol.", "A symbol is 2 to 20 letters and digits, such as BTCUSDT."
        )
    return symbol


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 UTC; ``moment`` must carry a timezone."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_milliseconds(value: int) -> datetime:
    """The UTC moment ``value`` milliseconds after 1970."""
    return EPOCH + timedelta(milliseconds=value)
