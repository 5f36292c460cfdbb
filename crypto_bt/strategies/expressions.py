"""Polars expressions that several strategies share, on a frame sorted by symbol and open_time."""

from typing import Final

import polars as pl

#: Whether the row before is of the same symbol; null on the very first row.
_SAME_SYMBOL: Final = pl.col("symbol") == pl.col("symbol").shift(1)


def held(decision: pl.Expr) -> pl.Expr:
    """The newest ``decision`` of each symbol that is not null; flat (0) before its first.

    Needs no window of its own, so ``decision`` may look across symbols.
    """
    return pl.when(_SAME_SYMBOL).then(decision).otherwise(decision.fill_null(0)).forward_fill()


def true_range() -> pl.Expr:
    """Wilder's true range (1978): the bar's range, widened to the close before it; null on a symbol's first
    bar."""
    before = pl.when(_SAME_SYMBOL).then(pl.col("close").shift(1))
    spread = pl.max_horizontal("high", before) - pl.min_horizontal("low", before)
    return pl.when(before.is_not_null()).then(spread)


def average_true_range(length: int = 14) -> pl.Expr:
    """Mean of the last ``length`` true ranges of the symbol, in quote: the ATR that exits are measured in.

    A plain mean where Wilder smooths, so that it is exact after ``length`` + 1 bars, when it begins.
    """
    return true_range().rolling_mean(length).over("symbol")


def bars_since(event: pl.Expr) -> pl.Expr:
    """Bars since ``event`` (a boolean) was last true for the symbol, 0 where it is; null before its first."""
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    start = pl.when(_SAME_SYMBOL).then(None).otherwise(row).forward_fill()
    last = pl.when(event).then(row).forward_fill()
    return pl.when(last >= start).then(row - last)
