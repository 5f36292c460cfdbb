"""Time for deadlines: it neither jumps when the clock is set, nor counts hours in which the machine slept."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SteadyClock:
    """Shows UTC as it was when this was made, and since then what ``ticks`` (seconds) have counted.

    A deadline on the wall clock would pass the moment somebody sets it ahead or the machine wakes up, and
    what was well would be ended as hung.
    """

    def __init__(
        self, wall: Callable[[], datetime] = _utc_now, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._ticks = wall, ticks
        self._began, self._first = wall(), ticks()

    def __call__(self) -> datetime:
        """The moment, for comparison with others of this clock."""
        return self._began + timedelta(seconds=self._ticks() - self._first)

    def on_the_wall(self, moment: datetime) -> datetime:
        """What the wall clock, as it is set now, says of a ``moment`` of this one."""
        return self._wall() - (self() - moment)
