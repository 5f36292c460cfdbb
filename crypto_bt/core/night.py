"""Which night is which: a night is named by its day and ends at 23:30 UTC of that day."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

NIGHT_TIME: Final = time(23, 30)


def cutoff_of(night: date) -> datetime:
    """The moment after which nothing may be known to the night: 23:30 UTC of its day."""
    return datetime.combine(night, NIGHT_TIME, UTC)


def knowable_at(night: date, now: datetime) -> datetime:
    """The moment at which a night's data is judged: its cutoff, however late the night is computed."""
    return min(now, cutoff_of(night))


def last_due_night(now: datetime) -> date:
    """The latest night whose cutoff has passed."""
    today = now.astimezone(UTC).date()
    return today if now >= cutoff_of(today) else today - timedelta(days=1)
