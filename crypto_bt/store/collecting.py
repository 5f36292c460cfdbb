"""Verifying and collecting: what is damaged, and what nobody needs any more."""

from collections.abc import Collection, Iterable
from pathlib import Path

from crypto_bt.core.errors import StoreCorrupt
from crypto_bt.store import manifests, objects
from crypto_bt.store.durable import sync_folder
from crypto_bt.store.manifests import Pointer
from crypto_bt.store.market_store import Collected, ObjectRef, Snapshot, Verification


def verify_store(root: Path) -> Verification:
    """Check CURRENT, every published manifest, and every object that one of them needs."""
    corrupt: list[str] = []
    missing: list[str] = []
    try:
        pointer = manifests.read_pointer(root)
        last: float = int(pointer.last)
    except StoreCorrupt:
        pointer, last = manifests.NOTHING, float("inf")
        (corrupt if (root / manifests.CURRENT).exists() else missing).append(manifests.CURRENT)
    snapshots = []
    ids = [item for item in manifests.manifest_ids(root) if int(item) <= last]
    if (
        pointer.snapshot is not None
        and pointer.snapshot not in ids
        and manifests.read_pointer(root) == pointer
    ):
        missing.append(_name(pointer.snapshot))
    for snapshot_id in ids:
        expected = pointer.manifest_sha256 if snapshot_id == pointer.snapshot else None
        try:
            snapshots.append(manifests.read_manifest(root, snapshot_id, expected))
        except StoreCorrupt:
            corrupt.append(_name(snapshot_id))
        except FileNotFoundError:
            continue  # collected meanwhile
    return verify_snapshots(root, snapshots, corrupt, missing)


def verify_snapshots(
    root: Path, snapshots: Collection[Snapshot], corrupt: Iterable[str] = (), missing: Iterable[str] = ()
) -> Verification:
    """Hash every object of ``snapshots`` once; damage already known is passed in and reported along."""
    users: dict[str, tuple[ObjectRef, list[str]]] = {}
    for snapshot in snapshots:
        for ref in snapshot.objects:
            users.setdefault(ref.sha256, (ref, []))[1].append(snapshot.id)
    bad, gone, good, hashed = list(corrupt), list(missing), 0, 0
    for sha256, (ref, ids) in sorted(users.items()):
        path = objects.object_path(root, sha256)
        try:
            hashed += len(objects.read_verified(root, ref))
            good += 1
        except objects.ObjectMissing:
            if any(manifests.manifest_path(root, item).exists() for item in ids):
                gone.append(str(path.relative_to(root)))
            else:
                del users[sha256]  # collected meanwhile, with all that needed it
        except StoreCorrupt:
            bad.append(str(path.relative_to(root)))
    return Verification(len(snapshots), good, len(users), hashed, tuple(bad), tuple(gone))


def collect(root: Path, pointer: Pointer, keep: Collection[str]) -> Collected:
    """Mark and sweep: manifests not kept, then objects that no remaining manifest names.

    Manifests go first, so that a reader who misses an object finds its snapshot gone too. Refuses
    (:class:`StoreCorrupt`) while a manifest that stays is damaged: what it needs is unknown.
    The caller holds the writer's lock.
    """
    stay = {item for item in (*keep, pointer.snapshot) if item is not None}
    ids = manifests.manifest_ids(root)
    needed = {
        ref.sha256
        for snapshot_id in ids
        if snapshot_id in stay and int(snapshot_id) <= int(pointer.last)
        for ref in manifests.read_manifest(root, snapshot_id).objects
    }
    freed = 0
    dropped = [item for item in ids if item not in stay or int(item) > int(pointer.last)]
    for snapshot_id in dropped:
        path = manifests.manifest_path(root, snapshot_id)
        freed += path.stat().st_size
        path.unlink()
    if dropped:
        sync_folder(root / manifests.FOLDER)
    sweep = {sha256: size for sha256, size in objects.stored(root).items() if sha256 not in needed}
    for sha256, size in sweep.items():
        objects.object_path(root, sha256).unlink()
        freed += size
    if sweep:
        sync_folder(root / objects.FOLDER)
    published = tuple(item for item in dropped if int(item) <= int(pointer.last))
    return Collected(published, len(sweep), freed)


def _name(snapshot_id: str) -> str:
    return f"{manifests.FOLDER}/{snapshot_id}.json"
