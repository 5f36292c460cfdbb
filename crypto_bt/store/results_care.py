"""Looking after the results store: what of it is damaged, and what has become too old."""

from collections.abc import Collection
from datetime import date
from pathlib import Path

from crypto_bt.core.errors import StoreCorrupt
from crypto_bt.store.durable import TEMPORARY_PREFIX, remove_folder, sync_folder, temporary_beside
from crypto_bt.store.locking import exclusive
from crypto_bt.store.results import NIGHTS, RUNS, ResultsStore


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

    Pointers go first, so that what is listed is always whole. While a remaining pointer is damaged no run
    is removed.
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
        try:
            left = [store.night(night) for night in store.nights()]
        except StoreCorrupt:
            return len(dropped), 0
        needed = {result.path.name for result in left if result is not None}
        freed = 0
        for folder in list((root / RUNS).iterdir()) if (root / RUNS).is_dir() else []:
            if folder.name not in needed and not folder.name.startswith(TEMPORARY_PREFIX):
                freed += sum(path.stat().st_size for path in folder.iterdir())
                aside = temporary_beside(folder)
                folder.rename(aside)
                remove_folder(aside)
        return len(dropped), freed
