"""What status and digest say of backups, the disk and what is kept from running."""

from datetime import datetime, timedelta
from typing import Any, Final

from crypto_bt.core.holds import NIGHT
from crypto_bt.core.wholeness import hours
from crypto_bt.defs.backing_up import lacking_room, newest_backup, no_offsite
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.disk import disk_room
from crypto_bt.store.holds import read_holds

#: A backup is made every 24 h; two that were missed are a trouble.
LATE: Final = timedelta(hours=50)


def upkeep(desk: Desk, now: datetime) -> dict[str, Any]:
    """Time of the ``backup``, ``offsite``, ``disk_free_gb``; ``lines`` and ``wrong`` to show."""
    settings, option = desk.settings, desk.settings.home_option
    current, newest = desk.store.current(), newest_backup(desk)
    free, _ = disk_room(desk.home.root)
    lines, wrong = [], []
    if newest is not None:
        lines.append(f"Newest backup: {hours(now - newest[1])} old, of snapshot {newest[0]}.")
    elif current is not None:
        lines.append(f"No backup yet; the sensor backup_due makes one, or: crypto-bt backup create{option}")
    if not settings.BACKUP_OFFSITE_DIR and current is not None:
        lines.append(no_offsite(desk, now))
    late = late_backup(desk, now)
    wrong += [f"{late} crypto-bt backup create{option}"] if late else []
    short = lacking_room(desk)
    wrong += [f"{short} crypto-bt data compact{option}"] if short else []
    return {
        "backup": newest[1] if newest else None,
        "offsite": settings.BACKUP_OFFSITE_DIR or None,
        "disk_free_gb": round(free / 1e9, 2),
        "lines": lines,
        "wrong": wrong,
    }


def late_backup(desk: Desk, now: datetime) -> str:
    """Why the newest backup is too old; empty where it is not, or where there has never been one."""
    current, newest = desk.store.current(), newest_backup(desk)
    if newest is None or current is None or newest[0] == current.id or now - newest[1] <= LATE:
        return ""
    return f"The newest backup is {hours(now - newest[1])} old."


def switched_off(desk: Desk) -> dict[str, str]:
    """What a person, the breaker or the live trader's guard keeps from running: nothing that went wrong."""
    option = desk.settings.home_option
    found = {
        name: f"{name} is {hold.text}. Resume it: crypto-bt resume {name}{option}"
        for name, hold in read_holds(desk.home.root).items()
    }
    if not desk.settings.BACKTEST_ENABLED:
        found.setdefault(NIGHT, f"{NIGHT} is switched off (BACKTEST_ENABLED=0).")
    return found
