"""Removing what Dagster leaves behind: old runs with their events, ticks, and what runs have printed.

::

    history/runs.db            the runs
    history/runs/index.db      events by asset; history/runs/<run>.db all events of one run
    schedules/schedules.db     toggles and ticks
    storage/<run>/compute_logs what a run has printed
"""

import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import dagster as dg

from crypto_bt.core.retention import RunFact, runs_to_prune, worth_shrinking
from crypto_bt.runtime.disk import disk_room, size_of_folder
from crypto_bt.store.databases import shrink_database, unused_bytes

#: What is left is removed the next time: a run of the job has little time.
AT_MOST: Final = 5_000
_PAGE: Final = 500
_INDEX: Final = "index"
_BESIDE: Final = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class PrunedHistory:
    """How much was removed: runs, ticks, files of printed output; bytes given back, and what is left."""

    runs: int
    ticks: int
    files: int
    freed: int
    shrunk: int
    runs_left: int
    bytes_left: int


def prune(
    instance: dg.DagsterInstance,
    home: Path,
    now: datetime,
    *,
    days: int,
    check_keys: Collection[dg.AssetCheckKey],
) -> PrunedHistory:
    """Remove from the Dagster ``home`` what ended more than ``days`` days before ``now``.

    Each asset's latest materialization and observation and the latest evaluation of each of ``check_keys``
    stay, with their whole runs. Safe to be killed at any point; the next time goes on.
    """
    size, before = size_of_folder(home), now - timedelta(days=days)
    facts = list(run_facts(instance))
    old = runs_to_prune(facts, now, days=days, spared=spared_runs(instance, check_keys), at_most=AT_MOST)
    for run_id in old:
        instance.delete_run(run_id)
        for ending in _BESIDE:
            (home / "history" / "runs" / f"{run_id}.db{ending}").unlink(missing_ok=True)
    stay = {fact.id for fact in facts} - set(old)
    ticks = _prune_ticks(instance, before)
    files = _remove_files(home / "storage", stay, before) + _remove_databases(home, stay, before)
    shrunk = sum(_shrink(path, home) for path in databases_of(home))
    left = size_of_folder(home)
    return PrunedHistory(len(old), ticks, files, max(0, size - left), shrunk, len(stay), left)


def run_facts(instance: dg.DagsterInstance) -> Iterator[RunFact]:
    """Every run there is."""
    cursor = None
    while records := instance.get_run_records(limit=_PAGE, cursor=cursor):
        for record in records:
            run = record.dagster_run
            # A run that never began has no end; its last change counts.
            ended = (
                datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp
            )
            yield RunFact(run.run_id, _utc(ended) if run.is_finished else None)
        cursor = records[-1].dagster_run.run_id


def spared_runs(instance: dg.DagsterInstance, check_keys: Collection[dg.AssetCheckKey]) -> set[str]:
    """The runs that hold the latest word on an asset or a check."""
    keys = instance.get_asset_keys()
    events = [instance.get_latest_materialization_event(key) for key in keys]
    found = {event.run_id for event in events if event is not None}
    for key in keys:
        observed = instance.fetch_observations(key, limit=1).records
        found |= {record.run_id for record in observed}
    for check in check_keys:
        history = instance.event_log_storage.get_asset_check_execution_history(check, limit=1)
        found |= {record.run_id for record in history}
    return found


def databases_of(home: Path) -> Sequence[Path]:
    """The databases that grow with every run."""
    names = ("history/runs.db", f"history/runs/{_INDEX}.db", "schedules/schedules.db")
    return [home / name for name in names if (home / name).is_file()]


def _prune_ticks(instance: dg.DagsterInstance, before: datetime) -> int:
    count, moment = 0, before.timestamp()
    for state in instance.all_instigator_state():
        found = instance.get_ticks(state.instigator_origin_id, state.selector_id, before=moment)
        if found:
            instance.purge_ticks(state.instigator_origin_id, state.selector_id, before=moment)
        count += len(found)
    return count


def _remove_files(folder: Path, stay: Collection[str], before: datetime) -> int:
    """Output of runs that are gone, and of ticks before ``before``."""
    count = 0
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        if entry.name in stay or not entry.is_dir():
            continue
        files = [path for path in entry.rglob("*") if path.is_file()]
        old = [path for path in files if path.stat().st_mtime < before.timestamp()]
        for path in old:
            path.unlink(missing_ok=True)
        if len(old) == len(files):
            shutil.rmtree(entry, ignore_errors=True)
        count += len(old)
    return count


def _remove_databases(home: Path, stay: Collection[str], before: datetime) -> int:
    """Events of runs that are gone, such as a run that was killed while it was removed leaves."""
    folder, count = home / "history" / "runs", 0
    for path in sorted(folder.glob("*.db")) if folder.is_dir() else []:
        if path.stem in stay or path.stem == _INDEX or path.stat().st_mtime >= before.timestamp():
            continue
        for ending in _BESIDE:
            path.with_name(path.name + ending).unlink(missing_ok=True)
        count += 1
    return count


def _shrink(path: Path, home: Path) -> int:
    free, _ = disk_room(home)
    return shrink_database(path) if worth_shrinking(path.stat().st_size, unused_bytes(path), free) else 0


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
