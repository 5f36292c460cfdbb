"""Between which bounds a Sharpe ratio and a drawdown may be expected to lie, by the stationary bootstrap.

Unlike the formulas of :mod:`crypto_bt.backtest.sharpe_inference`, these allow for days that depend on one
another and need no distribution.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from crypto_bt.backtest.bootstrap import optimal_block_days, resampled_days
from crypto_bt.backtest.return_matrix import NO_VARIATION, Floats, checked_series
from crypto_bt.core.errors import BacktestError

_FEWEST_DAYS: Final = 10
_DAYS_PER_YEAR: Final = 365


@dataclass(frozen=True, slots=True)
class Interval:
    """``low`` and ``high`` bounds that hold with the probability ``confidence``."""

    low: float
    high: float
    confidence: float


def sharpe_interval(
    returns: Floats,
    *,
    seed: int,
    confidence: float = 0.95,
    resamples: int = 2_000,
    block_days: float | None = None,
) -> Interval | None:
    """The range in which the true annual Sharpe ratio lies, in so many of a hundred such track records.

    Studentised stationary bootstrap of daily ``returns`` (days,): each resample's distance from the measured
    Sharpe ratio in its own standard errors (Mertens 2002); Ledoit and Wolf (2008) advise to studentise.
    ``block_days`` is by default :func:`optimal_block_days`. None where the returns do not vary. Raises
    BacktestError below 10 days, for a confidence outside (0, 1), or NaN.
    """
    series = checked_series(returns, fewest_days=_FEWEST_DAYS)
    tail = _tail(confidence)
    sharpe, error = (float(figure[0]) for figure in _sharpes(series[np.newaxis]))
    if not error > 0.0:
        return None
    distances = []
    for chosen in resampled_days(len(series), _block(series, block_days), resamples, seed):
        resampled, its_error = _sharpes(series[chosen])
        defined = its_error > 0.0
        distances.append((resampled[defined] - sharpe) / its_error[defined])
    lowest, highest = np.quantile(np.concatenate(distances), [tail, 1.0 - tail]).tolist()
    annual = math.sqrt(_DAYS_PER_YEAR)
    return Interval((sharpe - highest * error) * annual, (sharpe - lowest * error) * annual, confidence)


def drawdown_interval(
    returns: Floats,
    *,
    seed: int,
    confidence: float = 0.95,
    resamples: int = 2_000,
    block_days: float | None = None,
) -> Interval:
    """The range in which the deepest drawdown of the next equally long stretch lies, in so many of a hundred
    cases, if the market goes on as it was.

    Percentiles of the deepest drawdown (negative fractions, ``low`` is the deeper) of resampled histories of
    daily ``returns`` (days,). Each is resampled twice, once for the history that might have been measured
    and once for the stretch to come; once alone would take the measured mean return for the true one and so
    find too narrow a range. Raises BacktestError below 10 days, for a confidence outside (0, 1), or NaN.
    """
    series = checked_series(returns, fewest_days=_FEWEST_DAYS)
    tail = _tail(confidence)
    block = _block(series, block_days)
    days = len(series)
    measured = resampled_days(days, block, resamples, seed)
    to_come = resampled_days(days, block, resamples, seed + 1)
    deepest = [
        _deepest_drawdowns(series[np.take_along_axis(first, second, axis=1)])
        for first, second in zip(measured, to_come, strict=True)
    ]
    low, high = np.quantile(np.concatenate(deepest), [tail, 1.0 - tail]).tolist()
    return Interval(low, high, confidence)


def _tail(confidence: float) -> float:
    if not 0.0 < confidence < 1.0:
        raise BacktestError(f"the confidence is {confidence}.", "Give a number between 0 and 1.")
    return (1.0 - confidence) / 2.0


def _block(series: Floats, block_days: float | None) -> float:
    return float(optimal_block_days(series[np.newaxis])[0]) if block_days is None else block_days


def _sharpes(series: Floats) -> tuple[Floats, Floats]:
    """Daily Sharpe ratio and its standard error of each row (rows,); both 0 where a row does not vary."""
    days = series.shape[1]
    mean = series.mean(axis=1)
    centred = series - mean[:, np.newaxis]
    powers = np.square(centred)
    variance = powers.mean(axis=1)
    varied = variance > NO_VARIATION**2
    variance[~varied] = 1.0
    sharpe = np.where(varied, mean / np.sqrt(variance * days / (days - 1)), 0.0)
    powers *= centred
    skewness = powers.mean(axis=1) / variance**1.5
    powers *= centred
    kurtosis = powers.mean(axis=1) / variance**2
    spread = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * np.square(sharpe)
    return sharpe, np.where(varied, np.sqrt(np.maximum(spread, 0.0) / (days - 1)), 0.0)


def _deepest_drawdowns(series: Floats) -> Floats:
    """Deepest drawdown of each row of daily returns (rows,), from the start on; 0 if there is none."""
    equity = np.cumprod(1.0 + series, axis=1)
    peak = np.maximum(np.maximum.accumulate(equity, axis=1), 1.0)
    deepest: Floats = np.minimum((equity / peak).min(axis=1) - 1.0, 0.0)
    return deepest
