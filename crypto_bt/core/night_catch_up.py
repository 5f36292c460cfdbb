"""Whether a night that was missed or has failed is computed now: at most thrice, within a window of hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from crypto_bt.core.errors import UsageError
from crypto_bt.core.night import NIGHT_TIME, cutoff_of, last_due_night

#: Waits before the second and the third attempt.
WAITS: Final = (timedelta(minutes=5), timedelta(minutes=15))
ATTEMPTS: Final = len(WAITS) + 1
#: So long after its time a night that nobody has started was missed, and is not merely about to start.
LATE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Window:
    """UTC hours of the day from ``start`` to ``end`` (exclusive), over midnight where it ends earlier."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> "Window":
        """Of a text such as 23:30-05:00; raises UsageError for any other."""
        try:
            start, end = (time.fromisoformat(part) for part in text.split("-"))
        except ValueError as error:
            raise UsageError(f"{text!r} is no window of hours.", "Write it as 23:30-05:00.") from error
        return cls(start, end)

    def holds(self, moment: datetime) -> bool:
        """Whether ``moment`` lies in it."""
        of_day = moment.astimezone(UTC).time()
        if self.start <= self.end:
            return self.start <= of_day < self.end
        return of_day >= self.start or of_day < self.end


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the night that has ended or is under way: ``ended`` is None while it is; ``cancelled`` by a
    person."""

    ended: datetime | None
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class NightFacts:
    """What is so at ``now``: whether the last night due has a result (``done``), its ``attempts``, and why
    nothing may start (``stopped``, such as "it is off since ..."; empty where it may). A night begins
    ``at``."""

    now: datetime
    done: bool
    attempts: Sequence[Attempt]
    window: Window
    stopped: str = ""
    at: time = NIGHT_TIME


@dataclass(frozen=True, slots=True)
class NightDecision:
    """Start the ``attempt`` of ``night`` (None: do not), and ``why``; ``skipped``: it is not computed
    unless a person asks for it."""

    night: date
    attempt: int | None
    why: str
    skipped: bool = False

    @property
    def run_key(self) -> str:
        """Never given twice, so that a tick that is repeated starts nothing twice."""
        return f"night {self.night} attempt {self.attempt}"


def decide_night(facts: NightFacts) -> NightDecision:
    """What becomes of the last night that was due by now."""
    night = last_due_night(facts.now, facts.at)
    count = len(facts.attempts)
    if facts.done:
        return NightDecision(night, None, f"The night of {night} is done.")
    if any(attempt.ended is None for attempt in facts.attempts):
        return NightDecision(night, None, f"The night of {night} is under way.")
    if any(attempt.cancelled for attempt in facts.attempts):
        return NightDecision(night, None, f"The night of {night} was stopped by a person.", skipped=True)
    if facts.stopped:
        return NightDecision(
            night, None, f"The night of {night} is not computed: {facts.stopped}", skipped=True
        )
    command = f"Compute it: crypto-bt backtest --night {night}"
    if count >= ATTEMPTS:
        return NightDecision(
            night, None, f"The night of {night} failed {count} times. {command}", skipped=True
        )
    if not facts.window.holds(facts.now):
        hours = f"{facts.window.start:%H:%M} to {facts.window.end:%H:%M} UTC"
        return NightDecision(
            night, None, f"The night of {night} was missed, and it is not {hours}. {command}", skipped=True
        )
    due = cutoff_of(night, facts.at) + LATE
    if count:
        due = max(attempt.ended for attempt in facts.attempts if attempt.ended) + WAITS[count - 1]
    if facts.now < due:
        return NightDecision(
            night, None, f"Attempt {count + 1} at the night of {night} is at {due:%H:%M} UTC."
        )
    return NightDecision(night, count + 1, f"Attempt {count + 1} of {ATTEMPTS} at the night of {night}.")
