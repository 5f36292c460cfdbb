"""What is kept of the looks at the system's health, and what is told when it changes. Pure."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.health import Health, HealthStatus, Reason, Sample

#: Every look is kept so long; of older ones those of a change, and one in a quarter of an hour.
FULL: Final = timedelta(minutes=30)
EVERY: Final = timedelta(minutes=15)
KEPT: Final = timedelta(days=8)
_CRITICAL: Final = frozenset({"stalled", "store_damaged"})


def to_json(sample: Sample) -> str:
    """One line for :func:`from_json`."""
    told = {
        "time": sample.time.astimezone(UTC).isoformat(timespec="seconds"),
        "status": sample.status,
        "memory_mb": round(sample.memory_mb, 1),
        "errors": sample.errors,
        "nights_off": sample.nights_off,
        "cpu": {mark: round(seconds, 2) for mark, seconds in sample.cpu.items()},
        "silence": {mark: round(seconds, 1) for mark, seconds in sample.silence.items()},
        "standing": {name: since.astimezone(UTC).isoformat() for name, since in sample.standing.items()},
    }
    return json.dumps(told, ensure_ascii=False)


def from_json(line: str) -> Sample | None:
    """The look in ``line``; None for a line that cannot be read (one that was being written at a crash)."""
    try:
        told = json.loads(line)
        time = datetime.fromisoformat(told["time"])
        standing = {str(name): datetime.fromisoformat(since) for name, since in told["standing"].items()}
        if time.tzinfo is None or any(since.tzinfo is None for since in standing.values()):
            return None
        return Sample(
            time,
            HealthStatus(told["status"]),
            float(told["memory_mb"]),
            int(told["errors"]),
            str(told["nights_off"]),
            cpu={str(mark): float(seconds) for mark, seconds in told["cpu"].items()},
            silence={str(mark): float(seconds) for mark, seconds in told["silence"].items()},
            standing=standing,
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def thin(samples: Sequence[Sample], now: datetime) -> list[Sample]:
    """What is kept of ``samples`` (ascending): at most about 800 of a quiet week."""
    kept: list[Sample] = []
    for sample in samples:
        if not now - KEPT < sample.time:
            continue
        before = kept[-1] if kept else None
        old = now - sample.time > FULL
        if before is None or not old or _changed(before, sample) or sample.time - before.time >= EVERY:
            # Who it was is needed for minutes only.
            kept.append(replace(sample, cpu={}, silence={}) if old else sample)
    return kept


def shown(last: tuple[HealthStatus, datetime] | None, health: Health, now: datetime) -> bool:
    """Whether this look is to be an event in the web UI, after the ``last`` one shown there."""
    return last is None or last[0] is not health.status or now - last[1] >= EVERY


def _changed(before: Sample, after: Sample) -> bool:
    return before.status is not after.status or bool(before.nights_off) != bool(after.nights_off)


def alerts(before: Sample | None, health: Health, now: datetime) -> list[Alert]:
    """What a person is told: each reason when it comes, and when it is gone; not what others tell."""
    standing = before.standing if before else {}
    told = [_alert(reason, now) for reason in health.reasons if reason.told and reason.id not in standing]
    gone = [name for name in standing if name not in health.sample.standing]
    return told + [_over(name, standing[name], now) for name in gone]


def _alert(reason: Reason, now: datetime) -> Alert:
    critical = reason.status is HealthStatus.DEAD or reason.cause in _CRITICAL
    severity = AlertSeverity.CRITICAL if critical else AlertSeverity.WARNING
    return Alert(
        cause=reason.cause,
        severity=severity,
        what=f"{reason.what}.",
        where=reason.where,
        value=reason.value,
        limit=reason.limit,
        since=now,
        command=reason.command,
        doing=reason.doing,
    )


def _over(name: str, since: datetime, now: datetime) -> Alert:
    cause, _, where = name.partition("|")
    minutes = (now - since).total_seconds() / 60
    what = f"{where}: over, after {minutes:.0f} min."
    return Alert(cause, AlertSeverity.WARNING, what, where, "well", "", since, "").as_resolved()
