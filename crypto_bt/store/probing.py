"""Opening a store in a process of its own: an abort there, which is no exception, harms nobody here."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crypto_bt.core.errors import StoreCorrupt, StoreError
from crypto_bt.store.snapshot_store import SnapshotStore


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether the newest snapshot can be read whole; ``corrupt`` only where damaged bytes were seen."""

    ok: bool
    corrupt: bool
    text: str


def probe(root: Path, *, timeout: float = 120.0, command: Sequence[str] = ()) -> Probe:
    """Read every dataset of the newest snapshot of the store ``root`` in a child process.

    A child that aborts or hangs makes the store unreadable, not corrupt. ``command`` replaces the child.
    """
    child = [*command] or [sys.executable, "-m", "crypto_bt.store.probing", str(root)]
    try:
        done = subprocess.run(child, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return Probe(False, False, f"{root} could not be read within {timeout:.0f} s.")
    if done.returncode < 0:
        return Probe(False, False, f"Reading {root} ended the reader with signal {-done.returncode}.")
    try:
        told = json.loads(done.stdout)
        return Probe(bool(told["ok"]), bool(told["corrupt"]), str(told["text"]))
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        return Probe(False, False, f"Reading {root} failed: {last[:200]}")


def read_everything(root: Path) -> Probe:
    """Read every dataset of the newest snapshot, in this process."""
    store = SnapshotStore(root, views=False)
    try:
        current = store.current()
        names = sorted({item.dataset for item in current.objects}) if current else []
        rows = sum(store.read(name, at=current.id).height for name in names) if current else 0
    except StoreCorrupt as error:
        return Probe(False, True, str(error))
    except StoreError as error:
        return Probe(False, False, str(error))
    except BaseException as error:  # noqa: BLE001 - polars panics with an exception of its own
        return Probe(False, False, f"{type(error).__name__}: {error}")
    return Probe(True, False, f"{rows:,} rows of {len(names)} datasets can be read.")


if __name__ == "__main__":
    found = read_everything(Path(sys.argv[1]))
    sys.stdout.write(json.dumps({"ok": found.ok, "corrupt": found.corrupt, "text": found.text}))
