"""The file ``holds.json`` of a home: what is kept from running, until ``crypto-bt resume``."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import filelock

from crypto_bt.core.errors import UsageError
from crypto_bt.core.holds import Hold, from_json, to_json
from crypto_bt.store.durable import write_atomically

FILE: Final = "holds.json"
_PATIENCE_SECONDS: Final = 10.0


def read_holds(home: Path) -> dict[str, Hold]:
    """Everything that is held in the home, by name; raises UsageError for a file that cannot be read."""
    try:
        text = (home / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    return from_json(text)


def place_hold(home: Path, hold: Hold) -> bool:
    """Hold ``hold.name``; returns whether it was not held before (who came first is kept)."""
    with filelock.FileLock(home / f"{FILE}.lock", timeout=_PATIENCE_SECONDS):
        held = _readable(home)
        if hold.name in held:
            return False
        write_atomically(home / FILE, to_json({**held, hold.name: hold}).encode())
        return True


def lift_holds(home: Path, names: Iterable[str]) -> list[Hold]:
    """Let these run again; returns what had been held."""
    with filelock.FileLock(home / f"{FILE}.lock", timeout=_PATIENCE_SECONDS):
        held = _readable(home)
        lifted = [held.pop(name) for name in names if name in held]
        write_atomically(home / FILE, to_json(held).encode())
        return lifted


def _readable(home: Path) -> dict[str, Hold]:
    """A file that cannot be read is put aside: whoever writes anew says what is held from now on."""
    try:
        return read_holds(home)
    except UsageError:
        (home / FILE).rename(home / f"{FILE}.unreadable")
        return {}
