"""Restoring: from a backup into a new folder, or back into the home it came from.

Nothing that is sound is taken away: the market's CURRENT moves to the backup's snapshot and later ones stay;
nights that are there and sound stay. The market's state changes with one rename, so whatever is killed leaves
the old state or the restored one; what was written for it otherwise is whole, and used by the next restore.
"""

import os
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Final

from crypto_bt.core.errors import SourceMismatch, StoreCorrupt, StoreError, UsageError
from crypto_bt.store import manifests, objects
from crypto_bt.store.backup_contents import RESULTS_FOLDER, STORE_FOLDER
from crypto_bt.store.backup_manifests import MARKET, RESULTS, Backup, BackupFile, read_pieces
from crypto_bt.store.backup_places import BackupPlace
from crypto_bt.store.collecting import verify_store
from crypto_bt.store.databases import DOCTOR
from crypto_bt.store.documents import sha256_hex
from crypto_bt.store.duckdb_views import refresh_views
from crypto_bt.store.durable import (
    FILE_MODE,
    make_folder,
    read_bytes,
    remove_folder,
    sync_folder,
    temporary_beside,
    write_atomically,
)
from crypto_bt.store.locking import exclusive
from crypto_bt.store.manifests import Pointer
from crypto_bt.store.mending import clear_damage, is_sound, last_id, point_at, put_objects
from crypto_bt.store.publishing import lay_out
from crypto_bt.store.results import NIGHTS
from crypto_bt.store.results_care import verify_results

PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class MarketPlan:
    """What restoring the market store would change: ``now_at`` None if it is empty or cannot be read."""

    now_at: str | None
    to: str | None
    objects: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: the snapshot that CURRENT names now, files that were put back, and put aside."""

    snapshot: str | None
    put_back: int
    aside: tuple[str, ...]


def plan_market(backup: Backup, root: Path) -> MarketPlan:
    """What :func:`restore_market` would change."""
    store = root / STORE_FOLDER
    try:
        now_at = manifests.read_pointer(store).snapshot
    except StoreCorrupt:
        now_at = None
    lacking = [
        item
        for item in backup.of(MARKET)
        if item.path.endswith(".parquet") and not is_sound(store, item.pieces[0])
    ]
    return MarketPlan(now_at, backup.snapshot, len(lacking), sum(item.bytes for item in lacking))


def restore_market(place: BackupPlace, backup: Backup, root: Path, *, now: datetime) -> Restored:
    """Make the backup's snapshot the newest of the market store in the home ``root``.

    It keeps its id, unless another history has given that id to something else: then it gets the next one.
    Later snapshots that are sound stay; damaged ones are put aside. Raises StoreCorrupt if the backup is
    damaged, and SourceMismatch if the store holds data of another source; the store is as before then.
    """
    if backup.snapshot is None:
        return Restored(None, 0, ())
    store = root / STORE_FOLDER
    files = {item.path: item for item in backup.of(MARKET)}
    manifest = read_file(place, files[f"{STORE_FOLDER}/{manifests.FOLDER}/{backup.snapshot}.json"])
    with exclusive(store, who=f"restore of {backup.name}", now=now, timeout=PATIENCE):
        _check_source(store, backup)
        pointer = _pointer_or_nothing(store)
        if (store / manifests.CURRENT).exists() or not manifests.manifest_ids(store):
            lay_out(store)
        else:
            make_folder(store / objects.FOLDER)
        needed = {item.pieces[0]: item for item in files.values() if item.path.endswith(".parquet")}
        put = put_objects(store, list(needed), lambda sha256: read_file(place, needed[sha256]))
        snapshot_id, manifest = _place_manifest(store, backup.snapshot, manifest, pointer)
        point_at(store, snapshot_id, manifest)
        current = manifests.read_manifest(store, snapshot_id, sha256_hex(manifest))
        aside = clear_damage(root, store, current, now=now)
        refresh_views(store, current)
    return Restored(snapshot_id, put, tuple(aside))


def _pointer_or_nothing(store: Path) -> Pointer:
    try:
        return manifests.read_pointer(store)
    except StoreCorrupt:
        return manifests.NOTHING


def _check_source(store: Path, backup: Backup) -> None:
    """The source of a store is that of any snapshot that can still be read."""
    for snapshot_id in reversed(manifests.manifest_ids(store)):
        try:
            there = manifests.read_manifest(store, snapshot_id).source
        except StoreCorrupt:
            continue
        if there != backup.source:
            raise SourceMismatch(
                f"{store} holds data of {there!r}; the backup {backup.name} is of {backup.source!r}.",
                "Restore it elsewhere: crypto-bt restore NAME --to DIR",
            )
        return


def _place_manifest(store: Path, snapshot_id: str, manifest: bytes, pointer: Pointer) -> tuple[str, bytes]:
    """Put the manifest in its place, or under the next id where that place is taken by another history."""
    path = manifests.manifest_path(store, snapshot_id)
    try:
        there = read_bytes(path)
        taken = there != manifest and manifests.read_manifest(store, snapshot_id) is not None
    except (FileNotFoundError, StoreCorrupt):
        there, taken = b"", False
    # A manifest above ``last`` was never published: its id is free.
    if taken and int(snapshot_id) <= int(pointer.last):
        original = manifests.decode_manifest(manifest, path)
        next_id = manifests.next_id(last_id(store))
        manifest = manifests.encode_manifest(manifests.renumbered(original, next_id))
        write_atomically(manifests.manifest_path(store, next_id), manifest)
        return next_id, manifest
    if there != manifest:
        write_atomically(path, manifest)
    return snapshot_id, manifest


def plan_results(backup: Backup, root: Path) -> tuple[list[BackupFile], list[date]]:
    """The files that :func:`restore_results` would put back, and the nights that are there and stay."""
    folder = root / RESULTS_FOLDER
    damaged = set(verify_results(folder))
    sound = {path.stem for path in (folder / NIGHTS).glob("*.json")} if folder.is_dir() else set()
    later = {name for name in sound if f"{NIGHTS}/{name}.json" not in damaged}
    known = {PurePosixPath(item.path).stem for item in backup.of(RESULTS) if f"/{NIGHTS}/" in item.path}
    newer = bool(later - known)
    back = [item for item in backup.of(RESULTS) if _is_lacking(item, root, damaged, newer)]
    return back, sorted(date.fromisoformat(name) for name in later)


def _is_lacking(item: BackupFile, root: Path, damaged: set[str], newer: bool) -> bool:
    path = root / item.path
    relative = item.path.removeprefix(f"{RESULTS_FOLDER}/")
    if relative in damaged or not path.exists():
        return True
    if relative.startswith((f"{NIGHTS}/", "runs/")):
        return False
    # Files made of nights: those of a later night stay. One that has only grown stays in any case.
    return not newer and path.stat().st_size < item.bytes


def restore_results(place: BackupPlace, backup: Backup, root: Path, *, now: datetime) -> Restored:
    """Put back the nights of the backup that are missing or damaged; sound ones stay, the later ones too."""
    folder = root / RESULTS_FOLDER
    with exclusive(folder, who=f"restore of {backup.name}", now=now, timeout=PATIENCE):
        back, _ = plan_results(backup, root)
        # Pointers come last: a night that is seen has all its files.
        for item in sorted(back, key=lambda item: f"/{NIGHTS}/" in item.path):
            target = root / item.path
            make_folder(target.parent)
            write_atomically(target, read_file(place, item))
    return Restored(None, len(back), ())


def restore_to(place: BackupPlace, backup: Backup, target: Path, *parts: str) -> Path:
    """Write the files of ``parts`` (default: all) into the new folder ``target``, verify, then name it.

    UsageError if ``target`` is there and not empty; StoreCorrupt if the backup is damaged: nothing is left.
    """
    target = target.absolute()
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise UsageError(f"{target} is there already.", "Name a folder that is not there, or is empty.")
    beside = temporary_beside(target)
    try:
        make_folder(beside)
        for item in backup.of(*(parts or (MARKET, RESULTS, "dagster", "other"))):
            write_file(place, item, beside)
        seen = verify_store(beside / STORE_FOLDER)
        damaged = [*seen.corrupt, *seen.missing, *verify_results(beside / RESULTS_FOLDER)]
        if damaged:
            raise StoreCorrupt(f"The backup {backup.name} does not verify: {damaged[0]}.", DOCTOR)
        if target.exists():
            target.rmdir()
        beside.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StoreError(
            f"Could not restore to {target}: {error.strerror or error}.",
            "Mend the disk (free space, permissions) or name another folder.",
        ) from error
    finally:
        if beside.exists():
            remove_folder(beside)
    return target


def read_file(place: BackupPlace, item: BackupFile) -> bytes:
    """The bytes of a file, verified."""
    return b"".join(read_pieces(place, item))


def write_file(place: BackupPlace, item: BackupFile, root: Path) -> Path:
    """Write a file to its path below ``root``, forced to disk; the name is not yet."""
    path = root / item.path
    make_folder(path.parent)
    temporary = temporary_beside(path)
    with temporary.open("xb") as file:
        temporary.chmod(FILE_MODE)
        for piece in read_pieces(place, item):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return path
