"""Restoring what only a stopped home can take back: Dagster's home, the outbox, the ledgers."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from crypto_bt.core.errors import StoreError
from crypto_bt.store.aside import put_aside
from crypto_bt.store.backup_contents import DAGSTER_FOLDER
from crypto_bt.store.backup_manifests import DAGSTER, OTHER, Backup, BackupFile
from crypto_bt.store.backup_places import BackupPlace
from crypto_bt.store.databases import damage_of, is_database, transfer
from crypto_bt.store.durable import (
    exchange,
    make_folder,
    read_bytes,
    remove_folder,
    remove_quietly,
    sync_folder,
    temporary_beside,
)
from crypto_bt.store.restoring import write_file

#: Told of each database (where its restored copy lies, its path in the home) before it is put in its place.
Settle = Callable[[Path, str], None]
#: What runs have printed lies beside the databases; it is not backed up, and stays.
_STAYS: Final = ("storage", "logs")


def restore_dagster(place: BackupPlace, backup: Backup, root: Path, *, now: datetime) -> Path | None:
    """Swap Dagster's home for the backup's; where the old one is now, None if there was none.

    One rename does it where the system can swap two names (Linux), so whatever is killed leaves the old one
    or the restored one whole.
    """
    if not backup.of(DAGSTER):
        return None
    there = root / DAGSTER_FOLDER
    beside = temporary_beside(there)
    try:
        for item in backup.of(DAGSTER):
            write_file(place, item, beside)
        fresh = beside / DAGSTER_FOLDER
        _sync_tree(fresh)
        old = _swap(root, there, fresh, now)
    finally:
        if beside.exists():
            remove_folder(beside)
    for name in _STAYS:
        if old is not None and (old / name).is_dir() and not (there / name).exists():
            (old / name).rename(there / name)
    return old


def _swap(root: Path, there: Path, fresh: Path, now: datetime) -> Path | None:
    why = "Replaced by that of a backup."
    if not there.exists():
        fresh.rename(there)
        sync_folder(root)
        return None
    if exchange(fresh, there):
        sync_folder(root)
        return put_aside(root, fresh, why=why, now=now, name=there.name)
    old = put_aside(root, there, why=why, now=now)
    fresh.rename(there)
    sync_folder(root)
    return old


def restore_others(
    place: BackupPlace, backup: Backup, root: Path, *, now: datetime, settle: Settle
) -> list[str]:
    """Put back outbox and ledgers as the backup has them; the paths that changed.

    A ledger that has only grown since stays as it is. A database is written through SQLite, so that a reader
    sees the old rows or the restored ones; a damaged one is put aside first.
    """
    changed = []
    for item in backup.of(OTHER):
        target = root / item.path
        beside = temporary_beside(root / "restored")
        try:
            copy = write_file(place, item, beside)
            if _has_grown(target, copy):
                continue
            if is_database(copy):
                settle(copy, item.path)
                _put_database(root, copy, target, now)
            else:
                make_folder(target.parent)
                copy.replace(target)
                sync_folder(target.parent)
            changed.append(item.path)
        except OSError as error:
            raise _refused(item, error) from error
        finally:
            if beside.exists():
                remove_folder(beside)
    return changed


def _put_database(root: Path, copy: Path, target: Path, now: datetime) -> None:
    make_folder(target.parent)
    if target.exists():
        try:
            with (
                closing(sqlite3.connect(copy)) as source,
                closing(sqlite3.connect(target, timeout=0)) as sink,
            ):
                sink.execute("PRAGMA schema_version")
                transfer(source, sink)
            return
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"{target} cannot be written: {error}.", "Stop what uses it: crypto-bt up"
            ) from error
        except sqlite3.DatabaseError as error:
            put_aside(root, target, why=str(error), now=now)
    # A log of the old database must not be applied to the new one.
    for suffix in ("-wal", "-shm"):
        remove_quietly(target.with_name(target.name + suffix))
    copy.replace(target)
    sync_folder(target.parent)


def _has_grown(target: Path, copy: Path) -> bool:
    try:
        there = read_bytes(target)
    except FileNotFoundError:
        return False
    kept = read_bytes(copy)
    return there == kept or (not is_database(copy) and there.startswith(kept) and bool(kept))


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
    sync_folder(folder)


def _refused(item: BackupFile, error: OSError) -> StoreError:
    return StoreError(
        f"Could not restore {item.path}: {error.strerror or error}.",
        "Mend the disk (free space, permissions) and restore again.",
    )


def damaged_databases(root: Path) -> list[str]:
    """Paths of the databases of a home that SQLite finds damaged; one that is locked is not among them."""
    paths = {*root.glob("*.db"), *root.glob("*/*.db"), *(root / DAGSTER_FOLDER).rglob("*.db")}
    return sorted(str(path.relative_to(root)) for path in paths if damage_of(path))
