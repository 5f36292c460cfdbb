"""Damaged files are kept aside, each with a report of what it was, when and why it was moved.

::

    aside/20261123T031500123456Z-000123.json          the file as it was found
    aside/20261123T031500123456Z-000123.json.report   where it lay, and why it is here
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from crypto_bt.store.documents import moment_text
from crypto_bt.store.durable import make_folder, remove_folder, sync_folder, write_atomically

FOLDER: Final = "aside"
_REPORT: Final = ".report"
_STAMP: Final = "%Y%m%dT%H%M%S%fZ"


def put_aside(root: Path, path: Path, *, why: str, now: datetime, name: str | None = None) -> Path:
    """Move ``path``, a file or folder of the home ``root``, aside, with a report; where it is now.

    The report is there before the file is moved.
    """
    folder = root / FOLDER
    make_folder(folder)
    place = _free(folder, name or path.name, now)
    report = {"what": str(path.relative_to(root)), "when": moment_text(now), "why": why}
    write_atomically(
        place.with_name(place.name + _REPORT),
        (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode(),
    )
    path.rename(place)
    sync_folder(path.parent)
    sync_folder(folder)
    return place


def clear_aside(root: Path, *, before: datetime) -> int:
    """Remove what was put aside before that moment; bytes that were freed."""
    freed = 0
    for path in sorted((root / FOLDER).iterdir()) if (root / FOLDER).is_dir() else []:
        moment = _moment(path.name)
        if moment is None or moment >= before:
            continue
        files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
        freed += sum(item.stat().st_size for item in files)
        if path.is_dir() and not path.is_symlink():
            remove_folder(path)
        else:
            path.unlink()
    return freed


def _free(folder: Path, name: str, now: datetime) -> Path:
    moment = now.astimezone(UTC)
    while True:
        place = folder / f"{moment.strftime(_STAMP)}-{name}"
        if not place.exists() and not place.is_symlink():
            return place
        moment += timedelta(microseconds=1)


def _moment(name: str) -> datetime | None:
    try:
        return datetime.strptime(name.partition("-")[0], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
