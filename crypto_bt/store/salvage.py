"""When every backup's list is damaged its pieces may still be sound: a snapshot's manifest is one of them.

A manifest names its objects, and a piece is named by its bytes; so whole snapshots can be told among them.
"""

from pathlib import Path
from typing import Final

from crypto_bt.core.errors import StoreCorrupt, StoreError
from crypto_bt.store import manifests, objects
from crypto_bt.store.backup import is_sound
from crypto_bt.store.backup_contents import STORE_FOLDER
from crypto_bt.store.backup_manifests import MARKET, OBJECTS, Backup, BackupFile, backup_name, read_piece
from crypto_bt.store.backup_places import BackupPlace
from crypto_bt.store.market_store import Snapshot

REASON: Final = "salvaged from loose pieces"
#: A manifest is a few hundred bytes an object; packed it is far smaller than this.
_LARGEST: Final = 2_000_000


def salvage(place: BackupPlace) -> Backup | None:
    """The newest snapshot that lies whole among the pieces of ``place``, as a backup of the market."""
    found: list[tuple[Snapshot, BackupFile]] = []
    for stored, size in place.names(OBJECTS).items():
        if not stored.endswith(".z") or size > _LARGEST:
            continue
        sha256 = stored.removesuffix(".z")
        try:
            data = read_piece(place, sha256, stored)
            snapshot = manifests.decode_manifest(data, Path(stored))
        except (StoreError, KeyError, TypeError):
            continue
        path = f"{STORE_FOLDER}/{manifests.FOLDER}/{snapshot.id}.json"
        found.append((snapshot, BackupFile(path, MARKET, len(data), (sha256,), True)))
    found.sort(key=lambda item: (item[0].published_at, int(item[0].id)), reverse=True)
    for snapshot, manifest in found:
        if all(_is_there(place, ref.sha256) for ref in snapshot.objects):
            return _as_backup(snapshot, manifest)
    return None


def _is_there(place: BackupPlace, sha256: str) -> bool:
    try:
        return is_sound(place, sha256, sha256)
    except StoreCorrupt:
        return False


def _as_backup(snapshot: Snapshot, manifest: BackupFile) -> Backup:
    listed = tuple(
        BackupFile(
            f"{STORE_FOLDER}/{objects.FOLDER}/{ref.sha256}.parquet", MARKET, ref.bytes, (ref.sha256,), False
        )
        for ref in snapshot.objects
    )
    return Backup(
        name=backup_name(snapshot.published_at, snapshot.id),
        created_at=snapshot.published_at,
        reason=REASON,
        program="",
        source=snapshot.source,
        snapshot=snapshot.id,
        files=(manifest, *listed),
        reference={},
    )
