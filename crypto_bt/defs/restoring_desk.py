"""Restoring and rolling back a desk: what would change, and the change itself, under the home's locks."""

import sqlite3
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from crypto_bt import __version__
from crypto_bt.core.errors import CryptoBtError, StoreCorrupt, UsageError
from crypto_bt.core.holds import CATCH_UP, NIGHT, Hold
from crypto_bt.core.retention import SnapshotFact, rollback_target
from crypto_bt.defs.backing_up import all_places, alone, check_disk, local_place
from crypto_bt.defs.resources import Desk
from crypto_bt.store import Snapshot
from crypto_bt.store.backup import create_backup, verify_backups
from crypto_bt.store.backup_manifests import DAGSTER, OTHER, Backup, backup_names, check_name, read_backup
from crypto_bt.store.backup_places import BackupPlace
from crypto_bt.store.diagnosis import newest_good_anywhere
from crypto_bt.store.durable import sweep_temporaries
from crypto_bt.store.holds import place_hold
from crypto_bt.store.restoring import plan_market, plan_results, restore_market, restore_results
from crypto_bt.store.restoring_all import restore_dagster, restore_others

BEFORE_RESTORE: Final = "before a restore"
#: States of an alert in an outbox that is not delivered yet.
WAITING: Final = ("queued", "leased")


@dataclass(frozen=True, slots=True)
class Preview:
    """What a restore will change, a line for each part: what is there, what will be, files put back."""

    lines: tuple[tuple[str, str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a restore did: the newest snapshot now, files put back and put aside, the backup made before."""

    snapshot: str | None
    put_back: int
    aside: tuple[str, ...]
    before: str | None


def find_backup(desk: Desk, name: str | None) -> tuple[BackupPlace, Backup]:
    """The backup called ``name``, or the newest good one; wherever it lies, verified.

    UsageError if there is none, StoreCorrupt if it is damaged, naming the newest good one.
    """
    if name is None:
        found = newest_good_anywhere(all_places(desk))
        if found is None:
            raise UsageError("There is no good backup.", "See what is wrong: crypto-bt backup verify")
        return found
    places = [place for place in all_places(desk) if check_name(name) in backup_names(place)]
    if not places:
        raise UsageError(f"There is no backup {name}.", "See what there is: crypto-bt backup list")
    for place in places:
        if all(item.ok for item in verify_backups(place, [name])):
            return place, read_backup(place, name)
    other = newest_good_anywhere(all_places(desk))
    mend = f"Restore the newest good one: crypto-bt restore {other[1].name}" if other else "No other is good."
    raise StoreCorrupt(f"The backup {name} is damaged; nothing was changed.", mend)


def preview(desk: Desk, backup: Backup, *, everything: bool) -> Preview:
    """What :func:`restore_desk` would change."""
    root = desk.home.root
    market = plan_market(backup, root)
    back, nights = plan_results(backup, root)
    lines = [
        ("market", market.now_at or "none", market.to or "none", market.objects),
        ("results", f"{len(nights)} sound nights", "these, and those of the backup", len(back)),
    ]
    if everything:
        lines.append(
            ("dagster", "as it is", f"as of {backup.created_at:%F %H:%M} UTC", len(backup.of(DAGSTER)))
        )
        lines.append(("other", "as it is", f"as of {backup.created_at:%F %H:%M} UTC", len(backup.of(OTHER))))
    return Preview(tuple(lines))


def restore_desk(
    desk: Desk, place: BackupPlace, backup: Backup, *, everything: bool, now: datetime
) -> Outcome:
    """Restore market and results; with ``everything`` also Dagster's home, outbox and ledgers.

    The latter only while nothing serves the home (UsageError names what does). What is there and whole is
    backed up first.
    """
    check_disk(desk)
    root = desk.home.root
    with ExitStack() as stack:
        if everything:
            stack.enter_context(desk.home.locked("service", "crypto-bt restore"))
        stack.enter_context(alone(desk, "crypto-bt restore", 60))
        stack.enter_context(desk.home.locked("market", "crypto-bt restore", 60))
        # What a restore that was killed left beside.
        sweep_temporaries(root)
        before = _before(desk, now)
        market = restore_market(place, backup, root, now=now)
        results = restore_results(place, backup, root, now=now)
        back, aside = market.put_back + results.put_back, [*market.aside, *results.aside]
        if everything:
            old = restore_dagster(place, backup, root, now=now)
            aside += [str(old.relative_to(root))] if old else []
            back += len(restore_others(place, backup, root, now=now, settle=settle_outbox))
    return Outcome(market.snapshot, back, tuple(aside), before)


def _before(desk: Desk, now: datetime) -> str | None:
    """Back up what is there; None where it is empty or damaged: then there is nothing whole to keep."""
    try:
        if desk.store.current() is None:
            return None
        made = create_backup(
            local_place(desk), desk.home.root, now=now, reason=BEFORE_RESTORE, program=__version__
        )
    except CryptoBtError:
        return None
    return made.backup.name


def settle_outbox(copy: Path, path: str) -> None:
    """Mark the alerts of a restored outbox as sent: nobody wants yesterday's alarms again."""
    with closing(sqlite3.connect(copy)) as connection, connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in tables:
            quoted = '"' + table.replace('"', '""') + '"'
            columns = {row[1] for row in connection.execute(f"PRAGMA table_info({quoted})")}
            if "state" in columns:
                marks = ", ".join("?" * len(WAITING))
                connection.execute(
                    f"UPDATE {quoted} SET state = 'sent' WHERE state IN ({marks})",
                    WAITING,
                )


def roll_back(desk: Desk, hours: float, now: datetime, who: str) -> tuple[Snapshot, str | None]:
    """Make the newest snapshot that is ``hours`` old the newest state; nothing is removed.

    The nightly job and catch_up are held until ``resume``: else they would fetch anew what was rolled back.
    Also returns the id that was the newest before. UsageError where no snapshot is so old.
    """
    facts = [SnapshotFact(item.id, item.published_at) for item in desk.store.snapshots()]
    target = rollback_target(facts, now, hours)
    if target is None:
        raise UsageError(
            f"No snapshot is {hours:g} hours old; there are {len(facts)}"
            + (f", the oldest of {min(f.published_at for f in facts):%F %H:%M} UTC." if facts else "."),
            "Roll back by fewer hours, or restore a backup: crypto-bt backup list",
        )
    with alone(desk, "crypto-bt rollback", 60), desk.home.locked("market", "crypto-bt rollback", 60):
        current = desk.store.current()
        # The hold comes first: a rollback that is killed half-way must not be undone by catch-up.
        for name in (NIGHT, CATCH_UP):
            place_hold(desk.home.root, Hold(name, now, who, f"rolled back to snapshot {target.id}"))
        return desk.store.roll_back(target.id, who=who, now=now), current.id if current else None
