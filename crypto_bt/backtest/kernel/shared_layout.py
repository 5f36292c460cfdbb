"""How the arrays of the portfolio with shared capital are laid out, beside those of ``backtest.layout``."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest.layout import STATISTICS

#: Daily returns behind a correlation and a volatility.
LOOKBACK_DAYS: Final = 30

#: One possible entry a line: its step (bars since the first bar of all), its bar, the bar at whose open it
#: ends at the latest (exclusive end of its stretch where no sign changes before), its symbol, its target in
#: hundredths, and what ends it.
STEP, BAR, UNTIL, SYMBOL, HUNDREDTHS, ENDING = range(6)
EVENT_FIELDS: Final = 6
#: What ends a run of targets: another sign, missing candles (or none at all any more), the end of all bars.
BY_SIGN, BY_GAP, BY_END = range(3)

#: One held position a line, beside its account: bar less step, the event's UNTIL, SYMBOL and ENDING, and
#: whether (0 or 1) the time stop set the two.
SHIFT, PLACE_UNTIL, PLACE_SYMBOL, PLACE_ENDING, PLACE_TIMED = range(5)
PLACE_FIELDS: Final = 5

_LIMITS: Final = (
    "risk_per_trade", "total_risk", "target_volatility", "max_asset_share", "max_leverage",
    "max_correlation", "daily_floor", "total_floor",
)  # fmt: skip
#: One set of portfolio rules; infinite where a limit is absent. The floors are 1 less the drawdown, -1 where
#: there is no such stop, and ``wait`` counts steps.
LIMITS_DTYPE: Final = np.dtype(
    [*((name, np.float64) for name in _LIMITS), ("max_positions", np.int64), ("wait", np.int64)], align=True
)

#: Why an entry was refused, in the order in which it is asked.
CAUSES: Final = ("waiting", "positions", "correlation", "volatility", "risk", "leverage", "cash", "order")
#: The kernel's output for a portfolio: that of an account, the refusals by cause, daily drawdown stops, and
#: whether the total one halted it (0 or 1).
SHARED_STATISTICS: Final = (
    *STATISTICS,
    *(f"refused_{cause}" for cause in CAUSES),
    "daily_stops",
    "halted",
)
(WAITING, POSITIONS, CORRELATION, VOLATILITY, RISK, LEVERAGE, CASH, ORDER, DAILY_STOPS, HALTED) = range(
    len(STATISTICS), len(SHARED_STATISTICS)
)

#: Columns of the recording at each step's close: quote, but the number of positions.
STEP_FIELDS: Final = ("equity", "cash", "positions", "open_risk", "notional")


class History(NamedTuple):
    """What was known of each symbol's past at the start of each UTC day, (symbols, days) each.

    ``returns`` are the daily returns; ``mean`` and ``scale`` (1 over the root of the sum of the squared
    deviations) belong to the window that ends with the day before; ``volatility`` is that window's, annual.
    NaN where a return of the window is unknown; ``scale`` also where nothing moved.
    """

    returns: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    volatility: NDArray[np.float64]


class Grid(NamedTuple):
    """The steps of all bars: ``last`` is the last step, ``per_day`` steps are a day, and step 0 is
    ``ahead`` steps after the start of the day numbered ``day``."""

    last: int
    per_day: int
    ahead: int
    day: int
