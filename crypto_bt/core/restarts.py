"""When a process that ended is started again: with growing waits, and not more than four times a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

#: Waits before the first, second and every later restart in a row.
BACK_OFF: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 45))
MOST: Final = 4
WITHIN: Final = timedelta(hours=24)
#: Who ran so long begins again with the shortest wait.
HEALTHY: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Restart:
    """Start it again ``at`` that moment; ``given_up``: not any more, it was restarted too often."""

    at: datetime | None
    given_up: bool = False


def decide_restart(restarts: Sequence[datetime], started: datetime, ended: datetime) -> Restart:
    """What becomes of a process that was ``started`` and ``ended`` then, and was restarted at ``restarts``
    (ascending) before.

    A run of ten minutes resets the wait, not the count: what dies every quarter of an hour is not well.
    """
    if len([moment for moment in restarts if ended - WITHIN < moment <= ended]) >= MOST:
        return Restart(None, given_up=True)
    in_a_row = 0
    later, moments = ended, [moment for moment in restarts if moment <= started]
    for moment in reversed(moments):
        if later - moment >= HEALTHY:
            break
        in_a_row += 1
        later = moment
    return Restart(ended + BACK_OFF[min(in_a_row, len(BACK_OFF) - 1)])
