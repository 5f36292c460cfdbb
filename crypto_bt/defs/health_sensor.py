"""The sensor and the asset health: looks at the system every minute, acts, and tells what has changed."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import dagster as dg

from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.health import Health, HealthStatus, Sample
from crypto_bt.core.health_history import alerts, shown
from crypto_bt.core.vital_signs import WORKER, Readings
from crypto_bt.defs.asset_specs import OWNERS
from crypto_bt.defs.looking_after import look, wall_clock
from crypto_bt.defs.night_watch import MARK
from crypto_bt.defs.partitions import HEALTH_FRESHNESS
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.schedules import WHY_OFF
from crypto_bt.runtime.family import kill_marked
from crypto_bt.runtime.health_probe import Probed
from crypto_bt.runtime.processes import kill_marked_process
from crypto_bt.store.health_ledger import read_looks, record_look

ABOUT: Final = (
    "Looks at processes, heartbeats, memory, errors, the last good night, disk and store; alerts when "
    "something is not well and when it is again; ends a run worker that hangs, with its night. "
    "Every look is kept in health.jsonl of the home; the asset health gets one when the status changes "
    "and every 15 minutes."
)
HEALTH_ASSET: Final = dg.AssetSpec(
    "health",
    group_name="operations",
    freshness_policy=HEALTH_FRESHNESS,
    owners=OWNERS,
    kinds={"python"},
    description="Whether the system is well: HEALTHY, DEGRADED (something is not) or DEAD (nothing is "
    "started any more), with the reasons and what is done about them. Reported by the sensor health; see "
    "also crypto-bt status --watch.",
)
_LEVEL: Final = {HealthStatus.HEALTHY: 2, HealthStatus.DEGRADED: 1, HealthStatus.DEAD: 0}


def build_health_sensor(seconds: int, *, running: bool) -> dg.SensorDefinition:
    """The sensor, every ``seconds``; off in a home whose clock stands still."""

    @dg.sensor(
        name="health",
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description=ABOUT if running else f"{ABOUT} Off: {WHY_OFF}",
    )
    def health(context: dg.SensorEvaluationContext, desk: dg.ResourceParam[Desk]) -> dg.SensorResult:
        now = wall_clock(desk)
        history = read_looks(desk.home.root)
        found, readings, probed = look(desk, context.instance, history, now)
        if found.end:
            _end_hung_night(desk, probed)
        sample = _told(context, desk, history[-1] if history else None, found, now)
        try:
            record_look(desk.home.root, history, sample, now)
        except OSError as error:
            context.log.warning(f"This look is not kept: {error}.")
        last = read_cursor(context.cursor)
        events, cursor = [], context.cursor
        if shown(last, found, now):
            events = [dg.AssetMaterialization("health", metadata=metadata_of(found, readings))]
            cursor = json.dumps({"status": found.status, "at": now.isoformat()})
        why = "; ".join(reason.text for reason in found.reasons) or "All is well."
        return dg.SensorResult(
            skip_reason=f"{found.status.upper()}: {why}", asset_events=events, cursor=cursor
        )

    return health


def metadata_of(health: Health, readings: Readings) -> dict[str, Any]:
    """Figures to plot, and the reasons to read. ``level``: 2 healthy, 1 degraded, 0 dead."""
    figures: dict[str, Any] = {
        "level": _LEVEL[health.status],
        "status": health.status.upper(),
        "reasons": dg.MetadataValue.md(reasons_markdown(health)),
        "memory_mb": round(readings.memory_mb, 1),
        "errors_last_hour": readings.errors,
        "disk_free_gb": round(readings.disk.free / 1e9, 2),
        "processes": sum(bool(each.mark) for each in readings.processes),
        "daemon_silent_seconds": round(max(readings.daemons.values(), default=0.0), 1),
    }
    if readings.night_hours is not None:
        figures["night_age_hours"] = round(readings.night_hours, 2)
    return figures


def reasons_markdown(health: Health) -> str:
    """A table of the reasons, or that there are none."""
    if not health.reasons:
        return f"**{health.status.upper()}**: all is well."
    rows = [
        f"| {reason.status.upper()} | {reason.what} | {reason.value} | {reason.limit} | "
        f"{' '.join((reason.doing, reason.command)).strip()} |"
        for reason in health.reasons
    ]
    return "\n".join(
        [
            f"**{health.status.upper()}**",
            "",
            "| | what | seen | limit | action |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


def read_cursor(text: str | None) -> tuple[HealthStatus, datetime] | None:
    """The status that the asset shows, and since when; None where that cannot be read."""
    try:
        told = json.loads(text or "")
        return HealthStatus(told["status"]), datetime.fromisoformat(told["at"])
    except (ValueError, TypeError, KeyError):
        return None


def _told(
    context: dg.SensorEvaluationContext, desk: Desk, before: Sample | None, found: Health, now: datetime
) -> Sample:
    """Send what has changed; what could not be sent does not stand yet, and is sent with the next look."""
    standing = dict(found.sample.standing)
    for alert in alerts(before, found, now):
        name = f"{alert.cause}|{alert.where}"
        try:
            desk.alerts.send(alert)
        except CryptoBtError as error:
            context.log.warning(str(error))
            if alert.resolved and before is not None:
                standing[name] = before.standing[name]
            else:
                standing.pop(name, None)
    return replace(found.sample, standing=standing)


def _end_hung_night(desk: Desk, probed: Probed) -> None:
    """First whoever watches, then what is watched: its run fails, and nothing of it is published."""
    for process in probed.processes:
        if process.name == WORKER:
            kill_marked_process(process.mark)
    kill_marked(MARK, str(desk.home.root))
