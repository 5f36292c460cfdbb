"""Looking after the results store: what of it is damaged, and what has become too old."""

import re
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Final

from crypto_bt.core.errors import StoreCorrupt
from crypto_bt.store.durable import TEMPORARY_PREFIX, remove_folder, sync_folder, temporary_beside
from crypto_bt.store.locking import exclusive
from crypto_bt.store.results import NIGHTS, RUNS, ResultsStore

#: Folders of files that are made of a night's results, and named by its date.
_MADE_OF_NIGHTS: Final = ("reports", "archive", "priority")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def verify_results(root: Path) -> list[str]:
    """Paths below ``root`` of the pointers and files of nights that are damaged or missing.

    StoreError, not damage, for what cannot be read.
    """
    damaged = []
    store = ResultsStore(root)
    for night in store.nights():
        try:
            result = store.night(night)
        except StoreCorrupt:
            damaged.append(f"{NIGHTS}/{night.isoformat()}.json")
            continue
        for item in result.files if result else ():
            try:
                result.read(item.name)  # type: ignore[union-attr]
            except StoreCorrupt:
                damaged.append(f"{RUNS}/{result.path.name}/{item.name}")  # type: ignore[union-attr]
    return damaged


def drop_nights(root: Path, keep: Collection[date]) -> tuple[int, int]:
    """Remove the nights not in ``keep`` and the runs that no remaining one names: how many nights, bytes.

    Pointers go first, so that what is listed is always whole; pages and other files that a night's date names
    go with it. While a remaining pointer is damaged no run is removed.
    """
    if not root.exists():
        return 0, 0
    with exclusive(root, who="dropping of old nights", now=None, timeout=60.0):
        store = ResultsStore(root)
        dropped = [night for night in store.nights() if night not in keep]
        for night in dropped:
            (root / NIGHTS / f"{night.isoformat()}.json").unlink()
        if dropped:
            sync_folder(root / NIGHTS)
        freed = sum(_remove(path) for path in _files_of_other_nights(root, keep))
        try:
            left = [store.night(night) for night in store.nights()]
        except StoreCorrupt:
            return len(dropped), freed
        needed = {result.path.name for result in left if result is not None}
        for folder in list((root / RUNS).iterdir()) if (root / RUNS).is_dir() else []:
            if folder.name not in needed and not folder.name.startswith(TEMPORARY_PREFIX):
                freed += _remove(folder)
        return len(dropped), freed


def _files_of_other_nights(root: Path, keep: Collection[date]) -> list[Path]:
    """What is made of a night and named by its date, of nights not in ``keep``."""
    found = []
    for folder in (root / name for name in _MADE_OF_NIGHTS):
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            named = _DATE.search(path.name)
            if named and named[0] not in {night.isoformat() for night in keep}:
                found.append(path)
    return found


def _remove(path: Path) -> int:
    """Remove a file, or a folder of files in one step; its bytes."""
    if not path.is_dir():
        size = path.stat().st_size
        path.unlink()
        return size
    size = sum(file.stat().st_size for file in path.iterdir())
    aside = temporary_beside(path)
    path.rename(aside)
    remove_folder(aside)
    return size
