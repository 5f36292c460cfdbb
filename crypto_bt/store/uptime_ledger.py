"""The file ``uptime.jsonl`` of a home: since when the supervisor had everything running, or not."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from crypto_bt.core.service_level import Change, State, change_from_json, died
from crypto_bt.store.durable import FILE_MODE, write_atomically

FILE: Final = "uptime.jsonl"
KEPT: Final = timedelta(days=60)


def read_changes(home: Path) -> list[Change]:
    """All that is kept, ascending."""
    try:
        lines = (home / FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return sorted(
        (change for change in map(change_from_json, lines) if change is not None), key=lambda each: each.time
    )


def begin(home: Path, beat: datetime | None, now: datetime) -> None:
    """A supervisor starts; the one before last gave a sign of life at ``beat`` (None: it is not known)."""
    changes = read_changes(home)
    gone = died(changes, beat)
    kept = [*changes, *([gone] if gone else []), Change(now, State.DOWN)]
    # The last change before what is kept says in which state that begins.
    first = max((i for i, change in enumerate(kept) if change.time < now - KEPT), default=0)
    write_atomically(home / FILE, "".join(f"{change.to_json()}\n" for change in kept[first:]).encode())


def record_change(home: Path, change: Change) -> None:
    """Add ``change``; it is on disk afterwards. Raises OSError where that cannot be."""
    descriptor = os.open(home / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE)
    try:
        # A line that a crash cut off must not swallow this one.
        os.write(descriptor, f"\n{change.to_json()}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
