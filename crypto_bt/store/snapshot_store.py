"""The market store on a folder: immutable objects, snapshot manifests, and CURRENT.

::

    objects/<sha256>.parquet   rows of one dataset and month; the name is the checksum of the bytes
    snapshots/000123.json      which objects make up a snapshot
    CURRENT                    the newest snapshot; swapped by an atomic rename
    market.duckdb              views for the DuckDB command line; no data, may be deleted
    writer.lock                held by the one writer; readers never wait
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from crypto_bt.core.errors import StoreCorrupt, StoreError
from crypto_bt.store import manifests, objects
from crypto_bt.store.collecting import collect, verify_snapshots, verify_store
from crypto_bt.store.documents import VERIFY
from crypto_bt.store.duckdb_views import refresh_views
from crypto_bt.store.durable import read_bytes, sweep_temporaries, sync_folder
from crypto_bt.store.locking import exclusive
from crypto_bt.store.market_store import Collected, Snapshot, Verification
from crypto_bt.store.mending import point_at
from crypto_bt.store.publishing import check_changes, check_source, commit, lay_out, write_objects
from crypto_bt.store.reading import read_selection, selection


class SnapshotStore:
    """A :class:`~crypto_bt.store.market_store.MarketStore` in the folder ``root``.

    Nothing is created before the first publish. A second writer waits up to ``lock_timeout`` seconds.
    ``views`` says whether a publish also writes ``market.duckdb``.
    """

    def __init__(self, root: Path, *, lock_timeout: float = 60.0, views: bool = True) -> None:
        self.root = root.absolute()
        self._lock_timeout = lock_timeout
        self._views = views

    def current(self) -> Snapshot | None:
        """The newest snapshot, or None. :class:`StoreCorrupt` if CURRENT or its manifest is damaged."""
        while True:
            pointer = manifests.read_pointer(self.root)
            if pointer.snapshot is None:
                return None
            try:
                return manifests.read_manifest(self.root, pointer.snapshot, pointer.manifest_sha256)
            except FileNotFoundError:
                if manifests.read_pointer(self.root) == pointer:
                    path = manifests.manifest_path(self.root, pointer.snapshot)
                    raise StoreCorrupt(f"{path} is missing, though CURRENT names it.", VERIFY) from None
                # A newer one was published and this one collected between the two reads: look again.

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """The snapshot with this id; see :meth:`MarketStore.snapshot`."""
        pointer = manifests.read_pointer(self.root)
        if not manifests.is_id(snapshot_id) or int(snapshot_id) > int(pointer.last):
            raise manifests.missing_snapshot(self.root, snapshot_id)
        expected = pointer.manifest_sha256 if snapshot_id == pointer.snapshot else None
        try:
            return manifests.read_manifest(self.root, snapshot_id, expected)
        except FileNotFoundError:
            raise manifests.missing_snapshot(self.root, snapshot_id) from None

    def snapshots(self) -> list[Snapshot]:
        """All published snapshots, oldest first."""
        last = int(manifests.read_pointer(self.root).last)
        found = []
        for snapshot_id in manifests.manifest_ids(self.root):
            if int(snapshot_id) <= last:
                try:
                    found.append(manifests.read_manifest(self.root, snapshot_id))
                except FileNotFoundError:
                    continue  # collected since the folder was listed
        return found

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
        """See :meth:`MarketStore.read`. Only the months that overlap are read."""
        asked = selection(dataset, symbols=symbols, start=start, end=end, columns=columns)
        while True:
            snapshot = self.current() if at is None else self.snapshot(at)
            if snapshot is None:
                return asked.dataset.empty().select(asked.columns)
            try:
                return read_selection(self.root, snapshot, asked)
            except objects.ObjectMissing:
                if manifests.manifest_path(self.root, snapshot.id).exists():
                    raise
                # The snapshot was collected while it was read: read the newest, or say that it is gone.

    def publish(
        self, changes: Mapping[str, pl.DataFrame], *, source: str, published_by: str, now: datetime
    ) -> Snapshot:
        """See :meth:`MarketStore.publish`. Publishing no rows to an empty store makes snapshot 000001."""
        frames = check_changes(changes)
        with exclusive(self.root, who=published_by, now=now, timeout=self._lock_timeout):
            base = self.current()
            check_source(self.root, base, source)
            try:
                self._sweep()
                lay_out(self.root)
                pointer = manifests.read_pointer(self.root)
                refs = write_objects(self.root, base, frames)
                if base is not None and refs == base.objects:
                    # A publisher killed just after its rename may have left CURRENT's name unforced.
                    sync_folder(self.root)
                    return base
                snapshot = commit(
                    self.root, pointer, base, refs, source=source, published_by=published_by, now=now
                )
            except OSError as error:
                raise self._not_published(error) from error
            if self._views:
                refresh_views(self.root, snapshot)
            return snapshot

    def roll_back(self, snapshot_id: str, *, who: str, now: datetime) -> Snapshot:
        """Make an older snapshot the newest state again; the later ones stay, and no id is given twice.

        :class:`SnapshotMissing` if it is not there, :class:`StoreCorrupt` if it does not verify.
        """
        with exclusive(self.root, who=who, now=now, timeout=self._lock_timeout):
            snapshot = self.snapshot(snapshot_id)
            seen = verify_snapshots(self.root, [snapshot])
            if not seen.ok:
                damaged = [*seen.corrupt, *seen.missing][0]
                raise StoreCorrupt(f"Snapshot {snapshot_id} of {self.root} is damaged: {damaged}.", VERIFY)
            try:
                point_at(self.root, snapshot_id, read_bytes(manifests.manifest_path(self.root, snapshot_id)))
            except OSError as error:
                raise self._not_published(error) from error
            if self._views:
                refresh_views(self.root, snapshot)
            return snapshot

    def migrate(self, *, who: str, now: datetime) -> Snapshot | None:
        """Publish the newest state anew under today's schema version; None if it has that already.

        Its objects stay as they are: a column that has come since is null in them. Older snapshots stay
        readable.
        """
        with exclusive(self.root, who=who, now=now, timeout=self._lock_timeout):
            base = self.current()
            if base is None or base.schema_version >= manifests.SCHEMA_VERSION:
                return None
            pointer = manifests.read_pointer(self.root)
            return commit(
                self.root, pointer, base, base.objects, source=base.source, published_by=who, now=now
            )

    def verify(self, at: str | None = None) -> Verification:
        """See :meth:`MarketStore.verify`."""
        return verify_store(self.root) if at is None else verify_snapshots(self.root, [self.snapshot(at)])

    def gc(self, keep: Collection[str]) -> Collected:
        """See :meth:`MarketStore.gc`. Waits for a writer at work; ids in ``keep`` may be gone already."""
        if not self.root.exists():
            return Collected((), 0, 0)
        with exclusive(self.root, who="gc", now=None, timeout=self._lock_timeout):
            self._sweep()
            pointer = manifests.read_pointer(self.root)
            try:
                return collect(self.root, pointer, keep)
            except OSError as error:
                raise StoreError(
                    f"Could not collect in {self.root}: {error.strerror or error}.",
                    "Nothing that a snapshot needs is lost; mend the disk and collect again.",
                ) from error

    def _sweep(self) -> None:
        for folder in (self.root, self.root / manifests.FOLDER, self.root / objects.FOLDER):
            sweep_temporaries(folder)

    def _not_published(self, error: OSError) -> StoreError:
        newest = manifests.read_pointer(self.root).snapshot
        state = f"its newest snapshot is {newest}" if newest else "it is still empty"
        return StoreError(
            f"Could not publish to {self.root}: {error.strerror or error}; {state}.",
            "Mend the disk (free space, permissions) and publish again.",
        )
