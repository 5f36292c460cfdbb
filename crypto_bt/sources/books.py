"""What this session and all others have asked: accounts by limit, kept in step through the ledger."""

import math
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crypto_bt.sources.account import Account
from crypto_bt.sources.answers import LONGEST_PAUSE
from crypto_bt.sources.ledger import Ledger
from crypto_bt.sources.ledger_entry import ANSWERED, PAUSED, RESERVED, WAITING, Entry, Moment
from crypto_bt.sources.others import OthersForecast

#: Which boot of the machine this is, and the seconds since.
Uptime = Callable[[], tuple[str, float]]
WEIGHT: Final = "weight"
FUNDING: Final = "funding"
POSITIONING: Final = "positioning"
_KINDS: Final = (WEIGHT, FUNDING, POSITIONING)
#: Who waits says so this often (s), and is thought to wait for so long after.
_SAY_EVERY: Final = 2.0
_HEARD_FOR: Final = 6.0
#: No timeout is longer (s): what a line claims above it is nonsense.
_LONGEST_GRACE: Final = 120.0


@dataclass(slots=True)
class Reservation:
    """One request that may go; ``used`` is the weight that its answer told, None until it does."""

    id: str
    kind: str
    cost: int
    asked: float
    used: int | None = None


class Books:
    """The accounts of one session; ``clock`` gives monotonic seconds, ``wall`` seconds since 1970.

    Without ``ledger`` the session is alone. The ledger holds the time since the machine's boot, where
    ``uptime`` tells it, and wall times for lines of another boot; each line is turned into this session's
    ``clock`` when it is read. Only without ``uptime`` a jump of the wall clock can make a line that is read
    later count too long, by a span at most, or not at all. ``grace`` is the timeout of a request (s): so
    long a killed process's request may be on its way.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        ledger: Path | None = None,
        wall: Callable[[], float] | None = None,
        uptime: Uptime | None = None,
        grace: float = 0.0,
    ) -> None:
        self.others = OthersForecast()
        self.paused_until = -math.inf
        #: Whether any other session has written into the ledger since this one began to read it.
        self.heard_others = False
        self._clock, self._wall = clock, wall or clock
        self._grace = grace
        self._session = uuid.uuid4().hex[:10]
        self._count = 0
        self._uptime = uptime
        self._ledger = None if ledger is None else Ledger(ledger, self._moment)
        self._accounts = {kind: Account() for kind in _KINDS}
        self._said = dict.fromkeys(_KINDS, -math.inf)
        self._waiting: dict[str, tuple[float, float]] = {}

    @property
    def trouble(self) -> str:
        """Why the ledger cannot be used; empty while it can, or when there is none."""
        return self._ledger.trouble if self._ledger else ""

    def close(self) -> None:
        """Close the ledger's file."""
        if self._ledger is not None:
            self._ledger.close()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """While the block runs nobody else reserves, and what all have reserved is known here."""
        if self._ledger is None:
            yield
            return
        try:
            for entry in self._ledger.begin():
                self._apply(entry)
            yield
        finally:
            self._ledger.end()

    def account(self, kind: str) -> Account:
        """The account of the limit ``kind``."""
        return self._accounts[kind]

    def reserve(self, kind: str, cost: int) -> Reservation:
        """Begin a request, within a turn; what costs nothing is not written down."""
        self._count += 1
        reservation = Reservation(f"{self._session}.{self._count}", kind, cost, self._clock())
        if cost:
            self._accounts[kind].reserve(reservation.id, cost, reservation.asked)
            self._write(RESERVED, reservation.id, kind, cost, self._grace)
        return reservation

    def answer(self, reservation: Reservation) -> None:
        """End a request, however it ended."""
        now = self._clock()
        if reservation.cost:
            with self.turn():
                now = self._clock()
                self._accounts[reservation.kind].answer(reservation.id, now)
                used = -1 if reservation.used is None else reservation.used
                self._write(ANSWERED, reservation.id, reservation.kind, used)
        if reservation.used is not None:
            self.others.observe(reservation.asked, now, reservation.used, self._accounts[WEIGHT].since)

    def pause(self, seconds: float) -> None:
        """The exchange has asked for silence: no session asks anything for ``seconds``."""
        self.paused_until = max(self.paused_until, self._clock() + seconds)
        with self.turn():
            self._write(PAUSED, self._session, WEIGHT, seconds)

    def wait(self, kind: str, allowance: int) -> None:
        """Say, within a turn, that this session waits, and may only go on below ``allowance``."""
        now = self._clock()
        if self.heard_others and now - self._said[kind] > _SAY_EVERY:
            self._said[kind] = now
            self._write(WAITING, self._session, kind, allowance)

    def waited_for(self, kind: str) -> float:
        """The smallest allowance of another session that waits now; infinite when none does."""
        horizon = self._clock() - _HEARD_FOR
        self._waiting = {key: said for key, said in self._waiting.items() if said[0] > horizon}
        return min((said[1] for key, said in self._waiting.items() if key.startswith(kind)), default=math.inf)

    def _write(self, what: str, identity: str, kind: str, figure: float, grace: float = 0.0) -> None:
        if self._ledger is not None:
            now = self._moment()
            self._ledger.write(Entry(what, identity, now.wall, kind, figure, grace, now.boot, now.up))

    def _moment(self) -> Moment:
        return Moment(self._wall(), *(self._uptime() if self._uptime else ()))

    def _apply(self, entry: Entry) -> None:
        """Take note of what another session has written."""
        session = entry.id.partition(".")[0]
        if session == self._session or entry.kind not in self._accounts:
            return
        self.heard_others = True
        account, moment = self._accounts[entry.kind], self._clock() - max(entry.age(self._moment()), 0.0)
        if entry.what == RESERVED:
            account.reserve(entry.id, max(int(entry.figure), 0), moment, min(entry.grace, _LONGEST_GRACE))
        elif entry.what == ANSWERED:
            asked = account.answer(entry.id, moment)
            if asked is not None and entry.figure >= 0:
                self.others.observe(asked, moment, int(entry.figure), self._accounts[WEIGHT].since)
        elif entry.what == PAUSED:
            self.paused_until = max(self.paused_until, moment + min(entry.figure, LONGEST_PAUSE))
        elif entry.what == WAITING:
            self._waiting[f"{entry.kind} {session}"] = moment, entry.figure
