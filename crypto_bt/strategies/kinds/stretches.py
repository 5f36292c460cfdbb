"""The windows of bars that a decision may be made on: of one symbol, full, and without a missing candle."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.core.market import Timeframe


def stretches(frame: pl.DataFrame, timeframe: Timeframe) -> Iterator[tuple[int, int]]:
    """First row and row after the last of each run of bars of one symbol that follow one another.

    ``frame`` is sorted by symbol and open_time.
    """
    if frame.is_empty():
        return
    follows = (pl.col("symbol") == pl.col("symbol").shift(1)) & (
        pl.col("open_time") - pl.col("open_time").shift(1) == timeframe.delta
    )
    starts: NDArray[np.intp] = np.flatnonzero(
        ~frame.select(follows.fill_null(value=False)).to_series().to_numpy()
    )
    yield from zip(starts.tolist(), [*starts[1:].tolist(), frame.height], strict=True)
