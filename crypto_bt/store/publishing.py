"""Publishing: merge the changed months, then write objects, manifest and CURRENT, in that order.

Each step is on disk before the next begins, so a crash leaves either the old snapshot or the new one.
The caller holds the writer's lock.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import polars as pl

from crypto_bt.core.datasets import dataset_named
from crypto_bt.core.errors import SourceMismatch, StoreError
from crypto_bt.store import manifests, objects
from crypto_bt.store.documents import sha256_hex
from crypto_bt.store.durable import make_folder, sync_folder, write_atomically
from crypto_bt.store.manifests import Pointer
from crypto_bt.store.market_store import ObjectRef, Snapshot
from crypto_bt.store.rows import by_month, checked, merged


def check_changes(changes: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The non-empty frames of ``changes``, each checked and sorted; raises :class:`StoreError`."""
    frames = {name: checked(dataset_named(name), frame) for name, frame in sorted(changes.items())}
    return {name: frame for name, frame in frames.items() if not frame.is_empty()}


def check_source(root: Path, base: Snapshot | None, source: str) -> None:
    """A store holds data of one source: the one of its first publish."""
    if not source:
        raise StoreError("The source of the data has no name.")
    if base is not None and base.source != source:
        raise SourceMismatch(
            f"The store {root} holds data of {base.source!r}; refused to add data of {source!r}.",
            f"Use another home (--home DIR), or remove the folder {root} to begin anew.",
        )


def lay_out(root: Path) -> None:
    """Create the folders, and a CURRENT that names no snapshot yet, where they are missing."""
    make_folder(root / objects.FOLDER)
    make_folder(root / manifests.FOLDER)
    if not (root / manifests.CURRENT).exists():
        write_atomically(root / manifests.CURRENT, manifests.encode_pointer(manifests.NOTHING))


def write_objects(
    root: Path, base: Snapshot | None, frames: Mapping[str, pl.DataFrame]
) -> tuple[ObjectRef, ...]:
    """References of all objects once ``frames`` (checked) are in ``base``; unchanged months keep theirs."""
    refs = {(ref.dataset, ref.month): ref for ref in (base.objects if base else ())}
    for name, frame in frames.items():
        dataset = dataset_named(name)
        for month, rows in by_month(dataset, frame).items():
            ref = refs.get((name, month))
            if ref is not None:
                old = objects.read_frame(root, [ref], dataset)
                rows = merged(dataset, old, rows)
                if rows.equals(old):
                    continue
            refs[name, month] = objects.write_object(root, dataset, month, rows)
    return tuple(refs[place] for place in sorted(refs))


def commit(
    root: Path,
    pointer: Pointer,
    base: Snapshot | None,
    refs: tuple[ObjectRef, ...],
    *,
    source: str,
    published_by: str,
    now: datetime,
) -> Snapshot:
    """Make ``refs`` the newest snapshot: names of objects to disk, then the manifest, then CURRENT."""
    snapshot = Snapshot(
        id=manifests.next_id(pointer.last),
        source=source,
        schema_version=manifests.SCHEMA_VERSION,
        parent=base.id if base else None,
        published_by=published_by,
        published_at=now,
        objects=refs,
    )
    manifest = manifests.encode_manifest(snapshot)
    sync_folder(root / objects.FOLDER)
    write_atomically(manifests.manifest_path(root, snapshot.id), manifest)
    newest = Pointer(snapshot.id, sha256_hex(manifest), snapshot.id)
    write_atomically(root / manifests.CURRENT, manifests.encode_pointer(newest))
    return snapshot
