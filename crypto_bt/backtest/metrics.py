"""The figures of a backtest, as pure functions; each docstring states its convention.

``equity`` is an array of daily marks at UTC midnights that begins with the mark before the first day, so
n days give n + 1 marks. Years have 365 days, the risk-free rate is 0. A figure that is not defined (no
variation, no loss, too few days) is None, never infinity or NaN. Figures of trades are in
:mod:`crypto_bt.backtest.trade_metrics`, alpha and beta in :mod:`crypto_bt.backtest.market_factor`, months in
:mod:`crypto_bt.backtest.monthly`.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

DAYS_PER_YEAR: Final = 365
Floats = NDArray[np.float64]

#: A standard deviation of daily returns at or below this is rounding, not risk.
NO_VARIATION: Final = 1e-15


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
        float(np.mean(returns)) / deviation * math.sqrt(DAYS_PER_YEAR) if deviation > NO_VARIATION else None
    )


def sortino(equity: Floats) -> float | None:
    """Mean daily return / downside deviation x sqrt(365); the deviation is the root of the mean over *all*
    days of min(return, 0) squared (Sortino and Price 1994, target 0). None without a losing day."""
    returns = daily_returns(equity)
    if len(returns) < 2:
        return None
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    return float(np.mean(returns)) / downside * math.sqrt(DAYS_PER_YEAR) if downside > NO_VARIATION else None


def omega(equity: Floats) -> float | None:
    """Sum of the daily gains over the sum of the daily losses (Keating and Shadwick 2002, threshold 0).
    None without a losing day."""
    returns = daily_returns(equity)
    losses = -float(np.minimum(returns, 0.0).sum())
    return float(np.maximum(returns, 0.0).sum()) / losses if losses > NO_VARIATION else None


def value_at_risk(equity: Floats, tail: float = 0.05) -> float | None:
    """Historical VaR 95: the ``tail`` quantile of the daily returns, linear between the two nearest days
    (Hyndman and Fan 1996, type 7). A return, so a loss is negative. None without a day."""
    returns = daily_returns(equity)
    return float(np.quantile(returns, tail)) if len(returns) else None


def conditional_value_at_risk(equity: Floats, tail: float = 0.05) -> float | None:
    """Historical CVaR 95 (expected shortfall): mean of the floor(tail x (n - 1)) + 1 worst of the n daily
    returns, thus of those at or below the VaR (Rockafellar and Uryasev 2000). None without a day."""
    returns = daily_returns(equity)
    if not len(returns):
        return None
    worst = np.sort(returns)[: int(tail * (len(returns) - 1)) + 1]
    return float(worst.mean())


def drawdowns(equity: Floats) -> Floats:
    """Each mark over the highest mark so far, minus 1 (0 or negative)."""
    return equity / np.maximum.accumulate(equity) - 1.0


def max_drawdown(equity: Floats) -> float:
    """Deepest of the daily drawdowns, a negative fraction; the depth within a day is not seen."""
    return float(drawdowns(equity).min())


def max_drawdown_days(equity: Floats) -> int:
    """Length of the deepest drawdown (of the first, if several are as deep) in days: from its peak to the
    first day that is back at the peak, or to the last day. 0 without a drawdown."""
    depth = drawdowns(equity)
    deepest = int(depth.argmin())
    if depth[deepest] == 0.0:
        return 0
    whole = np.flatnonzero(depth == 0.0)
    following = int(np.searchsorted(whole, deepest))
    end = int(whole[following]) if following < len(whole) else len(equity) - 1
    return end - int(whole[following - 1])


def longest_drawdown_days(equity: Floats) -> int:
    """Most days from a peak to the first day back at it, or to the last day, over all drawdowns."""
    whole = np.append(np.flatnonzero(drawdowns(equity) == 0.0), len(equity) - 1)
    spans = np.diff(whole)
    fell = np.append(
        spans[:-1] > 1, True
    )  # neighbouring peaks are a rise; after the last peak every day counts
    return int(spans[fell].max(initial=0))


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


def turnover(traded_notional: float, equity: Floats) -> float | None:
    """Notional of all fills (entries and exits, quote) over the mean daily equity, a year: x 365 / days.
    A round trip of the whole account counts 2. None without a day, or if the account was empty."""
    days = len(equity) - 1
    mean = float(equity.mean())
    return traded_notional / mean * DAYS_PER_YEAR / days if days >= 1 and mean > 0.0 else None


def return_figures(equity: Floats) -> dict[str, float | None]:
    """All figures above that follow from ``equity`` alone, by name; fractions, lengths in days."""
    return {
        "net_return": net_return(equity),
        "annual_return": annual_return(equity),
        "volatility": volatility(equity),
        "sharpe": sharpe(equity),
        "sortino": sortino(equity),
        "calmar": calmar(equity),
        "omega": omega(equity),
        "max_drawdown": max_drawdown(equity),
        "max_drawdown_days": max_drawdown_days(equity),
        "longest_drawdown_days": longest_drawdown_days(equity),
        "value_at_risk_95": value_at_risk(equity),
        "conditional_value_at_risk_95": conditional_value_at_risk(equity),
    }
