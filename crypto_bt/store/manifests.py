"""Manifests and CURRENT: which objects make up a snapshot, and which snapshot is the newest.

The chain of checksums is CURRENT -> manifest -> objects, so that no flipped bit anywhere can pass one
snapshot off for another. A manifest whose id is above CURRENT's ``last`` was never published: a crash
left it behind, nobody sees it, and the next publish replaces it.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from crypto_bt.core.errors import SnapshotMissing, StoreCorrupt, StoreError
from crypto_bt.store.documents import VERIFY, moment_of, moment_text, seal, sha256_hex, unseal
from crypto_bt.store.durable import read_bytes
from crypto_bt.store.market_store import ObjectRef, Snapshot

FOLDER: Final = "snapshots"
CURRENT: Final = "CURRENT"
SCHEMA_VERSION: Final = 1
_ID = re.compile(r"[0-9]{6,}")


@dataclass(frozen=True, slots=True)
class Pointer:
    """What CURRENT says: the newest ``snapshot``, the sha256 of its manifest, the ``last`` id ever given."""

    snapshot: str | None
    manifest_sha256: str | None
    last: str


NOTHING: Final = Pointer(snapshot=None, manifest_sha256=None, last="000000")


def next_id(last: str) -> str:
    """The id after ``last``."""
    return f"{int(last) + 1:06d}"


def is_id(text: str) -> bool:
    """Whether ``text`` is written as snapshot ids are."""
    return _ID.fullmatch(text) is not None and f"{int(text):06d}" == text


def manifest_path(root: Path, snapshot_id: str) -> Path:
    """Where the manifest of a snapshot lies."""
    return root / FOLDER / f"{snapshot_id}.json"


def encode_pointer(pointer: Pointer) -> bytes:
    """The bytes of CURRENT."""
    body = {
        "last": pointer.last,
        "manifest_sha256": pointer.manifest_sha256,
        "snapshot": pointer.snapshot,
    }
    return seal(body)


def read_pointer(root: Path) -> Pointer:
    """What CURRENT says; :data:`NOTHING` for a store that was never written.

    CURRENT is written before the first manifest, so its absence beside manifests is damage.
    """
    path = root / CURRENT
    try:
        body = unseal(read_bytes(path), path)
    except FileNotFoundError:
        # A first publisher may have written both between the two looks.
        if manifest_ids(root) and not path.exists():
            raise StoreCorrupt(f"{path} is missing, though there are snapshots.", VERIFY) from None
        return NOTHING
    return Pointer(body["snapshot"], body["manifest_sha256"], body["last"])


def manifest_ids(root: Path) -> list[str]:
    """Ids of all manifests on disk, oldest first, the never published among them."""
    try:
        found = [path.stem for path in (root / FOLDER).iterdir() if path.suffix == ".json"]
    except FileNotFoundError:
        return []
    return sorted(filter(is_id, found), key=int)


def encode_manifest(snapshot: Snapshot) -> bytes:
    """The bytes of a manifest."""
    body = {
        "id": snapshot.id,
        "objects": [_object_body(item) for item in snapshot.objects],
        "parent": snapshot.parent,
        "published_at": moment_text(snapshot.published_at),
        "published_by": snapshot.published_by,
        "schema_version": snapshot.schema_version,
        "source": snapshot.source,
    }
    return seal(body)


def read_manifest(root: Path, snapshot_id: str, expected_sha256: str | None = None) -> Snapshot:
    """The snapshot with this id; FileNotFoundError if there is none, :class:`StoreCorrupt` if damaged."""
    path = manifest_path(root, snapshot_id)
    data = read_bytes(path)
    snapshot = decode_manifest(data, path)
    if snapshot.id != snapshot_id or expected_sha256 not in (None, sha256_hex(data)):
        raise StoreCorrupt(f"{path} is corrupt: it is not the manifest of snapshot {snapshot_id}.", VERIFY)
    return snapshot


def decode_manifest(data: bytes, path: Path) -> Snapshot:
    """The snapshot of a manifest's bytes, which are those of ``path``; :class:`StoreCorrupt` if damaged."""
    body = unseal(data, path)
    if body["schema_version"] > SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema version {body['schema_version']}; this program knows {SCHEMA_VERSION}.",
            "Use the version of crypto-bt that wrote it, or a newer one.",
        )
    return Snapshot(
        id=body["id"],
        source=body["source"],
        schema_version=body["schema_version"],
        parent=body["parent"],
        published_by=body["published_by"],
        published_at=moment_of(body["published_at"]),
        objects=tuple(_object_ref(item) for item in body["objects"]),
    )


def renumbered(snapshot: Snapshot, snapshot_id: str) -> Snapshot:
    """The same content under another id."""
    return replace(snapshot, id=snapshot_id)


def missing_snapshot(root: Path, snapshot_id: str) -> SnapshotMissing:
    """The error for an id that is not there, with the ids that are."""
    last = int(read_pointer(root).last)
    ids = [item for item in manifest_ids(root) if int(item) <= last]
    there = f"There are {len(ids)}, from {ids[0]} to {ids[-1]}." if ids else "The store has none yet."
    return SnapshotMissing(f"There is no snapshot {snapshot_id!r} in {root}.", there)


def _object_body(item: ObjectRef) -> dict[str, Any]:
    return {
        "bytes": item.bytes,
        "dataset": item.dataset,
        "first": moment_text(item.first),
        "last": moment_text(item.last),
        "month": item.month,
        "rows": item.rows,
        "sha256": item.sha256,
    }


def _object_ref(body: dict[str, Any]) -> ObjectRef:
    return ObjectRef(
        sha256=body["sha256"],
        dataset=body["dataset"],
        month=body["month"],
        rows=body["rows"],
        bytes=body["bytes"],
        first=moment_of(body["first"]),
        last=moment_of(body["last"]),
    )
