"""What is damaged in a home, and what there is to mend it with. Looks, changes nothing.

A file that cannot be read (permissions, a failing disk, a lock) is never called damaged: no byte was seen.
"""

from collections.abc import Sequence
from pathlib import Path

from crypto_bt.core.errors import StoreCorrupt, StoreError
from crypto_bt.core.recovery import Damage, Help, Lost
from crypto_bt.store import manifests, objects
from crypto_bt.store.backup import is_sound as is_sound_piece
from crypto_bt.store.backup import verify_backups
from crypto_bt.store.backup_contents import RESULTS_FOLDER, STORE_FOLDER
from crypto_bt.store.backup_manifests import Backup, backup_names, read_backup, read_piece
from crypto_bt.store.backup_places import BackupPlace
from crypto_bt.store.collecting import verify_store
from crypto_bt.store.market_store import Snapshot
from crypto_bt.store.mending import damaged_snapshots, is_sound
from crypto_bt.store.results_care import verify_results
from crypto_bt.store.salvage import salvage


def diagnose(root: Path) -> Damage:
    """Hash everything in the stores of the home ``root``."""
    store = root / STORE_FOLDER
    try:
        verification = verify_store(store)
        results = tuple(f"{RESULTS_FOLDER}/{name}" for name in verify_results(root / RESULTS_FOLDER))
        found = [*verification.corrupt, *verification.missing]
        pointer = manifests.CURRENT in found
        current, manifest = (None, False) if pointer else _current(store)
        lost = tuple(
            Lost(ref.sha256, ref.dataset, ref.month, ref.first, ref.last)
            for ref in (current.objects if current else ())
            if not is_sound(store, ref.sha256)
        )
        spare = [sha256 for sha256 in objects.stored(store) if not is_sound(store, sha256)]
    except StoreCorrupt:
        raise
    except (StoreError, OSError) as error:
        return Damage(unreadable=str(error))
    named = {objects.object_path(store, item.sha256).name for item in lost}
    newest = "" if current is None and not manifest else _newest_name(store)
    others = {name for name in found if name not in (manifests.CURRENT, newest)}
    others |= {f"{objects.FOLDER}/{sha256}.parquet" for sha256 in spare}
    unneeded = tuple(
        sorted(f"{STORE_FOLDER}/{name}" for name in others if name.rpartition("/")[2] not in named)
    )
    return Damage("", pointer, manifest, lost, unneeded, results)


def _newest_name(store: Path) -> str:
    return f"{manifests.FOLDER}/{manifests.read_pointer(store).snapshot}.json"


def _current(store: Path) -> tuple[Snapshot | None, bool]:
    """The newest snapshot, and whether it has one whose manifest is damaged or gone."""
    pointer = manifests.read_pointer(store)
    if pointer.snapshot is None:
        return None, False
    try:
        return manifests.read_manifest(store, pointer.snapshot, pointer.manifest_sha256), False
    except (StoreCorrupt, FileNotFoundError):
        return None, True


def help_for(root: Path, damage: Damage, places: Sequence[BackupPlace]) -> Help:
    """What the snapshots of the store and the backups in ``places`` have for ``damage``."""
    if damage.none or damage.unreadable:
        return Help()
    store = root / STORE_FOLDER
    copies = [item.sha256 for item in damage.objects if find_piece(places, item.sha256) is not None]
    if not (damage.pointer or damage.manifest):
        return Help(copies=tuple(copies))
    bad = damaged_snapshots(store)
    named = None if damage.pointer else manifests.read_pointer(store).snapshot
    whole = [item for item in manifests.manifest_ids(store) if item not in bad and item != named]
    good = newest_good_anywhere(places)
    return Help(
        copies=tuple(copies),
        manifest=damage.manifest and find_manifest(root, places) is not None,
        previous=whole[-1] if whole else None,
        backup=good[1].name if good else None,
    )


def find_piece(places: Sequence[BackupPlace], sha256: str) -> BackupPlace | None:
    """The first place with a sound copy of an object; a place that cannot be reached has none."""
    for place in places:
        try:
            if is_sound_piece(place, sha256, sha256):
                return place
        except StoreError:
            continue
    return None


def find_manifest(root: Path, places: Sequence[BackupPlace]) -> bytes | None:
    """The bytes of the manifest that CURRENT names, from a backup; None if none has it."""
    pointer = manifests.read_pointer(root / STORE_FOLDER)
    if pointer.manifest_sha256 is None:
        return None
    for place in places:
        try:
            return read_piece(place, pointer.manifest_sha256, f"{pointer.manifest_sha256}.z")
        except StoreError:
            continue
    return None


def newest_good_anywhere(places: Sequence[BackupPlace]) -> tuple[BackupPlace, Backup] | None:
    """The newest backup with market data that verifies, and where it lies; else what can be salvaged."""
    named: list[tuple[str, int]] = []
    for number, place in enumerate(places):
        try:
            named += [(name, -number) for name in backup_names(place)]
        except StoreError:
            continue
    for name, number in sorted(named, reverse=True):
        place = places[-number]
        try:
            if all(item.ok for item in verify_backups(place, [name])):
                backup = read_backup(place, name)
                if backup.snapshot is not None:
                    return place, backup
        except StoreError:
            continue
    for place in places:
        try:
            loose = salvage(place)
        except StoreError:
            continue
        if loose is not None:
            return place, loose
    return None
