"""What the endpoints under /futures/data need of a market: who holds how much, in the exchange's wire shape.

Rows are stamped with the first moment of their period and listed once it has ended:

* open interest at the stamp: ``{"symbol", "sumOpenInterest", "sumOpenInterestValue", "timestamp"}``;
* accounts at the stamp: ``{"symbol", "longAccount", "longShortRatio", "shortAccount", "timestamp"}``;
* taker volumes of the period: ``{"buySellRatio", "buyVol", "sellVol", "timestamp"}``, without a symbol.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final, Protocol

from crypto_bt.simulator.market import Window

PositioningRow = dict[str, int | str]
_MINUTE: Final = 60_000
#: Length (ms) of each period that the exchange knows.
PERIODS: Final = {
    name: minutes * _MINUTE
    for name, minutes in (
        ("5m", 5), ("15m", 15), ("30m", 30), ("1h", 60), ("2h", 120), ("4h", 240), ("6h", 360),
        ("12h", 720), ("1d", 1440),
    )
}  # fmt: skip
#: How long the exchange keeps these rows, in ms.
KEPT: Final = 30 * 1440 * _MINUTE
#: Columns of a file of the public archive, one row every five minutes.
ARCHIVE_COLUMNS: Final = (
    "create_time", "symbol", "sum_open_interest", "sum_open_interest_value",
    "count_toptrader_long_short_ratio", "sum_toptrader_long_short_ratio", "count_long_short_ratio",
    "sum_taker_long_short_vol_ratio",
)  # fmt: skip


class Positioning(Protocol):
    """Rows of one symbol whose period has ended by the market's clock, none older than :data:`KEPT`."""

    def open_interest(self, symbol: str, period: str, window: Window) -> Sequence[PositioningRow]:
        """Open interest at each stamp in ``window``."""

    def account_ratio(self, symbol: str, period: str, window: Window) -> Sequence[PositioningRow]:
        """Long and short accounts at each stamp in ``window``."""

    def taker_volume(self, symbol: str, period: str, window: Window) -> Sequence[PositioningRow]:
        """What takers bought and sold in each period that begins in ``window``."""

    def archived(self, symbol: str, day: date) -> Sequence[Sequence[str]] | None:
        """Rows of :data:`ARCHIVE_COLUMNS` of a past ``day``; None where the archive has no such file."""


def taker_row(stamp: int, bought: str, sold: str) -> PositioningRow:
    """A row of taker volumes; the ratio is empty where nothing was sold."""
    ratio = f"{float(bought) / float(sold):.4f}" if float(sold) else ""
    return {"buySellRatio": ratio, "buyVol": bought, "sellVol": sold, "timestamp": stamp}
