"""The restore drill: only a restore proves a backup."""

import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crypto_bt.core.errors import StoreCorrupt, StoreError, UsageError
from crypto_bt.defs.backing_up import alone, check_disk, local_place, offsite_place
from crypto_bt.defs.reference_backtest import reference_backtest
from crypto_bt.defs.resources import Desk
from crypto_bt.store import SnapshotStore
from crypto_bt.store.backup import check_whole
from crypto_bt.store.backup_manifests import MARKET, RESULTS, Backup, backup_names, read_backup
from crypto_bt.store.backup_places import BackupPlace
from crypto_bt.store.durable import sweep_temporaries
from crypto_bt.store.restoring import restore_to


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill that went well: ``compared`` is false where the engine has changed since the backup."""

    name: str
    place: str
    offsite: bool
    seconds: float
    files: int
    bytes: int
    rows: int
    digest: str
    compared: bool


def drill(desk: Desk, now: datetime, *, offsite: bool | None = None) -> Drill:
    """Restore the newest backup into a scratch folder, verify it, repeat the reference backtest.

    ``offsite``: from the place off this machine alone, with all parts, as if this machine were lost (default:
    on the first seven days of a month where there is such a place). Raises StoreCorrupt when the backup does
    not verify or the backtest differs, UsageError when there is no backup.
    """
    check_disk(desk)
    away = offsite_place(desk)
    from_away = (now.day <= 7 and away is not None) if offsite is None else offsite
    place: BackupPlace = local_place(desk)
    if from_away:
        if away is None:
            raise UsageError("There is no place off this machine.", "Set BACKUP_OFFSITE_DIR.")
        place = away
    with alone(desk, "restore drill"):
        names = backup_names(place)
        if not names:
            raise UsageError(f"There is no backup at {place.address}.", "Make one: crypto-bt backup create")
        scratch = desk.home.root / "work" / "drill"
        sweep_temporaries(scratch.parent)
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            began = time.monotonic()
            backup = read_backup(place, names[-1])
            parts = () if from_away else (MARKET, RESULTS)
            restore_to(place, backup, scratch, *parts)
            seconds = time.monotonic() - began
            check_whole(scratch)
            store = SnapshotStore(scratch / "store", views=False)
            rows = _rows(store, backup)
            found = reference_backtest(store, backup.snapshot) if backup.snapshot else {}
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    files = backup.of(*parts) if parts else backup.files
    return Drill(
        name=backup.name,
        place=place.address,
        offsite=from_away,
        seconds=seconds,
        files=len(files),
        bytes=sum(item.bytes for item in files),
        rows=rows,
        digest=str(found.get("digest", "")),
        compared=_compare(backup, found),
    )


def _rows(store: SnapshotStore, backup: Backup) -> int:
    """Rows that are really read, of every dataset."""
    if backup.snapshot is None:
        return 0
    names = sorted({item.dataset for item in store.snapshot(backup.snapshot).objects})
    read = {name: store.read(name, at=backup.snapshot).height for name in names}
    promised = {name: store.snapshot(backup.snapshot).rows(name) for name in names}
    if read != promised:
        raise StoreError(f"The restored {backup.name} has {read} rows, promised are {promised}.")
    return sum(read.values())


def _compare(backup: Backup, found: dict[str, Any]) -> bool:
    """Whether the backtests could be compared; StoreCorrupt if they differ."""
    kept = backup.reference
    if not kept or not found or kept.get("code_version") != found.get("code_version"):
        return False
    if kept.get("digest") != found.get("digest"):
        raise StoreCorrupt(
            f"The backtest on the restored {backup.name} gives {found['digest']}, not {kept.get('digest')}.",
            "Verify the backups: crypto-bt backup verify",
        )
    return True
