"""The figures of a backtest, as pure functions; each docstring states its convention.

``equity`` is an array of daily marks at UTC midnights that begins with the mark before the first day, so
n days give n + 1 marks. Years have 365 days, the risk-free rate is 0. A figure that is not defined (no
variation, no loss, too few days) is None, never infinity or NaN.
"""

import math

import numpy as np
from numpy.typing import NDArray

DAYS_PER_YEAR = 365
Floats = NDArray[np.float64]

#: A standard deviation of daily returns at or below this is rounding, not risk.
_NO_VARIATION = 1e-15


def daily_returns(equity: Floats) -> Floats:
    """Simple return of each day; 0 on days after everything was lost."""
    before = equity[:-1]
    return np.divide(equity[1:], before, out=np.ones(len(before)), where=before > 0.0) - 1.0


def net_return(equity: Floats) -> float:
    """Last mark over first, minus 1, after all costs."""
    return float(equity[-1] / equity[0] - 1.0)


def annual_return(equity: Floats) -> float | None:
    """Compound growth a year: (last / first) ** (365 / days) - 1. None if beyond what a float holds."""
    days = len(equity) - 1
    growth = equity[-1] / equity[0]
    if days < 1:
        return None
    if growth <= 0.0:
        return -1.0
    exponent = math.log(growth) * DAYS_PER_YEAR / days
    return math.expm1(exponent) if exponent < 700.0 else None


def volatility(equity: Floats) -> float | None:
    """Sample standard deviation (n - 1) of daily returns x sqrt(365). None below two days."""
    returns = daily_returns(equity)
    return float(np.std(returns, ddof=1) * math.sqrt(DAYS_PER_YEAR)) if len(returns) >= 2 else None


def sharpe(equity: Floats) -> float | None:
    """Mean daily return / sample standard deviation (n - 1) x sqrt(365). None below two days or if flat."""
    returns = daily_returns(equity)
    if len(returns) < 2:
        return None
    deviation = float(np.std(returns, ddof=1))
    return (
        float(np.mean(returns)) / deviation * math.sqrt(DAYS_PER_YEAR) if deviation > _NO_VARIATION else None
    )


def sortino(equity: Floats) -> float | None:
    """Mean daily return / downside deviation x sqrt(365); the deviation is the root of the mean over *all*
    days of min(return, 0) squared (Sortino and Price 1994, target 0). None without a losing day."""
    returns = daily_returns(equity)
    if len(returns) < 2:
        return None
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    return float(np.mean(returns)) / downside * math.sqrt(DAYS_PER_YEAR) if downside > _NO_VARIATION else None


def drawdowns(equity: Floats) -> Floats:
    """Each mark over the highest mark so far, minus 1 (0 or negative)."""
    return equity / np.maximum.accumulate(equity) - 1.0


def max_drawdown(equity: Floats) -> float:
    """Deepest of the daily drawdowns, a negative fraction; the depth within a day is not seen."""
    return float(drawdowns(equity).min())


def calmar(equity: Floats) -> float | None:
    """Annual return / depth of the deepest drawdown over the whole span. None without a drawdown."""
    annual, deepest = annual_return(equity), max_drawdown(equity)
    return annual / -deepest if annual is not None and deepest < 0.0 else None


def win_rate(wins: float, closed_trades: float) -> float | None:
    """Closed trades with a net result above 0, as a share of all closed trades. None without one."""
    return wins / closed_trades if closed_trades else None


def profit_factor(profit: float, loss: float) -> float | None:
    """Sum of net profits over sum of net losses of closed trades. None without a loss."""
    return profit / loss if loss > 0.0 else None


def exposure(bars_held: float, bars: float) -> float | None:
    """Share of bars in which a position was held at any moment. None without bars."""
    return bars_held / bars if bars else None
