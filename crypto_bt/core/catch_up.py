"""Which missing days to fetch now: gaps in the data decide, never missed ticks.

One run at a time, for one contiguous range; after a failed attempt longer and longer waits; after five
attempts it gives up with an alert. What a person stopped stays stopped.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.lacking import MissingRange
from crypto_bt.core.verdict import repair_command, some

#: A candle that closed so recently is the business of the schedules.
GRACE: Final = timedelta(hours=3)
#: Waits after the first, second ... attempt.
BACK_OFF: Final = tuple(timedelta(minutes=minutes) for minutes in (10, 30, 60, 120, 240))
ATTEMPTS: Final = len(BACK_OFF)
CAUSE: Final = "gap_not_filled"


@dataclass(frozen=True, slots=True)
class Tried:
    """How often a range was tried, and when last."""

    count: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """What a sensor remembers from tick to tick: attempts by range, and alerts that stand by their id."""

    tried: Mapping[str, Tried] = field(default_factory=dict)
    standing: Mapping[str, Alert] = field(default_factory=dict)

    def to_json(self) -> str:
        """As text for :meth:`from_json`."""
        values = {
            "tried": {key: [item.count, item.last.isoformat()] for key, item in self.tried.items()},
            "standing": {key: json.loads(alert.to_json()) for key, alert in self.standing.items()},
        }
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | None) -> "Record":
        """The record in ``text``; an empty one where there is none that can be read."""
        try:
            values: dict[str, Any] = json.loads(text or "{}")
            return cls(
                {
                    key: Tried(int(count), datetime.fromisoformat(last))
                    for key, (count, last) in values.get("tried", {}).items()
                },
                {
                    key: Alert.from_json(json.dumps(alert))
                    for key, alert in values.get("standing", {}).items()
                },
            )
        except (ValueError, TypeError, AttributeError):
            return cls()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is so at ``now``: ranges that miss candles; who is writing (``busy``) and what a person stopped
    (``stopped``), empty for nobody and nothing; keys of ranges whose run a person cancelled."""

    now: datetime
    ranges: Sequence[MissingRange]
    busy: str = ""
    stopped: str = ""
    cancelled: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Start:
    """A run to start: the ``attempt``-th for ``range``."""

    range: MissingRange
    attempt: int

    @property
    def run_key(self) -> str:
        """Unique for each attempt, so that a tick that is repeated starts nothing twice."""
        return f"{key_of(self.range)} attempt {self.attempt}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do: start a run or ``why`` not; alerts to send; what to remember."""

    start: Start | None
    why: str
    alerts: tuple[Alert, ...]
    record: Record


def key_of(missing: MissingRange) -> str:
    """Names a range by its days and, in short, by its datasets and symbols; a range that changes is another."""
    whose = hashlib.sha256(repr((missing.datasets, missing.symbols)).encode()).hexdigest()[:8]
    return f"{missing.start:%Y-%m-%d} to {missing.end:%Y-%m-%d} {whose}"


def decide(facts: Facts, record: Record) -> Decision:
    """What catch-up does now; the oldest range that may be tried comes first."""
    keys = {key_of(missing): missing for missing in facts.ranges}
    tried = {key: item for key, item in record.tried.items() if key in keys}
    spent = {
        key: missing
        for key, missing in keys.items()
        if key in tried and tried[key].count >= ATTEMPTS and not facts.busy
    }
    raised = {alert.id: alert for alert in (_gave_up(missing, tried[key]) for key, missing in spent.items())}
    ended = [_resolved(alert) for number, alert in record.standing.items() if number not in raised]
    if facts.busy:
        # A run may just be filling what an alert is about: nothing is over yet.
        raised, ended = dict(record.standing), []
    alerts = (*(alert for number, alert in raised.items() if number not in record.standing), *ended)
    chosen, why = _choose(facts, keys, tried)
    if chosen is not None:
        count = tried[chosen].count + 1 if chosen in tried else 1
        tried[chosen] = Tried(count, facts.now)
        start = Start(keys[chosen], count)
        return Decision(start, "", alerts, Record(tried, raised))
    return Decision(None, why, alerts, Record(tried, raised))


def _choose(
    facts: Facts, keys: Mapping[str, MissingRange], tried: Mapping[str, Tried]
) -> tuple[str | None, str]:
    if not keys:
        return None, "Nothing is missing."
    if facts.stopped:
        return None, f"{len(keys)} ranges miss candles, but {facts.stopped}."
    if facts.busy:
        return None, f"{len(keys)} ranges miss candles; waiting for {facts.busy}."
    reasons = []
    for key in keys:
        item = tried.get(key)
        if key in facts.cancelled:
            reasons.append(f"{key} was cancelled by a person")
        elif item is None:
            return key, ""
        elif item.count >= ATTEMPTS:
            reasons.append(f"{key} was given up after {item.count} attempts")
        elif facts.now < item.last + BACK_OFF[item.count - 1]:
            again = item.last + BACK_OFF[item.count - 1]
            reasons.append(f"{key} is tried again at {again:%H:%M} UTC")
        else:
            return key, ""
    return None, f"{some(reasons)}."


def _gave_up(missing: MissingRange, tried: Tried) -> Alert:
    whose = some(missing.symbols)
    days = f"{missing.start:%Y-%m-%d} to {missing.end - timedelta(days=1):%Y-%m-%d}"
    feeds = ",".join(name.removeprefix("candles_") for name in missing.datasets)
    return Alert(
        cause=CAUSE,
        severity=AlertSeverity.WARNING,
        what=f"{whose}: candles ({feeds}) of {days} are still missing after {tried.count} attempts. The exchange "
        "may not have them.",
        where=key_of(missing),
        value=f"{tried.count} attempts",
        limit=f"{ATTEMPTS} attempts",
        since=missing.start,
        command=repair_command(feeds, missing.start, missing.end - timedelta(days=1), missing.symbols),
    )


def _resolved(alert: Alert) -> Alert:
    return replace(alert, what=f"No longer so: {alert.what}", resolved=True)
