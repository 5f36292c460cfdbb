"""What a store holds, symbol by symbol, from the keys alone."""

import polars as pl

from crypto_bt.core.datasets import Dataset, dataset_named
from crypto_bt.store.market_store import MarketStore


def coverage_summary(store: MarketStore, dataset: str, *, at: str | None = None) -> pl.DataFrame:
    """One row for each symbol (or series) of ``dataset``; see :func:`coverage_of` for the columns."""
    shape = dataset_named(dataset)
    return coverage_of(shape, store.read(dataset, columns=[shape.entity, shape.time], at=at))


def coverage_of(dataset: Dataset, keys: pl.DataFrame) -> pl.DataFrame:
    """Coverage of rows sorted by (entity, time), from those two columns.

    Columns: the entity; first, last (of the time column, both inclusive); rows; gaps (runs of missing candles
    between first and last) and missing (candles in them), both null where the dataset has no timeframe.
    """
    time = pl.col(dataset.time)
    if dataset.timeframe is None:
        gaps = missing = pl.lit(None, dtype=pl.Int64)
    else:
        lost = time.diff().dt.total_milliseconds() // dataset.timeframe.milliseconds - 1
        gaps, missing = (lost > 0).sum().cast(pl.Int64), lost.filter(lost > 0).sum().cast(pl.Int64)
    return keys.group_by(dataset.entity, maintain_order=True).agg(
        first=time.min(),
        last=time.max(),
        rows=pl.len().cast(pl.Int64),
        gaps=gaps,
        missing=missing,
    )
