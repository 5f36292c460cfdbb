"""What is kept: backups by day and week, snapshots by age and need. Pure: facts and ``now`` in, names out."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

#: So many backups are kept on this machine: the newest good one of so many days, and of so many weeks.
DAILY: Final = 3
WEEKLY: Final = 3
#: Off this machine one a week; the oldest of them, three to four weeks old, serves as the monthly one.
OFFSITE_WEEKLY: Final = 4
_SUNDAY: Final = 7
#: A database is written anew when one byte in so many is unused; whoever writes it waits meanwhile.
_UNUSED_SHARE: Final = 5
_SHRINK_AT_MOST: Final = 250_000_000
_ROOM_BESIDE: Final = 200_000_000


@dataclass(frozen=True, slots=True)
class BackupFact:
    """One backup: when it was made (UTC), and whether all of it verifies."""

    name: str
    created_at: datetime
    good: bool


@dataclass(frozen=True, slots=True)
class SnapshotFact:
    """One snapshot: when it was published (UTC)."""

    id: str
    published_at: datetime


def backups_to_keep(
    backups: Collection[BackupFact], now: datetime, *, daily: int = DAILY, weekly: int = WEEKLY
) -> set[str]:
    """Names of the backups that stay.

    Of good ones: the newest of each of the last ``daily`` days that have one, and the newest of each of the
    last ``weekly`` weeks, which is Sunday's where there is one; the week under way counts from its Sunday on.
    Bad ones count for nothing; they stay while no newer good one is there, for what can still be read of
    them. The newest good one always stays, and so do all while there is no good one.
    """
    good = sorted((item for item in backups if item.good), key=_age)
    if not good:
        return {item.name for item in backups}
    newest = good[-1]
    ended = [item for item in good if _week(item) != _week_of(now) or _day_of(now).isoweekday() == _SUNDAY]
    kept = {newest.name, *_newest_of_each(good, _day, daily), *_newest_of_each(ended, _week, weekly)}
    return kept | {item.name for item in backups if not item.good and _age(item) > _age(newest)}


def offsite_to_keep(
    backups: Collection[BackupFact], now: datetime, *, weekly: int = OFFSITE_WEEKLY
) -> set[str]:
    """Names of the backups that stay off this machine: the newest good one of each of ``weekly`` weeks."""
    good = sorted((item for item in backups if item.good), key=_age)
    if not good:
        return {item.name for item in backups}
    kept = {good[-1].name, *_newest_of_each(good, _week, weekly)}
    return kept | {item.name for item in backups if not item.good and _age(item) > _age(good[-1])}


def offsite_due(backups: Collection[BackupFact], now: datetime) -> bool:
    """Whether the week of ``now`` has no good copy off this machine yet."""
    return all(not item.good or _week(item) != _week_of(now) for item in backups)


def snapshots_to_keep(
    snapshots: Sequence[SnapshotFact],
    now: datetime,
    *,
    hours: float,
    needed: Collection[str] = (),
) -> set[str]:
    """Ids of the snapshots that stay.

    Those of the last ``hours``; the newest one that is older, to which a rollback of so many hours goes; the
    newest of all; and those ``needed`` by a night, a run or a reader.
    """
    if not snapshots:
        return set()
    since = now - timedelta(hours=hours)
    ordered = sorted(snapshots, key=lambda item: int(item.id))
    older = [item for item in ordered if item.published_at <= since]
    kept = {item.id for item in ordered if item.published_at > since}
    kept |= {older[-1].id} if older else set()
    return kept | {ordered[-1].id} | ({item.id for item in ordered} & set(needed))


def rollback_target(snapshots: Sequence[SnapshotFact], now: datetime, hours: float) -> SnapshotFact | None:
    """The newest snapshot that is at least ``hours`` old; None where all are younger."""
    since = now - timedelta(hours=hours)
    old = [item for item in snapshots if item.published_at <= since]
    return max(old, key=lambda item: (item.published_at, int(item.id)), default=None)


def nights_to_keep(nights: Collection[date], today: date, days: int) -> set[date]:
    """The nights of the last ``days`` days, and the newest one however old it is."""
    return {night for night in nights if (today - night).days < days} | ({max(nights)} if nights else set())


@dataclass(frozen=True, slots=True)
class RunFact:
    """One run of a job: when it ended (UTC), None while it has not."""

    id: str
    ended: datetime | None


def runs_to_prune(
    runs: Collection[RunFact],
    now: datetime,
    *,
    days: int,
    spared: Collection[str],
    at_most: int | None = None,
) -> list[str]:
    """Ids of the runs that ended more than ``days`` days ago and are not ``spared``: the oldest first, and no
    more than ``at_most`` of them."""
    before = now - timedelta(days=days)
    old = [(run.ended, run.id) for run in runs if run.ended is not None and run.ended < before]
    return [name for _, name in sorted(old) if name not in set(spared)][:at_most]


def worth_shrinking(size: int, unused: int, room: int) -> bool:
    """Whether a database of ``size`` bytes, ``unused`` of them free inside it, is written anew: only where
    that gives back a fifth, takes seconds, and leaves ``room`` (bytes on the disk) for two copies of it."""
    return 0 < size <= unused * _UNUSED_SHARE and size <= _SHRINK_AT_MOST and room >= 2 * size + _ROOM_BESIDE


def _newest_of_each(
    ordered: Sequence[BackupFact], of: Callable[[BackupFact], Hashable], count: int
) -> list[str]:
    """Names of the last item of each of the last ``count`` groups of ``ordered`` (oldest first)."""
    newest = {of(item): item.name for item in ordered}
    return list(newest.values())[-count:] if count else []


def _age(item: BackupFact) -> tuple[datetime, str]:
    return item.created_at, item.name


def _day_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _day(item: BackupFact) -> date:
    return _day_of(item.created_at)


def _week_of(moment: datetime) -> tuple[int, int]:
    year, week, _ = _day_of(moment).isocalendar()
    return year, week


def _week(item: BackupFact) -> tuple[int, int]:
    return _week_of(item.created_at)
