"""What a market store is: frames in, frames out, and opaque snapshot ids. No paths, no SQL, no connections.

Whoever reads or writes market data sees this protocol. Every implementation passes the suite
``crypto_bt_tests/store/test_market_store_contract.py``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Protocol

import polars as pl

from crypto_bt.store.documents import canonical, sha256_hex


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One immutable object: the rows of one dataset in one UTC month, or year for a sparse dataset.

    ``sha256`` is the checksum of its bytes and its name. ``month`` is ``2026-11`` (``2026``);
    ``first`` and ``last`` are the smallest and largest value of the dataset's time column, both inclusive.
    """

    sha256: str
    dataset: str
    month: str
    rows: int
    bytes: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Snapshot:
    """One published, immutable state of the store.

    ``id`` grows with each publish and is never given twice; ``parent`` is the snapshot it was made from.
    """

    id: str
    source: str
    schema_version: int
    parent: str | None
    published_by: str
    published_at: datetime
    objects: tuple[ObjectRef, ...]

    @cached_property
    def digest(self) -> str:
        """Identity of the content alone: sha256 over (dataset, month, sha256), free of ids and times."""
        return sha256_hex(canonical([[item.dataset, item.month, item.sha256] for item in self.objects]))

    def of(self, dataset: str) -> tuple[ObjectRef, ...]:
        """The objects of one dataset, oldest month first."""
        return tuple(item for item in self.objects if item.dataset == dataset)

    def rows(self, dataset: str) -> int:
        """Rows of one dataset."""
        return sum(item.rows for item in self.of(dataset))


@dataclass(frozen=True, slots=True)
class Verification:
    """``objects`` of ``of`` have the bytes that their name promises; ``bytes`` is what was hashed.

    ``corrupt`` and ``missing`` name files of the store: objects, manifests, CURRENT.
    """

    snapshots: int
    objects: int
    of: int
    bytes: int
    corrupt: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Nothing is corrupt and nothing is missing."""
        return not self.corrupt and not self.missing


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection removed; ``bytes`` is the room it gave back."""

    snapshots: tuple[str, ...]
    objects: int
    bytes: int


class MarketStore(Protocol):
    """Versioned market data: every publish makes a snapshot, every read sees exactly one."""

    def current(self) -> Snapshot | None:
        """The newest state, or None before the first publish."""

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """One snapshot; :class:`~crypto_bt.core.errors.SnapshotMissing` if it is not there."""

    def snapshots(self) -> list[Snapshot]:
        """All snapshots, oldest first."""

    def read(
        self,
        dataset: str,
        *,
        symbols: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        at: str | None = None,
    ) -> pl.DataFrame:
        """Rows with ``start <= time < end``, sorted by the dataset's key, every byte read verified.

        An empty frame with the schema if there is nothing. ``at`` is a snapshot id (default: the newest).
        :class:`~crypto_bt.core.errors.StoreCorrupt` if the bytes are not what was published.
        """

    def publish(
        self, changes: Mapping[str, pl.DataFrame], *, source: str, published_by: str, now: datetime
    ) -> Snapshot:
        """Upsert the rows of ``changes`` (by dataset) by key, all or nothing; the new values win.

        When nothing changes, the newest snapshot is returned and none is made. Raises
        :class:`~crypto_bt.core.errors.SourceMismatch` for data of another source than the store's own, and
        :class:`~crypto_bt.core.errors.StoreError` for a wrong schema, a null key, or two values for one key.
        """

    def verify(self, at: str | None = None) -> Verification:
        """Hash every object of one snapshot, or of the whole store. Reports damage, does not raise for it."""

    def gc(self, keep: Collection[str]) -> Collected:
        """Remove the snapshots not in ``keep`` (never the newest) and the objects that no snapshot needs."""
