"""Which missing days to fetch now: gaps in the data decide, never missed ticks.

One run at a time, for one contiguous range; after each attempt a longer wait; after five attempts it gives
up with an alert. What a person stopped stays stopped.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.errors import UsageError
from crypto_bt.core.lacking import rows_called
from crypto_bt.core.missing import Missing
from crypto_bt.core.verdict import repair_command, some

#: So long a gap must have been seen: a schedule that is late, or has just started up, may be filling it.
SETTLES: Final = timedelta(minutes=9)
#: Waits after the first, second ... attempt; after the last it gives up.
BACK_OFF: Final = tuple(timedelta(minutes=minutes) for minutes in (10, 30, 60, 120, 240))
ATTEMPTS: Final = len(BACK_OFF)
CAUSE: Final = "gap_not_filled"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tried:
    """One gap: missing ``since`` then, ``candles`` missing at the last look, ``made`` attempts in all.

    It spans the days from ``start`` to ``end`` (exclusive) of ``symbols``. ``before`` of the attempts were
    made before the gap last shrank, and no longer count; ``last`` is the time of the last one.
    """

    since: datetime
    candles: int
    start: datetime
    end: datetime
    symbols: tuple[str, ...]
    made: int = 0
    before: int = 0
    last: datetime | None = None

    @property
    def count(self) -> int:
        """Attempts that brought nothing yet."""
        return self.made - self.before

    def due(self) -> datetime:
        """When the next attempt may start; after the last one, when it is given up."""
        if self.last is None or not self.count:
            return self.since + SETTLES if self.last is None else self.last
        return self.last + BACK_OFF[min(self.count, ATTEMPTS) - 1]

    @classmethod
    def new(cls, missing: Missing, now: datetime) -> "Tried":
        """A gap first seen at ``now``."""
        days = missing.days
        return cls(now, missing.candles, days.start, days.end, days.symbols)

    def seen_as(self, missing: Missing) -> "Tried":
        """The same as it is missing now: fewer candles than before are progress."""
        before = self.made if missing.candles < self.candles else self.before
        return replace(self, candles=missing.candles, end=missing.days.end, before=before)

    def lies_in(self, missing: Missing) -> bool:
        """Whether ``missing`` contains this gap, joined with others."""
        days = missing.days
        return days.start <= self.start and self.end <= days.end and {*self.symbols} <= {*days.symbols}


@dataclass(frozen=True, slots=True)
class Record:
    """What a sensor remembers from tick to tick: attempts by gap, and alerts that stand, by their id."""

    tried: Mapping[str, Tried] = field(default_factory=dict)
    standing: Mapping[str, Alert] = field(default_factory=dict)

    def unsent(self, alert: Alert) -> "Record":
        """The same after ``alert`` could not be sent: it is due again."""
        others = {key: other for key, other in self.standing.items() if key != alert.id}
        again = {alert.id: replace(alert, resolved=False)} if alert.resolved else {}
        return replace(self, standing=others | again)

    def to_json(self) -> str:
        """As text for :meth:`from_json`."""
        tried = {
            key: [
                item.since.isoformat(),
                item.candles,
                item.start.isoformat(),
                item.end.isoformat(),
                item.symbols,
                item.made,
                item.before,
                item.last and item.last.isoformat(),
            ]
            for key, item in self.tried.items()
        }
        standing = [json.loads(alert.to_json()) for alert in self.standing.values()]
        return json.dumps({"tried": tried, "standing": standing})

    @classmethod
    def from_json(cls, text: str | None) -> "Record":
        """The record in ``text``; an empty one where there is none that can be read."""
        try:
            told: dict[str, Any] = json.loads(text or "{}")
            tried = {key: _tried(*values) for key, values in told.get("tried", {}).items()}
            alerts = [Alert.from_json(json.dumps(alert)) for alert in told.get("standing", [])]
        except (ValueError, TypeError, AttributeError, UsageError, RecursionError):
            return cls()
        return cls(tried, {alert.id: alert for alert in alerts})


def _tried(
    since: str,
    candles: int,
    start: str,
    end: str,
    symbols: list[str],
    made: int,
    before: int,
    last: str | None,
) -> Tried:
    began, first, after = (datetime.fromisoformat(text) for text in (since, start, end))
    moment = datetime.fromisoformat(last) if last else None
    return Tried(began, int(candles), first, after, tuple(symbols), int(made), int(before), moment)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is so at ``now``.

    ``ranges`` miss candles. ``busy`` says who is writing market data or waits to, ``stopped`` what a person
    stopped; both are empty for nobody and nothing. ``cancelled``: gaps (see :func:`key_of`) of which a
    person cancelled a run, and when that run had been made.
    """

    now: datetime
    ranges: Sequence[Missing]
    busy: str = ""
    stopped: str = ""
    cancelled: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start:
    """A run to start, the ``attempt``-th of all for the gap ``key``, first seen at ``since``."""

    missing: Missing
    key: str
    attempt: int
    since: datetime

    @property
    def run_key(self) -> str:
        """Never given twice, so that a tick that is repeated starts nothing twice."""
        return f"{self.key} since {self.since:%Y%m%dT%H%M%S} attempt {self.attempt}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do: start a run or ``why`` not; alerts to send; what to remember."""

    start: Start | None
    why: str
    alerts: tuple[Alert, ...]
    record: Record


def key_of(missing: Missing) -> str:
    """Names a gap by its first day and, in short, by its symbols.

    A gap at whose end more and more days are missing keeps its name; one that begins later, or befalls
    others, is another.
    """
    whose = hashlib.sha256(",".join(missing.days.symbols).encode()).hexdigest()[:8]
    return f"{missing.days.start:%Y-%m-%d}-{whose}"


def decide(facts: Facts, record: Record) -> Decision:
    """What catch-up does now. The newest gap that may be tried comes first: the next night reads it."""
    # Of gaps with one name, which begin together and befall the same, there is only one.
    newest_first = sorted(facts.ranges, key=lambda item: (item.days.end, item.days.start), reverse=True)
    found = {key_of(item): item for item in newest_first}
    tried = {
        key: record.tried[key].seen_as(item) if key in record.tried else Tried.new(item, facts.now)
        for key, item in found.items()
    }
    # A gap that others joined is not filled: it may come back.
    hidden = {
        key: item
        for key, item in record.tried.items()
        if key not in found and any(item.lies_in(missing) for missing in facts.ranges)
    }
    spent = {key for key, item in tried.items() if item.count >= ATTEMPTS and facts.now >= item.due()}
    raised = [_gave_up(found[key], key, tried[key]) for key in spent if not facts.busy]
    new = [alert for alert in raised if alert.id not in record.standing]
    over = [
        alert for alert in record.standing.values() if alert.where not in map(_where, {**found, **hidden})
    ]
    standing = {alert.id: alert for alert in (*record.standing.values(), *new) if alert not in over}
    alerts = (*new, *(alert.as_resolved() for alert in over))
    chosen, why = _choose(facts, found, tried)
    start = None
    if chosen is not None:
        item = replace(tried[chosen], made=tried[chosen].made + 1, last=facts.now)
        tried[chosen] = item
        start = Start(found[chosen], chosen, item.made, item.since)
    return Decision(start, why, alerts, Record({**hidden, **tried}, standing))


def _choose(facts: Facts, found: Mapping[str, Missing], tried: Mapping[str, Tried]) -> tuple[str | None, str]:
    if not found:
        return None, "Nothing is missing."
    gaps = f"{len(found)} range{'s' if len(found) > 1 else ''} of days with missing data"
    if facts.stopped:
        return None, f"{gaps}, but {facts.stopped}."
    if facts.busy:
        return None, f"{gaps}; waiting for {facts.busy}."
    reasons = []
    for key, item in tried.items():
        if key in facts.cancelled and facts.cancelled[key] >= item.since:
            reasons.append(f"{key} was cancelled by a person")
        elif item.count >= ATTEMPTS:
            reasons.append(f"{key} was tried {item.count} times, the last time at {item.last:%F %H:%M} UTC")
        elif facts.now < item.due():
            reasons.append(f"{key} is tried at {item.due():%H:%M} UTC, attempt {item.count + 1}")
        else:
            return key, ""
    return None, f"{gaps}: {some(reasons)}."


def _where(key: str) -> str:
    return f"gap {key}"


def _gave_up(missing: Missing, key: str, tried: Tried) -> Alert:
    days = missing.days
    last, rows = days.end - _DAY, rows_called(days.datasets)
    timeframes = ",".join(name.removeprefix("candles_") for name in days.datasets)
    return Alert(
        cause=CAUSE,
        severity=AlertSeverity.WARNING,
        what=f"{missing.candles:,} {rows} ({timeframes}) of {some(days.symbols)} from {days.start:%F} to "
        f"{last:%F} are missing after {tried.count} attempts; perhaps the exchange does not have them.",
        where=_where(key),
        value=f"{missing.candles} {rows} missing",
        limit=f"0 after {ATTEMPTS} attempts",
        since=tried.since,
        command=repair_command(timeframes, days.start, last, days.symbols),
    )
