"""Candles of a finer timeframe inside each bar, which tell what came first in it (rule 21)."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.candle_rows import PRICES
from crypto_bt.backtest.layout import BAR_FIELDS, MARK_HIGH, MARK_LOW
from crypto_bt.backtest.mark_extremes import mark_extremes
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe


@dataclass(frozen=True)
class FinerBars:
    """``lines`` (finer bars, 8) as those of the bars; ``first`` is, for each bar, the row of the first of the
    ``count`` finer bars that cover it, or -1 where one is missing. Without finer bars all is empty."""

    lines: NDArray[np.float64]
    first: NDArray[np.int64]
    count: int


def finer_bars(
    candles: pl.DataFrame, timeframe: Timeframe, finer: pl.DataFrame | None, mark_prices: pl.DataFrame | None
) -> FinerBars:
    """Arrange ``finer`` candles (any order) for the rows of ``candles``.

    Raises :class:`BacktestError` where they are not of one timeframe finer than ``timeframe``.
    """
    if finer is None or finer.is_empty():
        return FinerBars(np.empty((0, BAR_FIELDS)), np.empty(0, np.int64), 0)
    finer = finer.sort("symbol", "open_time")
    of_finer = _timeframe_of(finer, timeframe)
    lines = np.empty((len(finer), BAR_FIELDS))
    for column, name in enumerate(PRICES):
        lines[:, column] = finer[name].to_numpy()
    lines[:, MARK_HIGH], lines[:, MARK_LOW] = mark_extremes(finer, of_finer, mark_prices)
    count = timeframe.milliseconds // of_finer.milliseconds
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    bar = pl.col("open_time").dt.epoch("ms") // timeframe.milliseconds
    covered = (
        finer.lazy()
        .select("symbol", bar=bar, row=row)
        .group_by("symbol", "bar")
        .agg(first=pl.col("row").min(), found=pl.len())
        .filter(pl.col("found") == count)
    )
    first = (
        candles.lazy()
        .select("symbol", bar=bar)
        .join(covered, on=["symbol", "bar"], how="left", maintain_order="left")
        .select(pl.col("first").fill_null(-1))
        .collect()["first"]
    )
    return FinerBars(lines, first.to_numpy().astype(np.int64), count)


def _timeframe_of(finer: pl.DataFrame, timeframe: Timeframe) -> Timeframe:
    """The timeframe of sorted candles, told by the smallest step between two of one symbol."""
    since = pl.col("open_time").dt.epoch("ms").diff().over("symbol")
    step = finer.select(step=since)["step"].drop_nulls().min()
    if step is None:  # a lone candle, which covers nothing
        return min(Timeframe, key=lambda known: known.delta)
    found = next((known for known in Timeframe if known.milliseconds == step), None)
    if found is None or timeframe.milliseconds <= found.milliseconds:
        raise BacktestError(
            f"The finer candles are {step!r} ms apart, those to resolve {timeframe.milliseconds} ms.",
            "Give candles of one finer timeframe.",
        )
    return found
