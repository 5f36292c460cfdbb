"""What is wrong with a home, each finding with what it means and the command that mends it."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from crypto_bt.core.disk_room import what_to_delete
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.holds import Hold
from crypto_bt.defs.backing_up import (
    all_places,
    lacking_room,
    local_place,
    newest_backup,
    no_offsite,
    offsite_place,
)
from crypto_bt.defs.recovery import look
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.disk import disk_room, folder_sizes
from crypto_bt.store.aside import FOLDER as ASIDE
from crypto_bt.store.backup import verify_backups
from crypto_bt.store.holds import read_holds
from crypto_bt.store.probing import probe
from crypto_bt.store.recovery_ledger import RecoveryLedger
from crypto_bt.store.restoring_all import damaged_databases


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: whether it is well, what was seen, and the command that mends it."""

    about: str
    well: bool
    seen: str
    command: str = ""


def findings(desk: Desk, now: datetime) -> list[Finding]:
    """Look at everything; changes nothing. What cannot be looked at is a finding too."""
    looks = (_stores, _readable, _databases, _backups, _offsite, _room, _holds, _aside, _permissions)
    found = []
    for each in looks:
        try:
            found += each(desk, now)
        except (CryptoBtError, OSError) as error:
            found.append(Finding(each.__name__.strip("_"), False, str(error)))
    return found


def _stores(desk: Desk, now: datetime) -> list[Finding]:
    damage, plan = look(desk, now)
    if damage.none:
        current = desk.store.current()
        what = f"snapshot {current.id} is the newest" if current else "the store is empty"
        return [Finding("stores", True, f"every object, manifest and pointer is as it was published; {what}")]
    if damage.unreadable:
        return [
            Finding("stores", False, plan.text, "ls -ln in the store: who owns it? Then run as that user")
        ]
    return [Finding("stores", False, plan.text, f"crypto-bt doctor --mend{desk.settings.home_option}")]


def _readable(desk: Desk, now: datetime) -> list[Finding]:
    seen = probe(desk.store.root)
    mend = f"crypto-bt restore --latest{desk.settings.home_option}" if seen.corrupt else ""
    return [Finding("reading", seen.ok, seen.text, "" if seen.ok else mend)]


def _databases(desk: Desk, now: datetime) -> list[Finding]:
    bad = damaged_databases(desk.home.root)
    mend = f"stop crypto-bt up, then: crypto-bt restore --latest --all{desk.settings.home_option}"
    return [
        Finding("databases", not bad, f"damaged: {', '.join(bad)}" if bad else "sound", mend if bad else "")
    ]


def _backups(desk: Desk, now: datetime) -> list[Finding]:
    option = desk.settings.home_option
    newest = newest_backup(desk)
    if newest is None:
        empty = desk.store.current() is None
        return [
            Finding("backups", empty, "there is none", "" if empty else f"crypto-bt backup create{option}")
        ]
    bad = [item.name for item in verify_backups(local_place(desk)) if not item.ok]
    if bad:
        told = f"damaged: {', '.join(bad)}"
        return [
            Finding("backups", False, told, f"crypto-bt backup create{option}, which mends shared pieces")
        ]
    hours = (now - newest[1]).total_seconds() / 3600
    late = hours > 50 and newest[0] != _current_id(desk)
    mend = f"crypto-bt backup create{option}" if late else ""
    return [Finding("backups", not late, f"all verify; the newest is {hours:.0f} h old", mend)]


def _current_id(desk: Desk) -> str | None:
    current = desk.store.current()
    return current.id if current else None


def _offsite(desk: Desk, now: datetime) -> list[Finding]:
    place = offsite_place(desk)
    if place is None:
        empty = desk.store.current() is None
        mend = "" if empty else "set BACKUP_OFFSITE_DIR in the home's .env"
        return [Finding("off this machine", empty, no_offsite(desk, now), mend)]
    good = sum(item.ok for item in verify_backups(all_places(desk)[1]))
    mend = "" if good else f"crypto-bt backup create{desk.settings.home_option}"
    return [Finding("off this machine", good > 0, f"{good} good copies at {place.address}", mend)]


def _room(desk: Desk, now: datetime) -> list[Finding]:
    free, total = disk_room(desk.home.root)
    short = lacking_room(desk)
    mend = what_to_delete(folder_sizes(desk.home.root)) if short else ""
    return [Finding("disk", not short, short or f"{free / 1e9:.1f} GB free ({free / total:.0%})", mend)]


def _holds(desk: Desk, now: datetime) -> list[Finding]:
    option = desk.settings.home_option
    held = [Finding(f"hold on {h.name}", False, h.text, f"crypto-bt resume{option}") for h in _held(desk)]
    pending = RecoveryLedger(desk.home.root).pending()
    lost = [
        Finding(
            "to fetch again",
            False,
            f"{item.dataset} from {item.start:%F} to {item.end:%F}",
            f"crypto-bt doctor --mend{option}",
        )
        for item in pending
    ]
    return [*(held or [Finding("holds", True, "nothing is held")]), *lost]


def _held(desk: Desk) -> list[Hold]:
    return list(read_holds(desk.home.root).values())


def _aside(desk: Desk, now: datetime) -> list[Finding]:
    folder = desk.home.root / ASIDE
    count = len([path for path in folder.iterdir() if path.suffix != ".report"]) if folder.is_dir() else 0
    seen = f"{count} damaged files are kept in {folder}" if count else "no damaged file is kept"
    return [Finding("aside", True, seen)]


def _permissions(desk: Desk, now: datetime) -> list[Finding]:
    foreign = [path for path in _looked_at(desk.home.root) if path.lstat().st_uid != os.geteuid()]
    if foreign:
        seen = f"{len(foreign)} files belong to somebody else, such as {foreign[0]}"
        return [Finding("owner", False, seen, f"chown -R {os.geteuid()} {desk.home.root}")]
    return [Finding("owner", True, "every file belongs to this user")]


def _looked_at(root: Path) -> list[Path]:
    tops = [root, *root.iterdir()]
    return [
        *tops,
        *(path for top in tops[1:] if top.is_dir() and not top.is_symlink() for path in top.iterdir()),
    ]
