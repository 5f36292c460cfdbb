"""The sensors that take alerts into the outbox, and the one that sends them."""

import contextlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import dagster as dg

from crypto_bt.alerts import Report
from crypto_bt.core import check_alerts, freshness_alerts, run_alerts
from crypto_bt.core.alert_wiring import Wiring
from crypto_bt.core.alerts import Alert
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.holds import NIGHT
from crypto_bt.defs.alert_events import check_marks, check_outcomes, freshness_changes, run_ends
from crypto_bt.defs.night_watch import tell_holds
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.schedules import WHY_OFF
from crypto_bt.defs.upkeep import switched_off

#: Seconds between two looks of each sensor.
LOOKS: Final = {"check_failures": 20, "run_failures": 60, "freshness_changes": 300, "alert_outbox": 20}
#: How far back the first look of run_failures goes.
FIRST_LOOK: Final = timedelta(hours=24)
ABOUT: Final = {
    "check_failures": "Every 20 seconds: reports each asset check that has failed since, and each that "
    "passes again; also what happened while the daemon was down.",
    "run_failures": "Every minute: reports runs that failed. Retries are quiet until the last one, or "
    "until one succeeds; a run that only a blocking check stopped is told by the check.",
    "freshness_changes": "Every 5 minutes: counts for the digest which assets their freshness policies call "
    "late. Nobody is disturbed for it: the checks on data age are.",
    "alert_outbox": "Every 20 seconds: sends what waits in the outbox, and reports a safeguard's hold that "
    "nobody was told of. CRITICAL at once; warnings "
    "too, and those that follow gathered over 5 minutes, at most 10 messages in an hour.",
}
#: Assets that only a night makes.
_OF_NIGHTS: Final = ("nightly_backtest", "scorecard")
#: What a sensor's tick does: a look at Dagster's storage with the cursor; what to say, and the new cursor.
Look = Callable[[dg.DagsterInstance, Desk, str | None], tuple[str, str | None]]


def build_alert_sensors(
    wiring: Wiring, check_keys: Sequence[dg.AssetCheckKey], *, running: bool
) -> list[dg.SensorDefinition]:
    """All sensors of alerts, which watch ``check_keys``; off in a home whose clock stands still."""
    looks: dict[str, Look] = {
        "check_failures": partial(report_checks, check_keys),
        "run_failures": report_runs,
        "freshness_changes": report_freshness,
        "alert_outbox": deliver_alerts,
    }
    remarks = [*([wiring.missing] if wiring.missing else []), *([] if running else [f"Off: {WHY_OFF}"])]
    return [_sensor(name, look, " ".join([ABOUT[name], *remarks]), running) for name, look in looks.items()]


def _sensor(name: str, look: Look, about: str, running: bool) -> dg.SensorDefinition:
    @dg.sensor(
        name=name,
        minimum_interval_seconds=LOOKS[name],
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description=about,
    )
    def tick(context: dg.SensorEvaluationContext, desk: dg.ResourceParam[Desk]) -> dg.SensorResult:
        said, cursor = look(context.instance, desk, context.cursor)
        return dg.SensorResult(skip_reason=said, cursor=cursor)

    return tick


def report_checks(
    keys: Sequence[dg.AssetCheckKey], instance: dg.DagsterInstance, desk: Desk, cursor: str | None
) -> tuple[str, str | None]:
    """Report the evaluations of ``keys`` that are new; the cursor only spares looking where nothing is."""
    before = _marks(cursor)
    marks = check_marks(instance, keys)
    office, new = desk.alerts, 0
    for key in keys:
        name = key.to_user_string()
        if name not in marks or marks[name] == before.get(name):
            continue
        outcomes = check_outcomes(instance, key)
        events = [outcome.event for outcome in outcomes]
        told = check_alerts.decide(outcomes, office.history.known(events))
        # Also those that were not told: else they would be new once one of them is known.
        new += office.send_all(_reports(told), looked_at=events)
    return f"{new} new outcomes of checks.", json.dumps(marks)


def _marks(cursor: str | None) -> dict[str, str]:
    try:
        return dict(json.loads(cursor or "{}"))
    except (ValueError, TypeError):
        return {}


def report_runs(instance: dg.DagsterInstance, desk: Desk, cursor: str | None) -> tuple[str, str | None]:
    """Report how the runs ended that ended since the last look."""
    # Dagster dates runs by the wall clock, whatever the desk's shows.
    now = datetime.now(UTC)
    since = _moment(cursor) or now - FIRST_LOOK
    if since > now:
        # Written by a clock that was ahead. What was told since is among the known events.
        since = now - FIRST_LOOK
    office = desk.alerts
    ends, following = run_ends(instance, since, now)
    events = [end.event for end in ends]
    known = office.history.known(events)
    troubles = [trouble.alert for trouble in office.history.standing()]
    standing = {alert.where: alert.since for alert in troubles if alert.cause == run_alerts.CAUSE}
    told = run_alerts.decide(ends, known, standing, now)
    new = office.send_all(_reports(told), looked_at=events)
    return f"{new} new ends of runs to tell.", following.isoformat()


def _moment(cursor: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(cursor or "").astimezone(UTC)
    except ValueError:
        return None


def report_freshness(instance: dg.DagsterInstance, desk: Desk, cursor: str | None) -> tuple[str, str | None]:
    """Report the changes of freshness since the event ``cursor``."""
    changes = freshness_changes(instance, int(cursor) if cursor and cursor.isdecimal() else None)
    off = _OF_NIGHTS if NIGHT in switched_off(desk) else ()
    new = desk.alerts.send_all(_reports(freshness_alerts.decide(changes, off)))
    last = max((change.number for change in changes), default=None)
    return f"{new} changes of freshness.", cursor if last is None else str(last)


def deliver_alerts(instance: dg.DagsterInstance, desk: Desk, cursor: str | None) -> tuple[str, str | None]:
    """Send what is due; what a channel does not take waits."""
    office = desk.alerts
    with contextlib.suppress(CryptoBtError):
        tell_holds(desk)
    done = office.deliver()
    troubles = [f"{channel}: {said}" for channel, said in done.troubles.items()]
    remarks = [
        f"{done.sent} messages sent.",
        *troubles,
        *([office.wiring.missing] if office.wiring.missing else []),
    ]
    return " ".join(remarks), cursor


def _reports(told: Sequence[tuple[Alert, str]]) -> list[Report]:
    return [Report(alert, event) for alert, event in told]
