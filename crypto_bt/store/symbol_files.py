"""Some datasets of one snapshot copied into files of a few symbols each, for reading them many times.

An object holds a month of all symbols, and is read and verified whole; whoever goes through the symbols a few
at a time would read the store once for each few.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from crypto_bt.core.datasets import dataset_named
from crypto_bt.store.objects import read_frame
from crypto_bt.store.rows import in_key_order
from crypto_bt.store.snapshot_store import SnapshotStore

#: Objects that are split together.
_AT_ONCE = 3


class SymbolFiles:
    """Reads as ``store`` does; ``datasets`` asked for the symbols of one of ``groups`` come from files.

    The files are made in ``folder`` (empty, the caller's to remove) when a dataset is first asked for, and
    belong to the snapshot that was asked for then. Raises what the store raises.
    """

    def __init__(
        self, store: SnapshotStore, folder: Path, groups: Sequence[Sequence[str]], datasets: Collection[str]
    ) -> None:
        self._store, self._folder, self._datasets = store, folder, frozenset(datasets)
        self._group = {symbol: number for number, group in enumerate(groups) for symbol in group}
        self._copied: set[tuple[str, str]] = set()

    def read(
        self,
        dataset: str,
        *,
        symbols: Sequence[str] | None,
        start: datetime | None,
        end: datetime | None,
        columns: Sequence[str] | None,
        at: str | None,
    ) -> pl.DataFrame:
        """Rows with start <= time < end, sorted by key."""
        groups = {self._group.get(symbol) for symbol in symbols or ()}
        if dataset not in self._datasets or len(groups) != 1 or None in groups or at is None:
            return self._store.read(dataset, symbols=symbols, start=start, end=end, columns=columns, at=at)
        if (dataset, at) not in self._copied:
            self._copy(dataset, at)
            self._copied.add((dataset, at))
        of = dataset_named(dataset)
        wanted = list(of.schema) if columns is None else list(columns)
        conditions = [pl.col(of.entity).is_in(list(symbols or ()))]
        if start is not None:
            conditions.append(pl.col(of.time) >= start)
        if end is not None:
            conditions.append(pl.col(of.time) < end)
        files = sorted((self._folder / dataset / at).glob(f"{groups.pop()}-*.arrow"))
        parts = [pl.read_ipc(file).filter(*conditions) for file in files]
        return in_key_order(pl.concat([of.empty(), *parts]), of.entity).select(wanted)

    def _copy(self, dataset: str, at: str) -> None:
        of, folder = dataset_named(dataset), self._folder / dataset / at
        folder.mkdir(parents=True)
        refs = self._store.snapshot(at).of(dataset)
        group = pl.col(of.entity).replace_strict(self._group, default=-1, return_dtype=pl.Int32)
        for first in range(0, len(refs), _AT_ONCE):
            frame = read_frame(self._store.root, refs[first : first + _AT_ONCE], of)
            by_group = frame.with_columns(__group=group).partition_by(
                "__group", as_dict=True, include_key=False
            )
            for (number,), part in by_group.items():
                if number >= 0:
                    part.write_ipc(folder / f"{number}-{first:06d}.arrow", compression="uncompressed")
