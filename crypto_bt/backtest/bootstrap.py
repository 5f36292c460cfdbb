"""The stationary bootstrap of daily returns: which days a resampled history is made of.

Politis and Romano (1994): blocks of days of random length (geometric, so that the resampled series is
stationary), wrapped around at the end. The mean length follows Politis and White (2004) with the correction
of Patton, Politis and White (2009).
"""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest.return_matrix import Floats, checked_matrix
from crypto_bt.core.errors import BacktestError

Days = NDArray[np.int64]

_RESAMPLES_AT_ONCE = 64

#: Politis and White (2004): an autocorrelation counts beyond 2 sqrt(log10(days) / days), and the
#: dependence ends before the first 5 lags in a row that do not count.
_BAND: Final = 2.0
_LAGS_IN_A_ROW: Final = 5


def optimal_block_days(returns: Floats) -> Floats:
    """For how many days, on average, what happened on one day is still felt on later ones.

    Mean block length in days (sets,) of the stationary bootstrap for daily ``returns`` (sets, days), not
    rounded: (2 G^2 / D)^(1/3) x days^(1/3) with D = 2 g(0)^2 (Patton, Politis and White 2009), flat-top lag
    window, at least 1 and at most min(3 sqrt(days), days / 3). 1 for a set that does not vary. Raises
    BacktestError below 10 days or for NaN.
    """
    matrix = checked_matrix(returns, fewest_days=10)
    days = matrix.shape[1]
    most_lags = min(math.ceil(math.sqrt(days)) + _LAGS_IN_A_ROW, days - 1)
    covariances = _autocovariances(matrix, most_lags)
    window = _lags_felt(covariances, days, most_lags)
    lags = np.arange(1, most_lags + 1)
    weights = np.clip(2.0 * (1.0 - lags / window[:, np.newaxis]), 0.0, 1.0)
    moment = 2.0 * (weights * lags * covariances[:, 1:]).sum(axis=1)
    spectrum = covariances[:, 0] + 2.0 * (weights * covariances[:, 1:]).sum(axis=1)
    ratio = np.divide(np.abs(moment), np.abs(spectrum), out=np.zeros(len(matrix)), where=spectrum != 0.0)
    longest = min(3.0 * math.sqrt(days), days / 3.0)
    lengths: Floats = np.clip((ratio * ratio * days) ** (1.0 / 3.0), 1.0, longest)
    return lengths


def _autocovariances(matrix: Floats, most_lags: int) -> Floats:
    """(sets, most_lags + 1), sums over the pairs divided by all days."""
    days = matrix.shape[1]
    centred = matrix - matrix.mean(axis=1, keepdims=True)
    found = np.empty((len(matrix), most_lags + 1))
    for lag in range(most_lags + 1):
        found[:, lag] = np.einsum("ij,ij->i", centred[:, lag:], centred[:, : days - lag])
    found /= days
    return found


def _lags_felt(covariances: Floats, days: int, most_lags: int) -> Floats:
    """The width M of the lag window of each set: twice the lag before the first run of lags that do not
    count (at least 1), or twice the last lag that counts where there is no such run."""
    band = _BAND * math.sqrt(math.log10(days) / days)
    counts = np.abs(covariances[:, 1:]) >= band * covariances[:, :1]
    run = min(_LAGS_IN_A_ROW, most_lags)
    quiet = ~np.logical_or.reduce(
        [counts[:, lag : most_lags - run + 1 + lag] for lag in range(run)],
    )
    last_that_counts = most_lags - np.argmax(counts[:, ::-1], axis=1)
    felt = np.where(quiet.any(axis=1), np.argmax(quiet, axis=1), last_that_counts)
    width: Floats = np.clip(2.0 * felt, 2.0, float(most_lags))
    return width


def resampled_days(days: int, block_days: float, resamples: int, seed: int) -> Iterator[Days]:
    """Yield, some resamples at a time, which day stands in each place: (some, days), values 0 to days - 1.

    Each day is followed by its successor (the last by the first), or with probability 1 / ``block_days`` by
    a random one. The same seed gives the same resamples, whatever number is yielded at a time. Raises
    BacktestError for a block length below 1, no days or no resamples.
    """
    if not (1.0 <= block_days < math.inf and days >= 1 and resamples >= 1):
        raise BacktestError(
            f"{resamples} resamples of {days} days in blocks of {block_days} days were asked for.",
            "Give blocks of at least 1 day, at least one day and one resample.",
        )
    generator = np.random.Generator(np.random.PCG64(seed))
    places = np.arange(days)
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        drawn = generator.random((min(_RESAMPLES_AT_ONCE, resamples - start), 2, days))
        begins = drawn[:, 0] * block_days < 1.0
        begins[:, 0] = True
        # float rounding may carry the largest draw up to ``days`` itself.
        first = np.minimum((drawn[:, 1] * days).astype(np.int64), days - 1)
        first -= places
        begun_at = np.maximum.accumulate(np.where(begins, places, 0), axis=1)
        chosen = np.take_along_axis(first, begun_at, axis=1)
        chosen += places
        chosen %= days
        yield chosen
