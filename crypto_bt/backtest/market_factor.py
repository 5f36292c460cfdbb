"""How much of a strategy is the market: alpha and beta against one symbol, by default BTCUSDT."""

import math
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.metrics import DAYS_PER_YEAR, NO_VARIATION, daily_returns

Floats = NDArray[np.float64]

#: The symbol that stands for the market.
MARKET: Final = "BTCUSDT"


def market_marks(candles: pl.DataFrame, end_ms: NDArray[np.int64], symbol: str = MARKET) -> Floats:
    """Daily marks of ``symbol`` at the UTC midnights ``end_ms`` (milliseconds since 1970, ascending).

    ``candles`` has symbol, open_time, open and close. The mark is the close of the last candle that opened
    before the midnight; at the very first midnight its first open, and NaN before the symbol was listed.
    """
    own = candles.filter(pl.col("symbol") == symbol).sort("open_time")
    marks = np.full(len(end_ms), np.nan)
    if own.is_empty():
        return marks
    open_time = own["open_time"].dt.epoch("ms").to_numpy()
    last = np.searchsorted(open_time, end_ms, side="left") - 1
    known = last >= 0
    marks[known] = own["close"].to_numpy()[last[known]]
    marks[end_ms == open_time[0]] = own["open"][0]
    return marks


def beta(equity: Floats, market: Floats) -> float | None:
    """Slope of ordinary least squares of the daily returns on the market's (Sharpe 1964, risk-free rate 0).

    ``market`` are daily marks of the same midnights as ``equity``; days on which one is NaN are left out.
    None below two days or if the market did not move.
    """
    line = _line(equity, market)
    return line[1] if line else None


def alpha(equity: Floats, market: Floats) -> float | None:
    """Intercept of the regression of :func:`beta` (Jensen 1968), compounded to a year: (1 + intercept) ** 365
    - 1. None where beta is, and beyond what a float holds."""
    line = _line(equity, market)
    if line is None or line[0] <= -1.0:
        return None
    exponent = math.log1p(line[0]) * DAYS_PER_YEAR
    return math.expm1(exponent) if exponent < 700.0 else None


def _line(equity: Floats, market: Floats) -> tuple[float, float] | None:
    """Intercept and slope."""
    known = np.isfinite(market[1:]) & np.isfinite(market[:-1])
    mine, its = daily_returns(equity)[known], daily_returns(market)[known]
    if len(mine) < 2 or float(np.std(its)) <= NO_VARIATION:
        return None
    moved = its - its.mean()
    slope = float((moved * mine).mean() / (moved * moved).mean())
    return float(mine.mean()) - slope * float(its.mean()), slope
