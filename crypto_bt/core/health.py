"""Whether the system is well: a decision on what was read of its processes, stores and nights. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from crypto_bt.core.disk_room import too_little
from crypto_bt.core.vital_signs import (
    DAEMON,
    NIGHT,
    SUPERVISOR,
    WORKER,
    HealthLimits,
    ProcessSeen,
    Readings,
    Serving,
)

#: Without these nothing is started any more.
ESSENTIAL: Final = frozenset({SUPERVISOR, DAEMON, "code_server"})
#: So long after its start nothing is asked of a process.
STARTING_SECONDS: Final = 120.0
#: A stale heartbeat counts only if it was as stale so long ago: a machine that slept wakes with stale ones.
_CONFIRMED_AFTER: Final = timedelta(seconds=40)
_CONFIRMED_WITHIN: Final = timedelta(seconds=300)
_UP: Final = "Start everything anew: crypto-bt up"


class HealthStatus(StrEnum):
    """All is well; something is not; or nothing is started any more."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Sample:
    """What is kept of one look: ``cpu`` seconds and seconds of ``silence`` by the mark of a process;
    ``standing``: since when each reason stands that is told from here, by its id."""

    time: datetime
    status: HealthStatus
    memory_mb: float = 0.0
    errors: int = 0
    nights_off: str = ""
    cpu: Mapping[str, float] = field(default_factory=dict)
    silence: Mapping[str, float] = field(default_factory=dict)
    standing: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is not well: ``what`` in a sentence, the ``value`` seen and its ``limit``, what the
    system does about it (``doing``) or what a person has to (``command``). ``told``: nobody else alerts."""

    cause: str
    where: str
    what: str
    value: str
    limit: str
    status: HealthStatus = HealthStatus.DEGRADED
    doing: str = ""
    command: str = ""
    told: bool = True

    @property
    def id(self) -> str:
        """The same for the same trouble at the same place."""
        return f"{self.cause}|{self.where}"

    @property
    def text(self) -> str:
        """Sentence, figures, and what is done."""
        then = " ".join(part for part in (self.doing, self.command) if part)
        return f"{self.what} ({self.value}, limit {self.limit})." + (f" {then}" if then else "")


@dataclass(frozen=True, slots=True)
class Health:
    """The ``status`` and its ``reasons``; the names of processes that are to be ended (``end``)."""

    status: HealthStatus
    reasons: tuple[Reason, ...]
    end: tuple[str, ...]
    sample: Sample


def decide(readings: Readings, history: Sequence[Sample], limits: HealthLimits, now: datetime) -> Health:
    """The state of the system at ``now``; ``history`` are earlier looks, the latest last."""
    seen = {each.name: each for each in readings.processes}
    reasons = [*_dead(readings), *_silent(readings, history, limits, now)]
    reasons += _busy(readings.processes, history, limits, now)
    reasons += _others(readings, history, limits, now)
    unique = {reason.id: reason for reason in reversed(reasons)}
    reasons = list(reversed(unique.values()))
    worst = max((reason.status for reason in reasons), key=list(HealthStatus).index, default=None)
    status = worst or HealthStatus.HEALTHY
    before = history[-1].standing if history else {}
    # The run worker watches the night; nobody else watches the run worker.
    end = (WORKER, NIGHT) if WORKER in seen and any(reason.where == WORKER for reason in reasons) else ()
    sample = Sample(
        now,
        status,
        readings.memory_mb,
        readings.errors,
        readings.nights_off,
        cpu={each.mark: each.cpu_seconds for each in readings.processes if each.mark},
        silence={
            each.mark: each.silent for each in readings.processes if each.mark and each.silent is not None
        },
        standing={reason.id: before.get(reason.id, now) for reason in reasons if reason.told},
    )
    return Health(status, tuple(reasons), end, sample)


def _dead(readings: Readings) -> Iterator[Reason]:
    if readings.serving is Serving.DIED:
        what = "Nothing runs, though nobody stopped it: the supervisor or the machine ended"
        yield Reason("health", SUPERVISOR, what, "dead", "alive", HealthStatus.DEAD, command=_UP)
        return
    for each in readings.processes:
        if each.mark or each.name in (NIGHT, WORKER):
            continue
        status = HealthStatus.DEAD if each.name in ESSENTIAL else HealthStatus.DEGRADED
        what = f"The process {each.name} does not run"
        if each.given_up:
            cause, doing, command = "crash_loop", "It ended too often and is not started any more.", _UP
        else:
            cause, doing, command = f"{each.name}_dead", "The supervisor starts it again within a minute.", ""
        yield Reason(cause, each.name, what, "dead", "alive", status, doing, command, told=False)


def _silent(
    readings: Readings, history: Sequence[Sample], limits: HealthLimits, now: datetime
) -> Iterator[Reason]:
    limit = limits.silent_seconds
    for each in readings.processes:
        if not each.mark or each.silent is None or each.silent <= limit or each.age < STARTING_SECONDS:
            continue
        if not _was_silent(each, history, now):
            continue
        status = HealthStatus.DEAD if each.name in ESSENTIAL else HealthStatus.DEGRADED
        doing = _ENDED.get(each.name, "")
        command = "" if doing else _UP
        what = f"The {each.name} gives no sign of life"
        yield Reason(
            "stalled", each.name, what, f"{each.silent:.0f} s", f"{limit:.0f} s", status, doing, command
        )
    if readings.serving not in (Serving.UP, Serving.DEV):
        return
    daemon = next((each for each in readings.processes if each.name == DAEMON), None)
    if daemon is None or not daemon.mark or daemon.age < STARTING_SECONDS:
        return
    for name, silent in sorted(readings.daemons.items()):
        if silent > limit:
            what = f"Dagster's daemon {name} gives no sign of life"
            doing = "The supervisor starts the daemon again." if readings.serving is Serving.UP else ""
            value, dead = f"{silent:.0f} s", HealthStatus.DEAD
            yield Reason("stalled", name, what, value, f"{limit:.0f} s", dead, doing, told=False)


_ENDED: Final = {
    NIGHT: "Its run dumps its stacks and ends it.",
    WORKER: "It is ended with its night; catch_up starts another.",
}


def _was_silent(process: ProcessSeen, history: Sequence[Sample], now: datetime) -> bool:
    """Whether an earlier look saw the very same sign of life as its last."""
    for sample in reversed(history):
        ago = now - sample.time
        if ago > _CONFIRMED_WITHIN:
            return False
        before = sample.silence.get(process.mark)
        if ago >= _CONFIRMED_AFTER and before is not None and process.silent is not None:
            return process.silent >= before + ago.total_seconds() - 5.0
    return False


def _busy(
    processes: Sequence[ProcessSeen], history: Sequence[Sample], limits: HealthLimits, now: datetime
) -> Iterator[Reason]:
    """Full CPU is what every healthy night shows: only without progress is it a loop."""
    long_ago = [sample for sample in history if now - sample.time >= timedelta(seconds=limits.busy_seconds)]
    for each in processes:
        if each.stuck is None or each.stuck < limits.busy_seconds or not each.mark:
            continue
        before = next((sample for sample in reversed(long_ago) if each.mark in sample.cpu), None)
        if before is None:
            continue
        share = (each.cpu_seconds - before.cpu[each.mark]) / (now - before.time).total_seconds()
        if share > limits.busy_share:
            what = f"The {each.name} makes no progress, at full CPU, for {each.stuck / 60:.0f} minutes"
            doing = _ENDED[NIGHT] if each.name == NIGHT else "The supervisor starts it again."
            limit = f"{limits.busy_share:.0%} for {limits.busy_seconds / 60:.0f} minutes"
            yield Reason("stalled", each.name, what, f"{share:.0%} of a processor", limit, doing=doing)


def _others(
    readings: Readings, history: Sequence[Sample], limits: HealthLimits, now: datetime
) -> Iterator[Reason]:
    if readings.memory_mb > limits.memory_mb and history and history[-1].memory_mb > limits.memory_mb:
        value, limit = f"{readings.memory_mb:.0f} MB", f"{limits.memory_mb:.0f} MB"
        what = "The processes of this home use much memory"
        yield Reason("health", "memory", what, value, limit, command="See which: crypto-bt status --watch")
    if readings.errors > limits.errors:
        what = "Many runs and steps failed in the last hour"
        command = "See the runs in the web UI, filter status:FAILURE."
        yield Reason("many_errors", "runs", what, str(readings.errors), f"{limits.errors}", command=command)
    if readings.night_hours is not None and not readings.nights_off:
        hours = min(readings.night_hours, _hours_on(history, now))
        if hours > limits.night_hours:
            what = "The last good backtest is old"
            value, limit = f"{readings.night_hours:.0f} h", f"{limits.night_hours:.0f} h"
            command = "Compute it: crypto-bt backtest"
            yield Reason("freshness", "nightly_backtest", what, value, limit, command=command, told=False)
    short = too_little(readings.disk, minimum_gb=limits.disk_gb, minimum_share=limits.disk_share)
    if short:
        value, limit = f"{readings.disk.free / 1e9:.2f} GB", f"{limits.disk_gb:g} GB"
        doing = "Updates and backups refuse to begin."
        yield Reason("disk", "compaction disk_room", short.rstrip("."), value, limit, doing=doing)
    if readings.store:
        what = f"The market store does not open: {readings.store.rstrip('.')}"
        doing = "The sensor backup_due mends it from a backup."
        status = HealthStatus.DEAD
        yield Reason("store_damaged", "market and results stores", what, "closed", "opens", status, doing)


def _hours_on(history: Sequence[Sample], now: datetime) -> float:
    """Hours since nights were last seen off; infinite where they never were."""
    off = [sample.time for sample in history if sample.nights_off]
    return (now - off[-1]).total_seconds() / 3600 if off else float("inf")
