"""One line of the ledger: what it says, how it is written and read, and how long it matters."""

import math
from dataclasses import dataclass
from typing import Final

RESERVED: Final = "reserved"
ANSWERED: Final = "answered"
PAUSED: Final = "paused"
WAITING: Final = "waiting"
#: No request costs more, of any limit: a line that says so is damaged.
MOST_COST: Final = 1_000.0
#: Seconds after which no line matters any more: the longest span of a limit, a timeout, and a margin.
KEPT_SECONDS: Final = 420.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: at ``wall`` (seconds since 1970, by the writer's clock) something happened to ``id``.

    ``figure`` is the cost of a reservation, the used weight that an answer told (-1: none), the seconds of a
    pause, the allowance of who waits. ``grace`` is how many seconds a reserved request may take.
    """

    what: str
    id: str
    wall: float
    kind: str
    figure: float
    grace: float = 0.0

    def line(self) -> bytes:
        """The entry as it is written."""
        text = f"{self.what} {self.id} {self.wall:.6f} {self.kind} {self.figure:g} {self.grace:g}\n"
        return text.encode()

    def age(self, wall: float) -> float:
        """Seconds since; below 0 where the writer's clock was ahead."""
        return wall - self.wall

    def alive(self, wall: float) -> bool:
        """Whether it may still matter. A clock that was set back makes old lines look new, for so long."""
        length = self.figure if self.what == PAUSED else 0.0
        return -KEPT_SECONDS <= self.age(wall) <= max(KEPT_SECONDS, length)


def parse(line: bytes) -> Entry | None:
    """The entry that ``line`` holds; None for anything else."""
    try:
        what, identity, wall, kind, figure, grace = line.decode("ascii").split()
        entry = Entry(what, identity, float(wall), kind, float(figure), float(grace))
    except ValueError:
        return None
    numbers = (entry.wall, entry.figure, entry.grace)
    sane = all(math.isfinite(number) and -1 <= number < 1e12 for number in numbers)
    sane = sane and (what != RESERVED or entry.figure <= MOST_COST)
    return entry if sane and what in (RESERVED, ANSWERED, PAUSED, WAITING) else None
