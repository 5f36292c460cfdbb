"""Reads how the home is at this moment, and decides whether that is well."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType

from crypto_bt.core.crashes import BY
from crypto_bt.core.disk_room import DiskRoom
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.health import Health, Sample, decide
from crypto_bt.core.holds import NIGHT as NIGHTS
from crypto_bt.core.night import cutoff_of
from crypto_bt.core.vital_signs import DAEMON, HealthLimits, Readings
from crypto_bt.defs.heartbeats import DAEMONS, daemon_heartbeats
from crypto_bt.defs.night_watch import TRADER_GUARD
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.disk import disk_room
from crypto_bt.runtime.health_probe import Probed, probe_home
from crypto_bt.store.holds import read_holds

_AN_HOUR: Final = timedelta(hours=1)
_MOST_RUNS: Final = 100


def look(
    desk: Desk, instance: dg.DagsterInstance, history: list[Sample], now: datetime
) -> tuple[Health, Readings, Probed]:
    """The state of the home at ``now`` (by the wall clock, as processes live), and what it was read from."""
    probed = probe_home(desk.home.root, now)
    readings = _readings(desk, instance, probed, now)
    settings = desk.settings
    limits = HealthLimits(
        memory_mb=settings.HEALTH_MEMORY_MB,
        errors=settings.HEALTH_ERRORS_PER_HOUR,
        night_hours=settings.HEALTH_NIGHT_HOURS,
        disk_gb=settings.DISK_MINIMUM_GB,
        disk_share=settings.DISK_MINIMUM_SHARE,
    )
    return decide(readings, history, limits, now), readings, probed


def wall_clock(desk: Desk) -> datetime:
    """The desk's time, or the wall clock's where the desk's stands still: processes do not."""
    return desk.clock() if desk.settings.FIXED_NOW is None else datetime.now(UTC)


def _readings(desk: Desk, instance: dg.DagsterInstance, probed: Probed, now: datetime) -> Readings:
    beats = daemon_heartbeats(instance)
    silences: dict[str, float] = {
        name: max(0.0, (now - beats[name]).total_seconds()) for name in DAEMONS if name in beats
    }
    # The daemon gets on as long as one of its threads does.
    processes = [
        replace(each, stuck=min(silences.values(), default=None)) if each.name == DAEMON else each
        for each in probed.processes
    ]
    free, total = disk_room(desk.home.root)
    closed, night_hours = _store_and_night(desk)
    return Readings(
        serving=probed.serving,
        processes=processes,
        daemons=silences,
        memory_mb=probed.memory_mb,
        errors=errors_since(instance, now - _AN_HOUR),
        night_hours=night_hours,
        nights_off=nights_off(desk, instance),
        disk=DiskRoom(free, total),
        store=closed,
    )


def _store_and_night(desk: Desk) -> tuple[str, float | None]:
    """Why the store does not open (empty: it does), and the hours since the data of the last good night
    ended; since the first snapshot where there was no night yet."""
    try:
        current = desk.store.current()
        nights = desk.results.nights()
        if nights:
            begun = cutoff_of(max(nights), desk.settings.night_time)
        elif current is not None:
            begun = min((each.published_at for each in desk.store.snapshots()), default=current.published_at)
        else:
            return "", None
    except (CryptoBtError, OSError) as error:
        return str(error).splitlines()[0], None
    return "", max(0.0, (desk.clock() - begun).total_seconds() / 3600)


def errors_since(instance: dg.DagsterInstance, since: datetime) -> int:
    """Runs that failed after ``since``, each counted by its failed steps."""
    failed = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since), limit=_MOST_RUNS
    )
    return sum(_failed_steps(instance, record.dagster_run.run_id) for record in failed)


def _failed_steps(instance: dg.DagsterInstance, run_id: str) -> int:
    return max(1, int(getattr(instance.get_run_stats(run_id), "steps_failed", 0)))


def nights_off(desk: Desk, instance: dg.DagsterInstance) -> str:
    """Since when and by whom nights are off where a person wanted it; empty where nobody did."""
    try:
        hold = read_holds(desk.home.root).get(NIGHTS)
    except CryptoBtError:
        hold = None
    if hold is not None and hold.by not in (BY, TRADER_GUARD):
        return hold.text
    if not desk.settings.BACKTEST_ENABLED:
        return "switched off (BACKTEST_ENABLED=0)"
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
        if state.instigator_name == NIGHTS and state.status is InstigatorStatus.STOPPED:
            return "switched off (schedule)"
    return ""
