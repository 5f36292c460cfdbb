"""Rows from a file held against the stored ones: what is new, what only fills, what contradicts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from crypto_bt.core.datasets import DATASETS, Dataset
from crypto_bt.core.exported_rows import RECORDS
from crypto_bt.core.schemas import REVISION_SCHEMA


@dataclass(frozen=True, slots=True)
class Merge:
    """What rows from a file do to the stored ones.

    ``write``: rows to publish. ``new`` rows are not stored yet, ``filled`` ones fill what is null in the
    store, ``same`` ones change nothing. ``differing`` holds the keys of those that contradict a stored value;
    ``revisions`` says which value, where they are to be overwritten.
    """

    write: pl.DataFrame
    new: int
    filled: int
    same: int
    differing: pl.DataFrame
    revisions: pl.DataFrame


def merge(
    dataset: Dataset, stored: pl.DataFrame, rows: pl.DataFrame, *, overwrite: bool, now: datetime
) -> Merge:
    """Hold ``rows`` (each key once) against the ``stored`` rows of ``dataset``.

    A null in either says nothing: it contradicts nothing and overwrites nothing. Rows that differ are written
    only with ``overwrite``.
    """
    key = list(dataset.key)
    fields = [column for column in dataset.schema if column not in key]
    both = rows.join(
        stored.with_columns(known=True), on=key, how="left", suffix="_stored", maintain_order="left"
    )
    known = pl.col("known").fill_null(value=False)
    differs = {field: (pl.col(field) != pl.col(f"{field}_stored")).fill_null(value=False) for field in fields}
    fills = [pl.col(field).is_not_null() & pl.col(f"{field}_stored").is_null() for field in fields]
    both = both.with_columns(
        known=known,
        differs=known & pl.any_horizontal(*differs.values()),
        fills=known & pl.any_horizontal(fills),
    )
    values = [pl.coalesce(field, f"{field}_stored").alias(field) for field in fields]
    wanted = ~pl.col("known") | (pl.col("fills") & ~pl.col("differs"))
    write = both.filter(wanted | pl.col("differs") if overwrite else wanted)
    differing = both.filter("differs")
    filled = both.filter(pl.col("fills") & ~pl.col("differs")).height
    new = both.filter(~pl.col("known")).height
    return Merge(
        write=write.with_columns(values).select(list(dataset.schema)),
        new=new,
        filled=filled,
        same=both.height - new - filled - differing.height,
        differing=differing.select(key),
        revisions=_revisions(dataset, differing.filter(overwrite), differs, now),
    )


def _revisions(
    dataset: Dataset, differing: pl.DataFrame, differs: Mapping[str, pl.Expr], now: datetime
) -> pl.DataFrame:
    """One row for each figure that changes; records of other datasets have no revisions of their own."""
    revisions = DATASETS["revisions"]
    figures = [
        field
        for field in differs
        if dataset.name not in RECORDS
        and (dataset.schema[field].is_numeric() or dataset.schema[field] == pl.Boolean)
    ]
    changed = [
        differing.filter(differs[field]).select(
            pl.lit(dataset.name).alias("dataset"),
            pl.col(dataset.entity).alias("symbol"),
            pl.col(dataset.time).alias("open_time"),
            pl.lit(field).alias("field"),
            pl.col(f"{field}_stored").cast(pl.Float64).alias("before"),
            pl.col(field).cast(pl.Float64).alias("after"),
            pl.lit(now).cast(REVISION_SCHEMA["seen_at"]).alias("seen_at"),
        )
        for field in figures
    ]
    # Series may have several values for one observation, known at different times.
    return pl.concat([revisions.empty(), *changed]).unique(revisions.key, keep="last").sort(revisions.key)
