"""Importing files into a home's store: everything of one command is published at once, or nothing is."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from crypto_bt.core.archive_rows import FileRows
from crypto_bt.core.datasets import DATASETS, Dataset
from crypto_bt.core.errors import SourceMismatch, UsageError
from crypto_bt.core.merging import Merge, merge
from crypto_bt.defs.foreign_files import Hints, read_file
from crypto_bt.defs.resources import Desk

#: Whose data the exchange's public archive holds.
ARCHIVE_SOURCE: Final = "binanceusdm"
PUBLISHED_BY: Final = "data import"
#: So many of the rows that differ from stored ones are named.
NAMED_AT_MOST: Final = 5


@dataclass(frozen=True, slots=True)
class FileReport:
    """What was found in one file; ``left_out`` are last candles that may still have been open."""

    path: Path
    dataset: str
    symbols: int
    rows: int
    refused: int
    left_out: int
    remark: str


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What the files do to one dataset; ``named`` tells the first of the ``differing`` rows."""

    dataset: str
    new: int
    filled: int
    same: int
    differing: int
    named: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did; ``snapshot`` is None for a dry run. ``revised`` counts overwritten values."""

    source: str
    snapshot: str | None
    files: tuple[FileReport, ...]
    datasets: tuple[DatasetReport, ...]
    refused: int
    revised: int


def import_files(
    desk: Desk,
    paths: Sequence[Path],
    *,
    hints: Hints,
    source: str | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> ImportReport:
    """Read ``paths`` and publish their rows, the refused ones to the quarantine.

    Rows that contradict stored ones are counted, and written only with ``overwrite``. ``source`` is whose
    data the files hold, by default what they say themselves, else the exchange's own. Raises UsageError when
    a file cannot be used or two of them contradict each other, and SourceMismatch when the store holds data
    of another source; then nothing has changed.
    """
    now = desk.clock()
    files = [(path, read_file(path, hints, now)) for path in paths]
    identity = _identity(files, source)
    rows = {name: _together(name, files) for name in dict.fromkeys(found.dataset for _, found in files)}
    with nullcontext() if dry_run else desk.home.locked("market", PUBLISHED_BY):
        current = desk.store.current()
        if current is not None and current.source != identity:
            raise SourceMismatch(
                f"{desk.home.root} holds data of {current.source!r}, the files that of {identity!r}.",
                f"Use another --home; or, if the files are of that source, say --source {current.source}.",
            )
        merges = {name: _merged(desk, DATASETS[name], frame, overwrite, now) for name, frame in rows.items()}
        changes = _changes(merges, [found.quarantine for _, found in files])
        snapshot = None
        if not dry_run:
            published = desk.store.publish(changes, source=identity, published_by=PUBLISHED_BY, now=now)
            snapshot = published.id
    return ImportReport(
        source=identity,
        snapshot=snapshot,
        files=tuple(_file_report(path, found) for path, found in files),
        datasets=tuple(_dataset_report(DATASETS[name], made) for name, made in merges.items()),
        refused=sum(found.quarantine.height for _, found in files),
        revised=sum(made.revisions.height for made in merges.values()),
    )


def _identity(files: Sequence[tuple[Path, FileRows]], source: str | None) -> str:
    """Whose data the files hold; UsageError where they, or ``source``, contradict each other."""
    told = {path.name: found.source or source or ARCHIVE_SOURCE for path, found in files}
    identities = set(told.values()) | ({source} if source else set())
    if len(identities) > 1:
        name, other = next((n, of) for n, of in told.items() if of != (source or ARCHIVE_SOURCE))
        raise UsageError(
            f"{name} holds data of {other!r}, not of {source or ARCHIVE_SOURCE!r}.",
            "Import files of one source at a time, without --source where they name it themselves.",
        )
    return identities.pop()


def _together(name: str, files: Sequence[tuple[Path, FileRows]]) -> pl.DataFrame:
    """The rows of all files of a dataset, each key once; UsageError where two files contradict each other."""
    dataset = DATASETS[name]
    key = list(dataset.key)
    parts = [
        found.frame.with_columns(pl.lit(path.name).alias("_file"))
        for path, found in files
        if found.dataset == name
    ]
    rows = pl.concat(parts).unique(list(dataset.schema), keep="first", maintain_order=True).sort(key)
    twice = rows.filter(pl.struct(key).is_duplicated())
    if not twice.is_empty():
        first = twice.row(0, named=True)
        others = twice.filter(pl.all_horizontal(pl.col(column) == first[column] for column in key))
        raise UsageError(
            f"{' and '.join(others['_file'].unique().sort())} give different values of "
            f"{_named(dataset, first)}.",
            "Leave one of them out.",
        )
    return rows.drop("_file")


def _merged(desk: Desk, dataset: Dataset, rows: pl.DataFrame, overwrite: bool, now: datetime) -> Merge:
    stored = dataset.empty()
    if not rows.is_empty():
        first, last = rows.select(pl.col(dataset.time).min(), pl.col(dataset.time).max().alias("last")).row(0)
        entities = rows[dataset.entity].unique().to_list()
        end = last + timedelta(milliseconds=1)
        stored = desk.store.read(dataset.name, symbols=entities, start=first, end=end)
    return merge(dataset, stored, rows, overwrite=overwrite, now=now)


def _changes(merges: dict[str, Merge], refused: Sequence[pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """What is published, by dataset; files may themselves hold a quarantine and revisions."""
    changes = {name: made.write for name, made in merges.items()}
    found = {"quarantine": list(refused), "revisions": [made.revisions for made in merges.values()]}
    for name, frames in found.items():
        known = changes.get(name, DATASETS[name].empty())
        added = pl.concat([known, *frames])
        changes[name] = added.unique(DATASETS[name].key, keep="first", maintain_order=True)
    return changes


def _file_report(path: Path, found: FileRows) -> FileReport:
    symbols = found.frame[DATASETS[found.dataset].entity].n_unique()
    refused = found.quarantine.height
    return FileReport(path, found.dataset, symbols, found.frame.height, refused, found.left_out, found.remark)


def _dataset_report(dataset: Dataset, made: Merge) -> DatasetReport:
    named = tuple(_named(dataset, row) for row in made.differing.head(NAMED_AT_MOST).iter_rows(named=True))
    return DatasetReport(dataset.name, made.new, made.filled, made.same, made.differing.height, named)


def _named(dataset: Dataset, row: dict[str, object]) -> str:
    return f"{row[dataset.entity]} {dataset.name} {row[dataset.time]:%Y-%m-%d %H:%M}"
