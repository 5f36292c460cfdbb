"""Daily returns of many parameter sets as one matrix, checked before a statistic trusts it.

``returns`` is float64 of shape (parameter sets, days): simple returns as fractions, one row a set, one column
a UTC day, all sets over the same days.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crypto_bt.core.errors import BacktestError

Floats = NDArray[np.float64]

#: A standard deviation of daily returns at or below this is rounding, not risk.
NO_VARIATION: Final = 1e-15


def matrix_returns(equity: Floats) -> Floats:
    """Returns (sets, days) of daily equity (sets, days + 1); 0 on days after everything was lost."""
    before = equity[:, :-1]
    returns = np.ones(before.shape)
    np.divide(equity[:, 1:], before, out=returns, where=before > 0.0)
    returns -= 1.0
    return returns


def checked_matrix(returns: Floats, *, fewest_sets: int = 1, fewest_days: int = 2) -> Floats:
    """``returns`` as a contiguous matrix. Raises BacktestError for another shape, too little, or NaN."""
    if returns.ndim != 2 or returns.shape[0] < fewest_sets or returns.shape[1] < fewest_days:
        raise BacktestError(
            f"daily returns have the shape {returns.shape}, needed: ({fewest_sets}, {fewest_days}) or more.",
            "Give one row a parameter set and one column a day, over a longer span.",
        )
    if not np.isfinite(returns).all():
        row, day = (int(axis[0]) for axis in np.nonzero(~np.isfinite(returns)))
        raise BacktestError(
            f"the daily return of set {row} on day {day} is {returns[row, day]}.",
            "Give 0 for a day without a position.",
        )
    return np.ascontiguousarray(returns, dtype=np.float64)


def checked_series(returns: Floats, *, fewest_days: int = 2) -> Floats:
    """The (days,) returns of one set, contiguous. Raises BacktestError as :func:`checked_matrix` does."""
    if returns.ndim != 1:
        raise BacktestError(f"daily returns have the shape {returns.shape}.", "Give one row of the matrix.")
    series: Floats = checked_matrix(returns[np.newaxis], fewest_days=fewest_days)[0]
    return series
