"""How much of the time the system was up, and how many of the nights that were due are done. Pure."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from crypto_bt.core.health import Sample
from crypto_bt.core.night import NIGHT_TIME, cutoff_of

#: What the desk was promised.
UPTIME: Final = 0.995
#: A night may take so long; until then it is not yet missing.
NIGHT_MAY_TAKE: Final = timedelta(hours=2)
#: A supervisor that has not written for so long is gone.
_BEATS: Final = timedelta(seconds=120)


class State(StrEnum):
    """Everything runs; something of it does not; a person has stopped it."""

    UP = "up"
    DOWN = "down"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Change:
    """From ``time`` on it was in that ``state``."""

    time: datetime
    state: State

    def to_json(self) -> str:
        """One line."""
        return json.dumps({"time": self.time.astimezone(UTC).isoformat(), "state": self.state})


def change_from_json(line: str) -> Change | None:
    """The change in ``line``; None for a line that cannot be read (one that was being written at a crash)."""
    try:
        told = json.loads(line)
        time = datetime.fromisoformat(told["time"])
        return Change(time, State(told["state"])) if time.tzinfo else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class Uptime:
    """Seconds ``up`` of those in which it was ``wanted`` (nobody had stopped it), and the seconds of each of
    the ``outages``, the first one first."""

    up: float
    wanted: float
    outages: tuple[float, ...]

    @property
    def share(self) -> float | None:
        """``up`` of ``wanted``, 0 to 1; None where it was never wanted."""
        return self.up / self.wanted if self.wanted > 0.0 else None


def died(changes: Sequence[Change], beat: datetime | None) -> Change | None:
    """What a supervisor has to note when it starts: that the one before ended at its last ``beat`` without
    being stopped; None where it was stopped, or there was none."""
    if not changes or changes[-1].state is not State.UP:
        return None
    return Change(max(beat or changes[-1].time, changes[-1].time), State.DOWN)


def uptime(changes: Sequence[Change], beat: datetime | None, since: datetime, now: datetime) -> Uptime:
    """From ``since``, or the first of the ``changes`` (ascending), to ``now``; ``beat``: the supervisor's
    last sign of life."""
    known = list(changes)
    gone = died(known, beat) if beat is None or now - beat > _BEATS else None
    known += [gone] if gone else []
    up = wanted = 0.0
    outages: list[float] = []
    down = False
    for index, change in enumerate(known):
        end = known[index + 1].time if index + 1 < len(known) else now
        seconds = (min(end, now) - max(change.time, since)).total_seconds()
        if seconds <= 0.0:
            continue
        if change.state is State.DOWN:
            before = outages.pop() if down else 0.0
            outages.append(before + seconds)
        down = change.state is State.DOWN
        up += seconds * (change.state is State.UP)
        wanted += seconds * (change.state is not State.STOPPED)
    return Uptime(up, wanted, tuple(outages))


@dataclass(frozen=True, slots=True)
class Nights:
    """The nights that were ``due``, those of them that have a result (``done``), and those that a person did
    not want (``off``, in neither)."""

    due: tuple[date, ...]
    done: tuple[date, ...]
    off: tuple[date, ...]

    @property
    def missed(self) -> tuple[date, ...]:
        """Due, and not done."""
        return tuple(night for night in self.due if night not in self.done)


def nights(
    results: Collection[date],
    looks: Sequence[Sample],
    changes: Sequence[Change],
    since: datetime,
    now: datetime,
    at: time = NIGHT_TIME,
) -> Nights:
    """Of those whose time (``at`` of their day, UTC) came from ``since``, or the first of the ``changes``, to
    two hours before ``now``.

    A night is off where the last look before its time saw that a person had switched nights off, or a person
    had stopped the whole system; one that was computed all the same is done.
    """
    begun = max([since, *(change.time for change in changes[:1])])
    due, done, off = [], [], []
    night = begun.astimezone(UTC).date()
    while (cutoff := cutoff_of(night, at)) <= now:
        ripe = cutoff + NIGHT_MAY_TAKE <= now
        if changes and cutoff >= begun and (ripe or night in results):
            if night in results:
                due.append(night)
                done.append(night)
            elif _off(cutoff, looks, changes):
                off.append(night)
            else:
                due.append(night)
        night += timedelta(days=1)
    return Nights(tuple(due), tuple(done), tuple(off))


def _off(at: datetime, looks: Sequence[Sample], changes: Sequence[Change]) -> bool:
    seen = next((look for look in reversed(looks) if look.time <= at), None)
    state = next((change.state for change in reversed(changes) if change.time <= at), None)
    return state is State.STOPPED or (seen is not None and bool(seen.nights_off))
