"""Daily equity, returns and drawdown of an account, at UTC midnights (rule 33)."""

from typing import Any

from crypto_bt.backtest.kernel.compiled import part
from crypto_bt.backtest.layout import (
    DOWNSIDE_SQUARE_SUM,
    MAX_DRAWDOWN,
    RETURN_SQUARE_SUM,
    RETURN_SUM,
)


@part
def figures_of(a: Any, row: Any) -> Any:
    """What :func:`turned` carries from day to day."""
    return (
        a.day_equity, a.peak, a.trough, row[MAX_DRAWDOWN], row[RETURN_SUM], row[RETURN_SQUARE_SUM],
        row[DOWNSIDE_SQUARE_SUM],
    )  # fmt: skip


@part
def keep_figures(a: Any, row: Any, figures: Any) -> Any:
    """Write them back."""
    a.day_equity, a.peak, a.trough = figures[0], figures[1], figures[2]
    row[MAX_DRAWDOWN], row[RETURN_SUM] = figures[3], figures[4]
    row[RETURN_SQUARE_SUM], row[DOWNSIDE_SQUARE_SUM] = figures[5], figures[6]


@part
def turned(figures: Any, equity: float) -> Any:
    """The figures after a day that ends with ``equity``.

    ``trough`` is the equity below which the drawdown is a new maximum, so that the others need no division.
    """
    before, peak, trough, drawdown, total, squares, downside = figures
    change = equity / before - 1.0 if before > 0.0 else 0.0
    fall = min(change, 0.0)
    if equity > peak:
        peak = equity
        trough = equity * (1.0 + drawdown)
    elif equity < trough:
        drawdown = min(drawdown, equity / peak - 1.0)
        trough = equity
    return equity, peak, trough, drawdown, total + change, squares + change * change, downside + fall * fall


@part
def turn_day(a: Any, row: Any, daily: Any, day: int) -> Any:
    """Close the days before ``day`` with the last mark: a day without bars keeps the one before it.

    ``daily`` is the row of the equity matrix (days + 1), or empty where none is wanted.
    """
    if daily.shape[0] > 0:
        for column in range(a.today + 1, day + 1):
            daily[column] += a.mark
    a.today = day
    if a.mark != a.day_equity:
        keep_figures(a, row, turned(figures_of(a, row), a.mark))
