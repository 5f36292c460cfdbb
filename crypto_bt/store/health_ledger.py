"""The file ``health.jsonl`` of a home: the looks at its health of the last days, thinned out."""

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from crypto_bt.core.health import Sample
from crypto_bt.core.health_history import from_json, thin, to_json
from crypto_bt.store.durable import FILE_MODE, write_atomically

FILE: Final = "health.jsonl"
#: Lines above which the file is thinned out.
MOST: Final = 1_500


def read_looks(home: Path) -> list[Sample]:
    """All looks that are kept, ascending; lines that cannot be read are left out."""
    try:
        lines = (home / FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    found = [sample for sample in map(from_json, lines) if sample is not None]
    return sorted(found, key=lambda sample: sample.time)


def record_look(home: Path, before: list[Sample], sample: Sample, now: datetime) -> None:
    """Add ``sample`` to the looks ``before`` that were read; raises OSError where that cannot be written.

    Not forced to disk: the last looks before a crash of the machine tell little.
    """
    if len(before) >= MOST:
        kept = [*thin(before, now), sample]
        write_atomically(home / FILE, "".join(f"{to_json(each)}\n" for each in kept).encode())
        return
    descriptor = os.open(home / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE)
    try:
        # A line that a crash cut off must not swallow this one.
        os.write(descriptor, f"\n{to_json(sample)}\n".encode())
    finally:
        os.close(descriptor)
