"""The file ``crashes.jsonl`` of a home: every crash of the nightly backtest, forced to disk at once."""

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from crypto_bt.core.crashes import Crash, crash_from_json
from crypto_bt.store.durable import FILE_MODE

FILE: Final = "crashes.jsonl"
_RESUMED: Final = "resumed"


def record_crash(home: Path, crash: Crash) -> None:
    """Add ``crash``; it is on disk afterwards."""
    _append(home, crash.to_json())


def record_resumed(home: Path, now: datetime) -> None:
    """Crashes up to ``now`` no longer count."""
    _append(home, Crash(now, _RESUMED, _RESUMED).to_json())


def read_crashes(home: Path) -> tuple[list[Crash], datetime | None]:
    """All crashes in the order in which they were written, and when they were last told to count no more."""
    try:
        lines = (home / FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return [], None
    entries = [entry for entry in map(crash_from_json, lines) if entry is not None]
    resumed = [entry.time for entry in entries if entry.night == _RESUMED]
    return [entry for entry in entries if entry.night != _RESUMED], max(resumed, default=None)


def _append(home: Path, line: str) -> None:
    descriptor = os.open(home / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE)
    try:
        # A line that a crash cut off must not swallow this one.
        os.write(descriptor, f"\n{line}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
