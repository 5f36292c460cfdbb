"""Which night is which: a night is named by its day and ends at a time of that day, 23:30 UTC by default."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

#: When nights begin, and what they may know ends, unless the settings say otherwise.
NIGHT_TIME: Final = time(23, 30)


def cutoff_of(night: date, at: time = NIGHT_TIME) -> datetime:
    """The moment after which nothing may be known to the night: ``at`` (UTC) of its day."""
    return datetime.combine(night, at, UTC)


def knowable_at(night: date, now: datetime, at: time = NIGHT_TIME) -> datetime:
    """The moment at which a night's data is judged: its cutoff, however late the night is computed."""
    return min(now, cutoff_of(night, at))


def last_due_night(now: datetime, at: time = NIGHT_TIME) -> date:
    """The latest night whose cutoff has passed."""
    today = now.astimezone(UTC).date()
    return today if now >= cutoff_of(today, at) else today - timedelta(days=1)


def history_begins(
    cutoff: datetime, start: datetime | None, *, days: int, warm_up: timedelta
) -> datetime | None:
    """From when on a night reads candles: ``start``, or later where it is bound to the last ``days`` (0: it
    is not) and the ``warm_up`` before them; None for all that is stored."""
    if not days:
        return start
    bound = (cutoff - timedelta(days=days) - warm_up).replace(hour=0, minute=0, second=0, microsecond=0)
    return bound if start is None else max(start, bound)
