"""What the sensor backup_due starts: a recovery, the fetching of what one lost, or a backup. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

#: A backup is due when the newest is of another snapshot and older than this.
EVERY: Final = timedelta(hours=24)
#: All objects are hashed so often by the sensor, besides before every backup.
LOOKS_EVERY: Final = timedelta(hours=1)
#: So many runs fetch what a recovery lost; then the alert stands until a person looks.
FETCHES: Final = 3


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What is known at ``now``.

    ``loaded``: the store holds something, or is damaged. ``damaged``: something was seen damaged.
    ``newest``: snapshot and time of the newest backup. ``pending``: what is to be fetched again, by id, with
    the number of runs that tried. ``busy``: the run that writes market data now.
    """

    now: datetime
    loaded: bool
    damaged: bool
    snapshot: str | None
    newest: tuple[str, datetime] | None
    pending: Mapping[str, int]
    busy: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """What to start: ``backup`` (which mends first), or the fetching of ``fetch``; or neither."""

    why: str
    backup: bool = False
    fetch: str | None = None
    run_key: str | None = None


def is_due(snapshot: str | None, newest: tuple[str, datetime] | None, now: datetime) -> bool:
    """Whether a backup is due."""
    if snapshot is None:
        return False
    return newest is None or (newest[0] != snapshot and now - newest[1] > EVERY)


def choose(facts: BackupFacts) -> Action:
    """One thing at a time, what is most urgent first."""
    if not facts.loaded:
        return Action("There is nothing to back up yet.")
    if facts.busy:
        return Action(f"{facts.busy} writes market data.")
    if facts.damaged:
        # Once an hour: the breaker decides whether anything is still tried.
        return Action("The store is damaged.", backup=True, run_key=f"damage-{facts.now:%Y%m%dT%H}")
    waiting = [name for name, tried in facts.pending.items() if tried < FETCHES]
    if waiting:
        name = waiting[0]
        return Action(
            "A recovery lost rows.", fetch=name, run_key=f"refetch-{name}-{facts.pending[name] + 1}"
        )
    if is_due(facts.snapshot, facts.newest, facts.now):
        key = f"backup-{facts.snapshot}-{facts.now:%Y%m%dT%H}"
        return Action("A backup is due.", backup=True, run_key=key)
    return Action(_next(facts))


def _next(facts: BackupFacts) -> str:
    if facts.newest is None:
        return "There is nothing to back up yet."
    if facts.newest[0] == facts.snapshot:
        return f"Snapshot {facts.snapshot} is backed up."
    return f"The next backup is due at {facts.newest[1] + EVERY:%Y-%m-%d %H:%M} UTC."


def wants_look(last: datetime | None, now: datetime) -> bool:
    """Whether all objects are to be hashed again."""
    return last is None or now - last >= LOOKS_EVERY or last > now
