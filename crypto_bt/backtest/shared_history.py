"""How each symbol moved in the days before an entry: what correlations and volatilities are made of."""

import math

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest.bars import Bars
from crypto_bt.backtest.candle_rows import DAY_MS
from crypto_bt.backtest.kernel.shared_layout import LOOKBACK_DAYS, History
from crypto_bt.backtest.layout import CLOSE
from crypto_bt.backtest.metrics import DAYS_PER_YEAR

Floats = NDArray[np.float64]


def history_of(bars: Bars) -> History:
    """Daily returns of each symbol of ``bars``, and the figures of the LOOKBACK_DAYS before each day.

    A day's close is that of its last bar, and a return needs the closes of two days in a row.
    """
    shape = (len(bars.symbols), bars.days)
    history = History(*(np.full(shape, np.nan) for _ in History._fields))
    for symbol in range(len(bars.symbols)):
        returns = _daily_returns(bars, symbol)
        history.returns[symbol] = returns
        if bars.days <= LOOKBACK_DAYS:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(returns, LOOKBACK_DAYS)[:-1]
        windows = np.ascontiguousarray(windows)  # else the order of a sum could depend on their number
        mean = windows.mean(axis=1)
        squares = ((windows - mean[:, None]) ** 2).sum(axis=1)
        history.mean[symbol, LOOKBACK_DAYS:] = mean
        moved = squares > 0.0
        history.scale[symbol, LOOKBACK_DAYS:][moved] = 1.0 / np.sqrt(squares[moved])
        history.volatility[symbol, LOOKBACK_DAYS:] = np.sqrt(squares / (LOOKBACK_DAYS - 1)) * math.sqrt(
            DAYS_PER_YEAR
        )
    return history


def _daily_returns(bars: Bars, symbol: int) -> Floats:
    """(days,), NaN where the day or the one before it has no bar."""
    span = bars.span(symbol)
    day = bars.open_time[span] // DAY_MS - bars.first_day
    last = np.append(np.flatnonzero(np.diff(day)), len(day) - 1)
    closes = np.full(bars.days + 1, np.nan)
    closes[day[last] + 1] = bars.lines[span, CLOSE][last]
    returns: Floats = closes[1:] / closes[:-1] - 1.0
    return returns
