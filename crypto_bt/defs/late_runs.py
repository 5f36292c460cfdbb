"""The sensor that tells of late and overlong runs, and ends a process that does not listen."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    TickStatus,
)
from dagster._core.storage.tags import GRPC_INFO_TAG, MAX_RUNTIME_SECONDS_TAG
from dagster._utils.schedules import get_latest_completed_cron_tick

from crypto_bt.core.alerts import Alert
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.late_runs import COMMAND, Expected, Going, Reported, decide_late, unsent
from crypto_bt.core.verdict import not_loaded
from crypto_bt.defs.dead_runs import UNFINISHED, worker_of
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.schedules import WHY_OFF, Plan, newest_row, plans
from crypto_bt.runtime.processes import is_alive, kill_process

TICK_SECONDS: Final = 60
#: Finished runs that ended in so long a time are looked at: their process may still be there.
_LATELY: Final = timedelta(hours=2)
#: After such a pause of its own the sensor was switched off, or the daemon down.
_PAUSE: Final = timedelta(minutes=4)
ENDED: Final = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
ABOUT: Final = (
    "Every minute: reports a schedule that is switched on and has no run 5 minutes after its time, and a run "
    "that takes longer than its job may; kills the process of a run that was ended and goes on."
)


def build_late_runs_sensor(*, running: bool) -> dg.SensorDefinition:
    """Off in a home whose clock stands still."""

    @dg.sensor(
        name="late_runs",
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description=ABOUT if running else f"{ABOUT} Off: {WHY_OFF}",
    )
    def late_runs(context: dg.SensorEvaluationContext, desk: dg.ResourceParam[Desk]) -> dg.SensorResult:
        now = desk.clock()
        loaded = any(newest_row(desk, name) for name in desk.settings.candle_datasets)
        before, since = read_cursor(context.cursor, now)
        instance = context.instance
        expected = expectations(instance, plans(desk.settings.night_time), now) if loaded else []
        going = runs_of_interest(instance, now)
        found = decide_late(expected, [run for run, _ in going], before, since, now)
        marks = {run.run: mark for run, mark in going}
        for run in found.kill:
            kill_process(marks[run])
            context.log.warning(f"Run {run[:8]} did not end when it was told to; its process was killed.")
        fail_overdue(instance, found.fail)
        failed = _send(context, desk, found.alerts)
        cursor = write_cursor(unsent(found.reported, before, failed), since, now)
        said = not_loaded(now).at_home(desk.settings.home_option).text if not loaded else "Nothing is late."
        late = [alert.what for alert in found.alerts if not alert.resolved]
        return dg.SensorResult(skip_reason=" ".join(late) or said, cursor=cursor)

    return late_runs


def expectations(instance: dg.DagsterInstance, planned: Sequence[Plan], now: datetime) -> list[Expected]:
    """The last tick of every schedule that is switched on, and whether it led to anything."""
    states = {
        state.instigator_name: state
        for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
        if state.status is not InstigatorStatus.STOPPED
    }
    found = []
    for plan in planned:
        state = states.get(plan.name)
        if state is None:
            continue
        due = get_latest_completed_cron_tick(plan.cron, now, "UTC")
        if due >= _switched_on(state, now):
            found.append(Expected(plan.name, due, _answered(instance, state, due)))
    return found


def runs_of_interest(instance: dg.DagsterInstance, now: datetime) -> list[tuple[Going, str]]:
    """Runs under way, and those that were ended lately, each with the mark of its process."""
    under_way = instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED))
    ended = instance.get_run_records(dg.RunsFilter(statuses=ENDED, updated_after=now - _LATELY))
    return [
        (_going(instance, record), worker_of(record.dagster_run))
        for record in (*under_way, *ended)
        if record.start_time
    ]


def fail_overdue(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> None:
    """Report as failed what Dagster stopped for its time: a worker that is quick writes "cancelled" over it,
    and what is cancelled counts as stopped by a person."""
    for run_id in run_ids:
        run = instance.get_run_by_id(run_id)
        if run is not None and run.status is dg.DagsterRunStatus.CANCELED:
            instance.report_run_failed(run, "It took longer than it may, and was stopped.")


def _going(instance: dg.DagsterInstance, record: dg.RunRecord) -> Going:
    run = record.dagster_run
    told = None
    cancelled = run.status is dg.DagsterRunStatus.CANCELED
    if cancelled or run.status is dg.DagsterRunStatus.CANCELING:
        events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.PIPELINE_CANCELING)
        told = _moment(min(event.timestamp for event in events)) if events else None
    seconds = 0.0
    with contextlib.suppress(ValueError):
        seconds = float(run.tags.get(MAX_RUNTIME_SECONDS_TAG, "0"))
    return Going(
        run=run.run_id,
        job=run.job_name,
        began=_moment(record.start_time or 0.0),
        limit=timedelta(seconds=seconds) if seconds else None,
        ended=_moment(record.end_time) if run.is_finished and record.end_time else None,
        told=told,
        # A run that a command executes itself lives in that command's process.
        alive=GRPC_INFO_TAG in run.tags and is_alive(worker_of(run)),
        cancelled=cancelled,
    )


def _answered(instance: dg.DagsterInstance, state: InstigatorState, due: datetime) -> bool:
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=due.timestamp() - 1.0)
    spoken = (TickStatus.SUCCESS, TickStatus.SKIPPED)
    if any(tick.status in spoken for tick in ticks):
        return True
    runs = instance.get_run_records(dg.RunsFilter(job_name=state.instigator_name, created_after=due), limit=1)
    return bool(runs)


def _switched_on(state: InstigatorState, now: datetime) -> datetime:
    data = state.instigator_data
    started = data.start_timestamp if isinstance(data, ScheduleInstigatorData) else None
    return _moment(started) if started else now


def _send(context: dg.SensorEvaluationContext, desk: Desk, alerts: Sequence[Alert]) -> list[Alert]:
    """Those that could not be sent; they are told with the next tick."""
    failed = []
    for alert in alerts:
        try:
            desk.alerts.send(_at_home(alert, desk.settings.home_option))
        except CryptoBtError as error:
            context.log.warning(str(error))
            failed.append(alert)
    return failed


def _at_home(alert: Alert, option: str) -> Alert:
    return replace(alert, command=alert.command.replace(COMMAND, COMMAND + option))


def read_cursor(text: str | None, now: datetime) -> tuple[Reported, datetime]:
    """What was reported, and since when somebody has been watching; nothing where that cannot be read."""
    try:
        told = json.loads(text or "{}")
        late = {job: datetime.fromisoformat(due) for job, due in told["late"].items()}
        over = {str(run): str(job) for run, job in told["over"].items()}
        seen, since = datetime.fromisoformat(told["seen"]), datetime.fromisoformat(told["since"])
        return Reported(late, over), min(since, now) if now - seen < _PAUSE else now
    except (ValueError, TypeError, KeyError, AttributeError):
        return Reported(), now


def write_cursor(reported: Reported, since: datetime, now: datetime) -> str:
    """Text for :func:`read_cursor`."""
    late = {job: due.isoformat() for job, due in reported.late.items()}
    return json.dumps(
        {"late": late, "over": dict(reported.over), "since": since.isoformat(), "seen": now.isoformat()}
    )


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
