"""Uptime and nights of the last days, from what the supervisor and the nights have written."""

from datetime import datetime, timedelta

from crypto_bt.core.promises import nights_done, up
from crypto_bt.core.service_level import Nights, Uptime, nights, uptime
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.health_probe import SUPERVISOR_FILE, read_told
from crypto_bt.store.health_ledger import read_looks
from crypto_bt.store.uptime_ledger import read_changes


def uptime_and_nights(desk: Desk, now: datetime, days: float) -> tuple[Uptime, Nights]:
    """Of the last ``days``."""
    root, since = desk.home.root, now - timedelta(days=days)
    changes, beat = read_changes(root), read_told(root / SUPERVISOR_FILE).get("beat")
    found = uptime(changes, datetime.fromisoformat(beat) if beat else None, since, now)
    due = nights(desk.results.nights(), read_looks(root), changes, since, now, desk.settings.night_time)
    return found, due


def uptime_line(desk: Desk, now: datetime, days: int = 7) -> str:
    """For the digest; empty where nothing is recorded."""
    found, due = uptime_and_nights(desk, now, days)
    share, *_ = up(found)
    if share.value is None:
        return ""
    return (
        f"Uptime of {days} days: {share.seen} (promised {share.promised}); nights: {nights_done(due).seen}."
    )
