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
def turn_day(a: Any, row: Any, daily: Any, day: int) -> Any:
    """Close the days before ``day`` with the last mark: a day without bars keeps the one before it.

    ``daily`` is the row of the equity matrix (days + 1), or empty where none is wanted.
    """
    if daily.shape[0] > 0:
        for column in range(a.today + 1, day + 1):
            daily[column] += a.mark
    a.today = day
    equity = a.mark
    if equity == a.day_equity:
        return
    if a.day_equity > 0.0:
        change = equity / a.day_equity - 1.0
        row[RETURN_SUM] += change
        row[RETURN_SQUARE_SUM] += change * change
        if change < 0.0:
            row[DOWNSIDE_SQUARE_SUM] += change * change
    a.day_equity = equity
    if equity > a.peak:
        a.peak = equity
        a.trough = equity * (1.0 + row[MAX_DRAWDOWN])
    elif equity < a.trough:
        row[MAX_DRAWDOWN] = min(row[MAX_DRAWDOWN], equity / a.peak - 1.0)
        a.trough = equity
