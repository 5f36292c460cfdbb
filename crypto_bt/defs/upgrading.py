"""Upgrading a home: a backup first, then market store, Dagster's databases and ledgers, then a look."""

import sys
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from crypto_bt import __version__
from crypto_bt.defs.backing_up import alone, check_disk, local_place
from crypto_bt.defs.execute import open_instance
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.restoring_desk import restore_desk
from crypto_bt.store.backup import check_whole, create_backup, verify_backups
from crypto_bt.store.backup_manifests import Backup, backup_names, read_backup
from crypto_bt.store.holds import read_holds
from crypto_bt.store.mending import put_newer_aside

REASON: Final = "before an upgrade"


@dataclass(frozen=True, slots=True)
class Upgraded:
    """The backup made first (None for an empty home), and what was done, a sentence each."""

    before: str | None
    steps: tuple[str, ...]


def upgrade_desk(desk: Desk, now: datetime) -> Upgraded:
    """Bring the home of ``desk`` to this version; safe to repeat.

    Raises StoreCorrupt, with nothing changed, for a home that does not verify; UsageError while something
    serves the home.
    """
    check_disk(desk)
    with ExitStack() as stack:
        stack.enter_context(desk.home.locked("service", "crypto-bt upgrade"))
        stack.enter_context(alone(desk, "crypto-bt upgrade", 60))
        stack.enter_context(desk.home.locked("market", "crypto-bt upgrade", 60))
        made = create_backup(local_place(desk), desk.home.root, now=now, reason=REASON, program=__version__)
        steps = [_market(desk, now), _dagster(desk), _ledgers(desk)]
        check_whole(desk.home.root)
    return Upgraded(made.backup.name, tuple(steps))


def undo_upgrade(desk: Desk, now: datetime) -> Backup | None:
    """Put everything back as the last upgrade found it; None if there was none."""
    place = local_place(desk)
    for name in reversed(backup_names(place)):
        if all(item.ok for item in verify_backups(place, [name])):
            backup = read_backup(place, name)
            if backup.reason == REASON:
                restore_desk(desk, place, backup, everything=True, now=now)
                with desk.home.locked("market", "crypto-bt upgrade --undo", 60):
                    put_newer_aside(desk.home.root, desk.store.root, now=now)
                return backup
    return None


def _market(desk: Desk, now: datetime) -> str:
    fresh = desk.store.migrate(who="crypto-bt upgrade", now=now)
    if fresh is None:
        return "Market store: nothing to migrate."
    return f"Market store: snapshot {fresh.id} has schema version {fresh.schema_version}."


def _dagster(desk: Desk) -> str:
    # Dagster tells of it on standard output, which belongs to the command's own result.
    with open_instance(desk.home) as instance, redirect_stdout(sys.stderr):
        instance.upgrade()
        instance.reindex()
    return "Dagster's databases are those of this version."


def _ledgers(desk: Desk) -> str:
    held = read_holds(desk.home.root)
    return f"Ledgers: {len(held)} holds can be read."
