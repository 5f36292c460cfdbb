"""Is the best of many parameter sets better than nothing, given that it was picked as the best of many?

White's reality check (2000) and Hansen's test for superior predictive ability (SPA, 2005) on the mean daily
return over a benchmark, by the stationary bootstrap of whole days (so what links the sets is kept).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from crypto_bt.backtest.bootstrap import Days, optimal_block_days, resampled_days
from crypto_bt.backtest.return_matrix import NO_VARIATION, Floats, checked_matrix, checked_series
from crypto_bt.core.errors import BacktestError

_SETS_AT_ONCE = 128

#: Integers up to 2 ** this are exact in a float64.
_EXACT_BITS: Final = 53


@dataclass(frozen=True, slots=True)
class DataSnooping:
    """Whether the best of the sets could as well be luck; p-values, of which those below 0.05 are rare luck.

    ``reality_check``: the probability that the best of equally many worthless sets would earn as much on
    average as the best one here did (White 2000).
    ``spa_consistent``: the same, with each set measured by its own risk, and without letting hopeless sets
    excuse the good ones (Hansen 2005); the one to judge by.
    ``spa_lower``, ``spa_upper``: the most lenient and the strictest reading of ``spa_consistent``, in which
    all sets that lost, or none, are taken for hopeless.
    ``best``: row of the set with the highest mean over its error; None if none varies.
    ``block_days``: mean block length. ``resamples``: how many.
    """

    reality_check: float
    spa_lower: float
    spa_consistent: float
    spa_upper: float
    best: int | None
    block_days: float
    resamples: int


def superior_to(
    returns: Floats,
    benchmark: Floats | None = None,
    *,
    seed: int,
    resamples: int = 1_000,
    block_days: float | None = None,
) -> DataSnooping:
    """Both tests of daily ``returns`` (sets, days) against ``benchmark`` (days,), or against cash.

    Statistics: max sqrt(n) mean (White) and max(0, max sqrt(n) mean / w), w^2 the stationary bootstrap's own
    variance of sqrt(n) x mean (Hansen); a set counts as hopeless below
    -w x sqrt(2 log log n / n). p = (1 + resamples at or above) / (1 + resamples), never 0. ``block_days`` is
    by default the mean of :func:`optimal_block_days` over the sets. Sets that do not differ from the
    benchmark's course are left out; p is 1 without others. Working memory about 15 MB beyond the matrix at
    1,000 sets. Raises BacktestError below 10 days, for a benchmark of other days, or NaN.
    """
    matrix = checked_matrix(returns, fewest_days=10)
    if benchmark is not None:
        against = checked_series(benchmark)
        if len(against) != matrix.shape[1]:
            raise BacktestError(
                f"the benchmark has {len(against)} days, the sets have {matrix.shape[1]}.",
                "Give both over the same days.",
            )
        matrix = matrix - against
    block = float(optimal_block_days(matrix).mean()) if block_days is None else block_days
    error = np.sqrt(_bootstrap_variances(matrix, block))
    rows = np.flatnonzero(error > NO_VARIATION)
    if not len(rows):
        return DataSnooping(1.0, 1.0, 1.0, 1.0, None, block, resamples)
    return _tests(matrix[rows], error[rows], rows, block, resamples, seed)


def _tests(
    matrix: Floats, error: Floats, rows: Days, block: float, resamples: int, seed: int
) -> DataSnooping:
    days = matrix.shape[1]
    root = math.sqrt(days)
    mean = matrix.mean(axis=1)
    hopeless = mean <= -error * math.sqrt(max(0.0, 2.0 * math.log(math.log(days))) / days)
    centres = (np.maximum(mean, 0.0), np.where(hopeless, 0.0, mean), mean)
    studentised = mean * root / error
    statistic = max(0.0, float(studentised.max()))
    at_or_above = np.zeros(4, dtype=np.int64)
    steps, unit = _exact_steps(matrix)
    for chosen in resampled_days(days, block, resamples, seed):
        means = _occurrences(chosen, days) @ steps
        means *= unit / days
        at_or_above[0] += np.count_nonzero((means - mean).max(axis=1) >= mean.max())
        for place, centre in enumerate(centres, start=1):
            highest = ((means - centre) * (root / error)).max(axis=1)
            at_or_above[place] += np.count_nonzero(np.maximum(highest, 0.0) >= statistic)
    white, lower, consistent, upper = ((1.0 + at_or_above) / (1.0 + resamples)).tolist()
    return DataSnooping(white, lower, consistent, upper, int(rows[studentised.argmax()]), block, resamples)


def _exact_steps(matrix: Floats) -> tuple[Floats, Floats]:
    """``matrix`` as whole numbers of a unit of each set, (days, sets), and the units (sets,).

    Sums of whole numbers are exact up to 2 ** 53, so BLAS may add them in any order, in any number of threads
    and rows at a time, and gives the same bytes. What is rounded off is below 2 ** -51 x days of the largest
    return of the set.
    """
    largest = np.abs(matrix).max(axis=1)
    bits = _EXACT_BITS - 1 - math.ceil(math.log2(matrix.shape[1]))
    unit = np.ldexp(1.0, np.frexp(largest)[1] - bits)
    steps = matrix.T / unit
    np.rint(steps, out=steps)
    return steps, unit


def _occurrences(chosen: Days, days: int) -> Floats:
    """How often each day occurs in each resample, (resamples, days)."""
    places = chosen + np.arange(len(chosen))[:, np.newaxis] * days
    counts = np.bincount(places.ravel(), minlength=len(chosen) * days)
    return counts.reshape(len(chosen), days).astype(np.float64)


def _bootstrap_variances(matrix: Floats, block: float) -> Floats:
    """Variance of sqrt(days) x mean over all stationary bootstrap resamples (sets,), in closed form.

    Politis and Romano (1994): the autocovariances at lag i weighted by
    (1 - i / n) (1 - q)^i + (i / n) (1 - q)^(n - i), q = 1 / block; summed by their spectrum.
    """
    days = matrix.shape[1]
    lags = np.arange(days)
    kept = 1.0 - 1.0 / block
    weights = (1.0 - lags / days) * kept**lags
    weights[1:] += weights[:0:-1].copy()
    weights[0] = 1.0
    by_frequency = np.fft.rfft(weights).real / days**2
    # Of a real series each frequency between the first and the middle one stands for two.
    by_frequency[1 : (days + 1) // 2] *= 2.0
    variances = np.empty(len(matrix))
    for start in range(0, len(matrix), _SETS_AT_ONCE):
        some = matrix[start : start + _SETS_AT_ONCE]
        power = np.fft.rfft(some - some.mean(axis=1, keepdims=True), axis=1)
        variances[start : start + _SETS_AT_ONCE] = (
            (np.square(power.real) + np.square(power.imag)) * by_frequency
        ).sum(axis=1)
    return np.maximum(variances, 0.0)
