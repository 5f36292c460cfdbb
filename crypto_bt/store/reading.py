"""Reading one dataset of one snapshot: choose the months, verify the bytes, keep the rows asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from crypto_bt.core.datasets import Dataset, dataset_named
from crypto_bt.core.errors import StoreError
from crypto_bt.store.market_store import Snapshot
from crypto_bt.store.objects import read_frame
from crypto_bt.store.rows import in_key_order


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows and columns of a dataset are asked for: ``start <= time < end``, None for no bound.

    ``symbols`` are values of the dataset's entity: symbols, or the names of series.
    """

    dataset: Dataset
    symbols: tuple[str, ...] | None
    start: datetime | None
    end: datetime | None
    columns: tuple[str, ...]


def selection(
    dataset_name: str,
    *,
    symbols: Sequence[str] | None,
    start: datetime | None,
    end: datetime | None,
    columns: Sequence[str] | None,
) -> Selection:
    """A checked :class:`Selection`; :class:`StoreError` for an unknown dataset or column, or a naive time."""
    dataset = dataset_named(dataset_name)
    for name, moment in (("start", start), ("end", end)):
        if moment is not None and moment.tzinfo is None:
            raise StoreError(f"{name} {moment} has no timezone.", "Times of the store are UTC.")
    chosen = tuple(dataset.schema) if columns is None else tuple(columns)
    unknown = [name for name in chosen if name not in dataset.schema]
    if unknown:
        there = f"It has: {', '.join(dataset.schema)}."
        raise StoreError(f"{dataset.name} has no column {', '.join(unknown)}.", there)
    return Selection(dataset, None if symbols is None else tuple(symbols), start, end, chosen)


def read_selection(root: Path, snapshot: Snapshot, asked: Selection) -> pl.DataFrame:
    """The rows asked for, sorted by key. Reads the months that overlap, and verifies every byte of them."""
    dataset = asked.dataset
    refs = [
        ref
        for ref in snapshot.of(dataset.name)
        if (asked.start is None or ref.last >= asked.start) and (asked.end is None or ref.first < asked.end)
    ]
    needed = {*asked.columns, dataset.entity, dataset.time}
    columns = [name for name in dataset.schema if name in needed]
    frame = read_frame(root, refs, dataset, columns, _conditions(asked))
    return in_key_order(frame, dataset.entity).select(asked.columns)


def _conditions(asked: Selection) -> list[pl.Expr]:
    time = pl.col(asked.dataset.time)
    conditions = []
    if asked.symbols is not None:
        entity = pl.col(asked.dataset.entity)
        if asked.symbols:  # a range too, by which whole groups of rows are passed over unread
            conditions += [entity >= min(asked.symbols), entity <= max(asked.symbols)]
        conditions.append(entity.is_in(asked.symbols))
    if asked.start is not None:
        conditions.append(time >= asked.start)
    if asked.end is not None:
        conditions.append(time < asked.end)
    return conditions
