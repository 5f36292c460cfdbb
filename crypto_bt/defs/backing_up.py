"""The desk's backups: made, copied off this machine, pruned; used by the assets and by the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from crypto_bt import __version__
from crypto_bt.core.disk_room import DiskRoom, too_little, what_to_delete
from crypto_bt.core.errors import CryptoBtError, StoreError
from crypto_bt.core.retention import backups_to_keep, offsite_due, offsite_to_keep
from crypto_bt.defs.reference_backtest import reference_backtest
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.disk import disk_room, folder_sizes
from crypto_bt.store.backup import (
    BackupVerification,
    Copied,
    Pruned,
    copy_backup,
    create_backup,
    prune_backups,
    verify_backups,
)
from crypto_bt.store.backup_manifests import backup_names, made_at
from crypto_bt.store.backup_places import BackupPlace, FolderPlace, place_at

PATIENCE: Final = 600.0


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A finished backup; ``offsite``: its copy elsewhere, None if none was due; ``remark``: why not."""

    copied: Copied
    offsite: Copied | None
    pruned: Pruned
    remark: str


def local_place(desk: Desk) -> FolderPlace:
    """The backups in the home itself."""
    return FolderPlace(desk.home.root / "backups")


def offsite_place(desk: Desk) -> BackupPlace | None:
    """The place off this machine; None where BACKUP_OFFSITE_DIR is empty."""
    address = desk.settings.BACKUP_OFFSITE_DIR.strip()
    return place_at(address) if address else None


def all_places(desk: Desk) -> list[BackupPlace]:
    """Where backups may lie, the nearest first."""
    offsite = offsite_place(desk)
    return [local_place(desk), *([offsite] if offsite else [])]


@contextmanager
def alone(desk: Desk, who: str, patience: float = PATIENCE) -> Iterator[None]:
    """Keep backups, restores and collections of the home from one another."""
    with desk.home.locked("backup", who, patience):
        yield


def check_disk(desk: Desk) -> None:
    """Raise StoreError, saying what could be deleted, when the disk is nearly full."""
    short = lacking_room(desk)
    if short:
        raise StoreError(short, what_to_delete(folder_sizes(desk.home.root)))


def lacking_room(desk: Desk) -> str:
    """Why the disk has too little room for the settings of ``desk``; empty if it has enough."""
    free, total = disk_room(desk.home.root)
    settings = desk.settings
    return too_little(
        DiskRoom(free, total),
        minimum_gb=settings.DISK_MINIMUM_GB,
        minimum_share=settings.DISK_MINIMUM_SHARE,
    )


def back_up(desk: Desk, reason: str, now: datetime) -> BackedUp:
    """Back up the home, copy the backup off this machine if this week has none there, prune both places.

    Raises StoreCorrupt for a home that does not verify, StoreError for too little room. A place off this
    machine that cannot be reached is a remark, not an error: the local backup is made.
    """
    check_disk(desk)
    with alone(desk, f"backup ({reason})"):
        current = desk.store.current()
        reference = reference_backtest(desk.store, current.id) if current else {}
        place = local_place(desk)
        copied = create_backup(
            place, desk.home.root, now=now, reason=reason, program=__version__, reference=reference
        )
        offsite, remark = _copy_offsite(desk, copied.backup.name, now)
        return BackedUp(copied, offsite, prune_local(desk, now), remark)


def _copy_offsite(desk: Desk, name: str, now: datetime) -> tuple[Copied | None, str]:
    target = offsite_place(desk)
    if target is None:
        return None, no_offsite(desk, now)
    try:
        facts = [item.fact for item in verify_backups(target)]
        copied = copy_backup(local_place(desk), name, target, now=now) if offsite_due(facts, now) else None
        facts = [item.fact for item in verify_backups(target)]
        prune_backups(target, offsite_to_keep(facts, now))
    except CryptoBtError as error:
        return None, str(error)
    return copied, _same_disk(desk, target)


def prune_local(desk: Desk, now: datetime) -> Pruned:
    """Keep the promised local backups, and remove the others."""
    facts = [item.fact for item in verify_backups(local_place(desk))]
    return prune_backups(local_place(desk), backups_to_keep(facts, now))


def no_offsite(desk: Desk, now: datetime) -> str:
    """What the loss of this disk would cost, where there is no copy elsewhere."""
    current = desk.store.current()
    first = min((item.first for item in current.objects), default=now) if current else now
    count = len(desk.results.nights())
    nights = "1 night" if count == 1 else f"{count} nights"
    return (
        f"No copy off this machine (BACKUP_OFFSITE_DIR is empty). The loss of this disk would cost {nights}, "
        f"a person's decisions and whatever the exchange tells no more; market data since {first:%F} "
        "would have to be fetched again."
    )


def _same_disk(desk: Desk, target: BackupPlace) -> str:
    if not isinstance(target, FolderPlace) or not target.root.exists():
        return ""
    if target.root.stat().st_dev != desk.home.root.stat().st_dev:
        return ""
    return f"{target.address} is on the same disk as the home: it is no copy off this machine. Is it mounted?"


def newest_backup(desk: Desk) -> tuple[str, datetime] | None:
    """Snapshot and time of the newest local backup; reads names only."""
    names = backup_names(local_place(desk))
    return (names[-1].rpartition("-")[2], made_at(names[-1])) if names else None


def verify_all(desk: Desk) -> list[tuple[BackupPlace, list[BackupVerification]]]:
    """Hash every piece of every backup in every place; StoreError for one that cannot be reached."""
    return [(place, verify_backups(place)) for place in all_places(desk)]


def size_of(place: BackupPlace) -> int:
    """Bytes of all pieces in ``place``."""
    return sum(place.names("objects").values())
