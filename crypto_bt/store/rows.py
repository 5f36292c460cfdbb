"""Pure rules for rows: strict schema, one row for each key, order, months, merging."""

from collections.abc import Sequence
from itertools import pairwise

import polars as pl

from crypto_bt.core.datasets import Dataset
from crypto_bt.core.errors import StoreError

_MONTH = "__month"


def checked(dataset: Dataset, frame: pl.DataFrame) -> pl.DataFrame:
    """``frame`` with the dataset's columns in order, sorted by key, equal rows once.

    :class:`StoreError` for other columns or types, a null in the key, or two different rows with one key.
    """
    if dict(frame.schema) != dataset.schema:
        raise StoreError(f"Rows for {dataset.name} have the wrong schema: {_difference(dataset, frame)}.")
    frame = frame.select(list(dataset.schema))
    key = list(dataset.key)
    nulls = {name: frame[name].null_count() for name in key if frame[name].null_count()}
    if nulls:
        name, count = next(iter(nulls.items()))
        raise StoreError(f"Rows for {dataset.name}: {name} is null in {count} of {frame.height} rows.")
    if _strictly_increasing(frame, key):
        return frame
    frame = frame.sort(key, maintain_order=True)
    if _strictly_increasing(frame, key):
        return frame
    frame = frame.unique(maintain_order=True)
    twice = frame.filter(pl.struct(key).is_duplicated())
    if not twice.is_empty():
        raise StoreError(
            f"Rows for {dataset.name} give two values for one key: {twice.row(0)} and {twice.row(1)}."
        )
    return frame


def _strictly_increasing(frame: pl.DataFrame, key: Sequence[str]) -> bool:
    """Whether each row's key is above the one before it, compared column by column."""
    above = pl.lit(value=False)
    for name in reversed(key):
        before = pl.col(name).shift()
        above = (pl.col(name) > before) | ((pl.col(name) == before) & above)
    return bool(frame.select(above.slice(1).all()).item())


def _difference(dataset: Dataset, frame: pl.DataFrame) -> str:
    missing = [name for name in dataset.schema if name not in frame.schema]
    unknown = [name for name in frame.schema if name not in dataset.schema]
    wrong = [
        f"{name} is {frame.schema[name]}, not {kind}"
        for name, kind in dataset.schema.items()
        if name in frame.schema and frame.schema[name] != kind
    ]
    parts = [f"missing {', '.join(missing)}"] if missing else []
    parts += [f"unknown {', '.join(unknown)}"] if unknown else []
    return "; ".join(parts + wrong)


def by_month(dataset: Dataset, frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The rows of each UTC month (``2026-11``; of each year, ``2026``, if sparse), the order of rows kept."""
    time = pl.col(dataset.time)
    if dataset.sparse:
        years = frame[dataset.time].dt.year()
        return {f"{year:04d}": frame.filter(years == year) for year in years.unique().sort()}
    marked = frame.with_columns((time.dt.year() * 100 + time.dt.month()).alias(_MONTH))
    months = marked[_MONTH].unique().sort().to_list()
    return {
        f"{month // 100:04d}-{month % 100:02d}": marked.filter(pl.col(_MONTH) == month).drop(_MONTH)
        for month in months
    }


def merged(dataset: Dataset, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """``old`` with the rows of ``new`` put in by key; sorted by key."""
    key = list(dataset.key)
    kept = old.join(new.select(key), on=key, how="anti")
    return pl.concat([kept, new]).sort(key)


def in_key_order(frame: pl.DataFrame, entity: str) -> pl.DataFrame:
    """Rows that are sorted by key within each month, months in order, as one run sorted by key.

    Every key begins with (``entity``, time), so it is enough to bring the runs of each together:
    a copy instead of a sort (36 against 209 CPU ms on a year of H1).
    """
    runs = frame[entity].rle().struct.unnest()
    lengths, symbols = runs["len"].to_list(), runs["value"].to_list()
    if all(before < after for before, after in pairwise(symbols)):
        return frame
    pieces: dict[str, list[pl.DataFrame]] = {}
    at = 0
    for length, symbol in zip(lengths, symbols, strict=True):
        pieces.setdefault(symbol, []).append(frame.slice(at, length))
        at += length
    return pl.concat([piece for symbol in sorted(pieces) for piece in pieces[symbol]], rechunk=True)
