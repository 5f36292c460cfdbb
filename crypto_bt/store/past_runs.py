"""Finding a run by what a person has of it: its night, or the beginning of its id or digest.

A night that was run again has the newer run as its result; the older one stays in ``runs/`` and is found by
its id, which is the name of its folder.
"""

import re
from datetime import UTC, date, datetime
from typing import Final

from crypto_bt.core.errors import StoreCorrupt, StoreError
from crypto_bt.store.results import AGAIN, RUNS, NightResult, ResultsStore, result_of_files

NEWEST: Final = "latest"
#: As few hex digits of an id are taken for one.
FEWEST_DIGITS: Final = 4
_LISTED: Final = 5


def find_run(results: ResultsStore, name: str) -> NightResult:
    """The run called ``name``: a night such as 2026-11-21, ``latest``, or the beginning of an id or digest.

    Raises :class:`StoreError` if there is none or several are meant, and :class:`StoreCorrupt` if the files
    are not those that the id was computed from.
    """
    nights = results.nights()
    if name == NEWEST and nights:
        return _night(results, nights[-1])
    try:
        day = date.fromisoformat(name) if re.fullmatch(r"\d{4}-\d\d-\d\d", name) else None
    except ValueError:
        day = None
    if day in nights:
        return _night(results, day)
    published = [_night(results, night) for night in nights]
    if day is None and re.fullmatch(rf"[0-9a-f]{{{FEWEST_DIGITS},64}}", name):
        named = {
            result.path.name: result
            for result in published
            if result.path.name.startswith(name) or result.digest.startswith(name)
        }
        folder = results.root / RUNS
        there = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        found = sorted({*named, *(address for address in there if address.startswith(name))})
        if len(found) == 1:
            return named.get(found[0]) or _replaced(results, found[0])
        if found:
            meant = ", ".join(address[:12] for address in found[:_LISTED])
            raise StoreError(f"{name} could mean {len(found)} runs: {meant}.", "Give more digits.")
    listed = ", ".join(str(night) for night in nights[-_LISTED:])
    raise StoreError(
        f"There is no run {name!r}.",
        f"Name a night ({listed}), {NEWEST}, or the first digits of an id." if nights else AGAIN,
    )


def _night(results: ResultsStore, night: date | None) -> NightResult:
    found = results.night(night) if night else None
    if found is None:
        raise StoreError(f"The night of {night} has just gone.", AGAIN)
    return found


def _replaced(results: ResultsStore, address: str) -> NightResult:
    """A run that no night points to any more; when it was published is told by its folder."""
    folder = results.root / RUNS / address
    placed = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    result = result_of_files(folder, placed)
    if result.path.name != address:
        raise StoreCorrupt(f"{folder} is corrupt: its files are not those it is named for.", AGAIN)
    return result
