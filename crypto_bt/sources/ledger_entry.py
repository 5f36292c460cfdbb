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


#: The boot of a machine that does not say which one it is.
UNKNOWN_BOOT: Final = "-"


@dataclass(frozen=True, slots=True)
class Moment:
    """``wall``: seconds since 1970, a clock that people set; ``up``: seconds since the machine's ``boot``."""

    wall: float
    boot: str = UNKNOWN_BOOT
    up: float = 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: at ``wall`` (seconds since 1970, by the writer's clock) something happened to ``id``.

    ``figure`` is the cost of a reservation, the used weight that an answer told (-1: none), the seconds of a
    pause, the allowance of who waits. ``grace`` is how many seconds a reserved request may take. ``boot`` and
    ``up`` say the same moment by the machine's own clock (see :class:`Moment`).
    """

    what: str
    id: str
    wall: float
    kind: str
    figure: float
    grace: float = 0.0
    boot: str = UNKNOWN_BOOT
    up: float = 0.0

    def line(self) -> bytes:
        """The entry as it is written."""
        said = f"{self.what} {self.id} {self.wall:.6f} {self.kind} {self.figure:g} {self.grace:g}"
        return f"{said} {self.boot} {self.up:.6f}\n".encode()

    def age(self, now: Moment) -> float:
        """Seconds since: by the machine's clock within one boot, else by the wall clock.

        Below 0 where the writer's wall clock was ahead.
        """
        if self.boot != UNKNOWN_BOOT and self.boot == now.boot:
            return now.up - self.up
        return now.wall - self.wall

    def alive(self, now: Moment) -> bool:
        """Whether it may still matter. A clock that was set back makes old lines look new, for so long."""
        length = self.figure if self.what == PAUSED else 0.0
        return -KEPT_SECONDS <= self.age(now) <= max(KEPT_SECONDS, length)


def parse(line: bytes) -> Entry | None:
    """The entry that ``line`` holds; None for anything else."""
    try:
        what, identity, wall, kind, figure, grace, boot, up = line.decode("ascii").split()
        entry = Entry(what, identity, float(wall), kind, float(figure), float(grace), boot, float(up))
    except ValueError:
        return None
    numbers = (entry.wall, entry.figure, entry.grace, entry.up)
    sane = all(math.isfinite(number) and -1 <= number < 1e12 for number in numbers)
    sane = sane and (what != RESERVED or entry.figure <= MOST_COST)
    return entry if sane and what in (RESERVED, ANSWERED, PAUSED, WAITING) else None
