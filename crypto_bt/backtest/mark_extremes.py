"""The extremes of the mark price in each bar, which decide on liquidation (rule 22)."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.core.market import Timeframe


def mark_extremes(
    candles: pl.DataFrame, timeframe: Timeframe, mark_prices: pl.DataFrame | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """High and low for each row of ``candles`` (sorted by symbol, open_time).

    Those of the hourly mark candles that open inside the bar; the candle's own where none is stored, or
    where the bar is shorter than an hour.
    """
    high, low = pl.col("high").cast(pl.Float64), pl.col("low").cast(pl.Float64)
    if mark_prices is None or mark_prices.is_empty() or timeframe.delta < Timeframe.H1.delta:
        own = candles.select(high=high, low=low)
        return own["high"].to_numpy(), own["low"].to_numpy()
    milliseconds = timeframe.milliseconds
    inside = (
        mark_prices.lazy()
        .select("symbol", "high", "low", bar=pl.col("open_time").dt.epoch("ms") // milliseconds)
        .group_by("symbol", "bar")
        .agg(mark_high=pl.col("high").max(), mark_low=pl.col("low").min())
    )
    found = (
        candles.lazy()
        .select("symbol", high=high, low=low, bar=pl.col("open_time").dt.epoch("ms") // milliseconds)
        .join(inside, on=["symbol", "bar"], how="left", maintain_order="left")
        .select(high=pl.coalesce("mark_high", "high"), low=pl.coalesce("mark_low", "low"))
        .collect()
    )
    return found["high"].to_numpy(), found["low"].to_numpy()
