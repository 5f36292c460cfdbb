"""Runs that did not begin when they should, take too long, or were ended and go on all the same."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from crypto_bt.core.alerts import Alert, AlertSeverity

#: So long after its time a run that nobody has started is late.
LATE: Final = timedelta(minutes=5)
#: So long a process has to end by itself once its run was told to, or is over.
GRACE: Final = timedelta(seconds=45)
#: So many days of data are fetched within a job's usual time.
_DAYS_AT_ONCE: Final = 7
COMMAND: Final = "crypto-bt doctor"


def time_allowed(limit: timedelta, days: int) -> timedelta:
    """How long a run over ``days`` days may take, of a job that has ``limit`` for a week of them."""
    return limit * max(1, -(-days // _DAYS_AT_ONCE))


@dataclass(frozen=True, slots=True)
class Expected:
    """A schedule that is switched on: its last tick was ``due``; ``answered`` where a run was asked for
    since, or the schedule said why there is none."""

    job: str
    due: datetime
    answered: bool


@dataclass(frozen=True, slots=True)
class Going:
    """A run: when it ``began``, how long it may take (None: as long as it likes), when it ``ended``, when it
    was told to end (``told``); ``alive`` where a process of its own still executes it, ``cancelled`` where it
    ended as cancelled."""

    run: str
    job: str
    began: datetime
    limit: timedelta | None
    ended: datetime | None = None
    told: datetime | None = None
    alive: bool = False
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    """What was told already: by job the tick that nobody answered, by run the job that took too long."""

    late: Mapping[str, datetime] = field(default_factory=dict)
    over: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """Alerts to send now, runs whose process is to be killed, runs that count as failed although they say
    cancelled, and what is reported from now on."""

    alerts: Sequence[Alert]
    kill: Sequence[str]
    fail: Sequence[str]
    reported: Reported


def decide_late(
    expected: Sequence[Expected],
    going: Sequence[Going],
    reported: Reported,
    watching_since: datetime,
    now: datetime,
) -> Found:
    """What is late at ``now``; whoever was not ``watching_since`` then grants the schedules as long again."""
    alerts: list[Alert] = []
    late = dict(reported.late)
    for each in expected:
        before = late.get(each.job)
        if each.answered:
            if late.pop(each.job, None) is not None:
                alerts.append(_late_start(each.job, each.due).as_resolved())
        elif before != each.due and now - max(each.due, watching_since) >= LATE:
            late[each.job] = each.due
            alerts.append(_late_start(each.job, each.due))
    for job in late.keys() - {each.job for each in expected}:
        # Somebody has switched it off.
        alerts.append(_late_start(job, late.pop(job)).as_resolved())
    over = dict(reported.over)
    for run in going:
        if run.run not in over and _is_over(run, now):
            over[run.run] = run.job
            alerts.append(_too_long(run))
    kill = [run.run for run in going if _to_be_killed(run, now)]
    fail = [run.run for run in going if _cancelled_by_the_clock(run)]
    standing = {run.run for run in going if run.ended is None or run.alive}
    for gone in reported.over.keys() - standing:
        job = over.pop(gone)
        if job not in over.values():
            alerts.append(_resolved(job, now))
    return Found(alerts, kill, fail, Reported(late, over))


def unsent(found: Reported, before: Reported, alerts: Collection[Alert]) -> Reported:
    """``found`` without what ``alerts``, which could not be sent, would have told; they are told again."""
    jobs = {alert.where for alert in alerts}
    late = {job: due for job, due in found.late.items() if job not in jobs}
    over = {run: job for run, job in found.over.items() if job not in jobs}
    return Reported(
        {**late, **{job: due for job, due in before.late.items() if job in jobs}},
        {**over, **{run: job for run, job in before.over.items() if job in jobs}},
    )


def _is_over(run: Going, now: datetime) -> bool:
    return run.limit is not None and (run.ended or now) - run.began > run.limit


def _to_be_killed(run: Going, now: datetime) -> bool:
    """A run that is over, or was told to end, has had its time."""
    since = run.ended or run.told
    return run.alive and since is not None and now - since >= GRACE


def _cancelled_by_the_clock(run: Going) -> bool:
    """Told to end when its time was over: no person has cancelled it, and it may be tried again."""
    return (
        run.cancelled and run.limit is not None and run.told is not None and run.told - run.began > run.limit
    )


def _late_start(job: str, due: datetime) -> Alert:
    return Alert(
        cause="late_start",
        severity=AlertSeverity.WARNING,
        what=f"No run of {job} has begun since {due:%Y-%m-%d %H:%M} UTC, when its schedule was due.",
        where=job,
        value="no run",
        limit=f"{LATE // timedelta(minutes=1)} min",
        since=due,
        command=COMMAND,
    )


def _too_long(run: Going) -> Alert:
    limit = run.limit or timedelta()
    minutes = f"{limit / timedelta(minutes=1):.0f} min"
    return Alert(
        cause="job_late",
        severity=AlertSeverity.WARNING,
        what=f"Run {run.run[:8]} of {run.job} takes longer than {minutes}, and is stopped.",
        where=run.job,
        value=f"began {run.began:%Y-%m-%d %H:%M} UTC",
        limit=minutes,
        since=run.began + limit,
        command=COMMAND,
    )


def _resolved(job: str, now: datetime) -> Alert:
    what = f"No run of {job} is beyond its time any more."
    return Alert("job_late", AlertSeverity.WARNING, what, job, "ended", "-", now, COMMAND, resolved=True)
