"""Carrying out a recovery: put back, replace, move CURRENT, put aside. Nothing is asked of a network here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from crypto_bt.core.errors import StoreCorrupt
from crypto_bt.core.recovery import Plan, Remedy, Step
from crypto_bt.store import manifests, objects
from crypto_bt.store.aside import put_aside
from crypto_bt.store.backup_contents import RESULTS_FOLDER, STORE_FOLDER
from crypto_bt.store.backup_manifests import RESULTS, backup_names, read_backup, read_piece
from crypto_bt.store.backup_places import BackupPlace
from crypto_bt.store.diagnosis import find_manifest, find_piece, newest_good_anywhere
from crypto_bt.store.durable import make_folder, read_bytes, temporary_beside, write_atomically, write_new
from crypto_bt.store.locking import exclusive
from crypto_bt.store.market_store import ObjectRef, Snapshot
from crypto_bt.store.mending import clear_damage, is_sound, point_at, put_objects
from crypto_bt.store.publishing import commit
from crypto_bt.store.restoring import read_file, restore_market
from crypto_bt.store.results import NIGHTS, ResultsStore
from crypto_bt.store.results_care import verify_results

WHO: Final = "recovery"
PATIENCE: Final = 600.0


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was done: the newest snapshot now, files put back, files put aside."""

    snapshot: str | None
    put_back: int
    aside: tuple[str, ...]


def recover(root: Path, plan: Plan, places: Sequence[BackupPlace], *, now: datetime) -> Recovered:
    """Carry out ``plan`` on the home ``root``. What is killed in between is carried on by the next recovery.

    StoreCorrupt if what was to be copied has gone meanwhile.
    """
    back = 0
    aside: list[str] = []
    store = root / STORE_FOLDER
    for step in plan.steps:
        if step.remedy is Remedy.RESTORE:
            found = newest_good_anywhere(places)
            if found is None:
                raise StoreCorrupt(
                    "The backup that was to be restored is not good any more.", "crypto-bt doctor"
                )
            _forget_pointer(root, store, now)
            restored = restore_market(found[0], found[1], root, now=now)
            back += restored.put_back
            aside += restored.aside
        elif step.source == "results":
            put, moved = _recover_results(root, places, now)
            back += put
            aside += moved
        else:
            with exclusive(store, who=WHO, now=now, timeout=PATIENCE):
                put, moved = _market_step(root, store, step, places, now)
            back += put
            aside += moved
    try:
        snapshot = manifests.read_pointer(store).snapshot
    except StoreCorrupt:
        snapshot = None
    return Recovered(snapshot, back, tuple(aside))


def _market_step(
    root: Path, store: Path, step: Step, places: Sequence[BackupPlace], now: datetime
) -> tuple[int, list[str]]:
    if step.remedy is Remedy.COPY and step.source == "manifest":
        return _copy_manifest(root, store, places), []
    if step.remedy is Remedy.COPY:
        return put_objects(store, step.objects, lambda sha256: _copy_of(places, sha256)), []
    if step.remedy is Remedy.REFETCH:
        _replace(store, _current(store), set(step.objects), now)
    elif step.remedy is Remedy.PREVIOUS:
        moved = _forget_pointer(root, store, now)
        point_at(store, step.source, read_bytes(manifests.manifest_path(store, step.source)))
        return 0, moved
    elif step.remedy is Remedy.REBUILD:
        return 0, [
            str(put_aside(root, path, why="Nothing could mend it.", now=now)) for path in _parts(store)
        ]
    elif step.remedy is Remedy.CLEAR and (store / manifests.CURRENT).exists():
        return 0, clear_damage(root, store, _current(store), now=now)
    return 0, []


def _current(store: Path) -> Snapshot:
    pointer = manifests.read_pointer(store)
    if pointer.snapshot is None:
        raise StoreCorrupt(f"{store} has no snapshot to mend.", "crypto-bt doctor")
    return manifests.read_manifest(store, pointer.snapshot, pointer.manifest_sha256)


def _copy_of(places: Sequence[BackupPlace], sha256: str) -> bytes:
    place = find_piece(places, sha256)
    if place is None:
        raise StoreCorrupt(f"No backup has object {sha256} any more.", "crypto-bt doctor")
    return read_piece(place, sha256, sha256)


def _copy_manifest(root: Path, store: Path, places: Sequence[BackupPlace]) -> int:
    data = find_manifest(root, places)
    snapshot = manifests.read_pointer(store).snapshot
    if data is None or snapshot is None:
        raise StoreCorrupt("No backup has the manifest of the newest snapshot any more.", "crypto-bt doctor")
    make_folder(store / manifests.FOLDER)
    write_atomically(manifests.manifest_path(store, snapshot), data)
    # What it needs and a backup has, comes along; the rest is found by the next look.
    needed = [ref.sha256 for ref in _current(store).objects]
    lost = [name for name in needed if not is_sound(store, name) and find_piece(places, name)]
    return 1 + put_objects(store, lost, lambda sha256: _copy_of(places, sha256))


def _replace(store: Path, current: Snapshot, lost: set[str], now: datetime) -> None:
    """Publish the newest snapshot without the ``lost`` objects: each month as it last was, or not at all."""
    older = _older_versions(store, current, lost)
    refs = [older.get((ref.dataset, ref.month)) if ref.sha256 in lost else ref for ref in current.objects]
    commit(
        store,
        manifests.read_pointer(store),
        current,
        tuple(ref for ref in refs if ref is not None),
        source=current.source,
        published_by=WHO,
        now=now,
    )


def _older_versions(store: Path, current: Snapshot, lost: set[str]) -> dict[tuple[str, str], ObjectRef]:
    """The newest sound object of the same dataset and month among the older snapshots."""
    wanted = {(ref.dataset, ref.month) for ref in current.objects if ref.sha256 in lost}
    found: dict[tuple[str, str], ObjectRef] = {}
    for snapshot_id in manifests.manifest_ids(store):
        try:
            snapshot = manifests.read_manifest(store, snapshot_id)
        except (StoreCorrupt, FileNotFoundError):
            continue
        for ref in snapshot.objects:
            if (ref.dataset, ref.month) in wanted and is_sound(store, ref.sha256):
                found[ref.dataset, ref.month] = ref
    return found


def _forget_pointer(root: Path, store: Path, now: datetime) -> list[str]:
    """Keep a damaged CURRENT aside; nothing happens to a sound one, or when there is none."""
    path = store / manifests.CURRENT
    try:
        manifests.read_pointer(store)
    except StoreCorrupt as error:
        if path.exists():
            # A copy: CURRENT itself is replaced by the rename that names the good snapshot.
            copy = temporary_beside(path)
            write_new(copy, read_bytes(path))
            put_aside(root, copy, why=error.what, now=now, name=manifests.CURRENT)
            return [f"{STORE_FOLDER}/{manifests.CURRENT}"]
    return []


def _parts(store: Path) -> list[Path]:
    names = (manifests.CURRENT, manifests.FOLDER, objects.FOLDER)
    return [store / name for name in names if (store / name).exists()]


def _recover_results(root: Path, places: Sequence[BackupPlace], now: datetime) -> tuple[int, list[str]]:
    """Copy damaged files of nights from the backups that have them; what none has is put aside."""
    folder = root / RESULTS_FOLDER
    back = 0
    for place in places:
        for name in reversed(backup_names(place)):
            damaged = {f"{RESULTS_FOLDER}/{item}" for item in verify_results(folder)}
            if not damaged:
                return back, []
            try:
                files = [item for item in read_backup(place, name).of(RESULTS) if item.path in damaged]
                for item in files:
                    make_folder((root / item.path).parent)
                    write_atomically(root / item.path, read_file(place, item))
                    back += 1
            except StoreCorrupt:
                continue
    aside = []
    for lost in verify_results(folder):
        for night in _nights_of(folder, lost):
            path = folder / NIGHTS / f"{night}.json"
            if path.exists():
                put_aside(root, path, why=f"{lost} is damaged and in no backup.", now=now)
                aside.append(f"{RESULTS_FOLDER}/{NIGHTS}/{night}.json")
    return back, aside


def _nights_of(folder: Path, item: str) -> list[str]:
    """The nights that a damaged file belongs to."""
    if item.startswith(f"{NIGHTS}/"):
        return [Path(item).stem]
    store, found = ResultsStore(folder), []
    for night in store.nights():
        try:
            result = store.night(night)
        except StoreCorrupt:
            continue
        if result is not None and result.path.name == Path(item).parent.name:
            found.append(night.isoformat())
    return found
