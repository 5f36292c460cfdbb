"""Mending a market store in place: objects and manifests put back, CURRENT moved, damage put aside.

Everything is written beside and appears whole, and CURRENT moves last; so whatever is killed in between
leaves what was there before, or what was to be. The caller of each function holds the writer's lock.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

from crypto_bt.core.errors import StoreCorrupt
from crypto_bt.store import manifests, objects
from crypto_bt.store.aside import put_aside
from crypto_bt.store.documents import sha256_hex
from crypto_bt.store.durable import read_bytes, sync_folder, write_atomically
from crypto_bt.store.manifests import Pointer
from crypto_bt.store.market_store import Snapshot

#: Gives the bytes of an object from elsewhere; StoreCorrupt if it has none.
Fetch = Callable[[str], bytes]


def is_sound(store: Path, sha256: str) -> bool:
    """Whether the object is there with the bytes that its name promises; StoreError if it cannot be read."""
    try:
        return sha256_hex(read_bytes(objects.object_path(store, sha256))) == sha256
    except FileNotFoundError:
        return False


def put_objects(store: Path, needed: Collection[str], fetch: Fetch) -> int:
    """Put back those of the objects ``needed`` that are missing or damaged; how many."""
    put = 0
    for sha256 in needed:
        if not is_sound(store, sha256):
            write_atomically(objects.object_path(store, sha256), fetch(sha256), sync=False)
            put += 1
    if put:
        sync_folder(store / objects.FOLDER)
    return put


def last_id(store: Path) -> str:
    """The highest id that was ever given, as far as can still be told: by CURRENT and by the manifests."""
    try:
        last = manifests.read_pointer(store).last
    except StoreCorrupt:
        last = manifests.NOTHING.last
    return max([last, *manifests.manifest_ids(store)], key=int)


def point_at(store: Path, snapshot_id: str, manifest: bytes) -> None:
    """Make the snapshot whose ``manifest`` is on disk the newest; ids that were given stay given."""
    last = max(last_id(store), snapshot_id, key=int)
    pointer = Pointer(snapshot_id, sha256_hex(manifest), last)
    write_atomically(store / manifests.CURRENT, manifests.encode_pointer(pointer))


def damaged_snapshots(store: Path) -> dict[str, str]:
    """Why each snapshot that cannot be read whole is damaged, by id."""
    verdicts: dict[str, bool] = {}
    damaged = {}
    for snapshot_id in manifests.manifest_ids(store):
        try:
            snapshot = manifests.read_manifest(store, snapshot_id)
        except StoreCorrupt as error:
            damaged[snapshot_id] = error.what
            continue
        except FileNotFoundError:
            continue
        for ref in snapshot.objects:
            if ref.sha256 not in verdicts:
                verdicts[ref.sha256] = is_sound(store, ref.sha256)
        lost = [ref for ref in snapshot.objects if not verdicts[ref.sha256]]
        if lost:
            what = ", ".join(f"{ref.dataset} of {ref.month}" for ref in lost[:3])
            damaged[snapshot_id] = f"Snapshot {snapshot_id} lacks sound objects: {what}."
    return damaged


def put_newer_aside(root: Path, store: Path, *, now: datetime) -> list[str]:
    """Put aside snapshots of a later schema than the newest state's: an older program cannot read them."""
    pointer = manifests.read_pointer(store)
    if pointer.snapshot is None:
        return []
    current = manifests.read_manifest(store, pointer.snapshot, pointer.manifest_sha256)
    moved = []
    for snapshot_id in manifests.manifest_ids(store):
        if manifests.read_manifest(store, snapshot_id).schema_version > current.schema_version:
            why = "Its schema is later than that of the state that was gone back to."
            put_aside(root, manifests.manifest_path(store, snapshot_id), why=why, now=now)
            moved.append(snapshot_id)
    return moved


def clear_damage(root: Path, store: Path, current: Snapshot, *, now: datetime) -> list[str]:
    """Put aside every damaged snapshot but ``current``, then the damaged objects; what was put aside.

    Manifests go first: a reader that misses an object must find its snapshot gone.
    """
    moved = []
    for snapshot_id, why in damaged_snapshots(store).items():
        if snapshot_id != current.id:
            path = manifests.manifest_path(store, snapshot_id)
            put_aside(root, path, why=why, now=now)
            moved.append(str(path.relative_to(root)))
    for sha256 in objects.stored(store):
        if not is_sound(store, sha256):
            path = objects.object_path(store, sha256)
            put_aside(root, path, why="Its bytes do not match its name.", now=now)
            moved.append(str(path.relative_to(root)))
    return moved
