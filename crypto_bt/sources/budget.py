"""How fast requests may go: a share of what the exchange allows, in any rolling minute.

The exchange counts by the calendar minute and by its own clock. A rolling minute contains no calendar
minute with more in it, so the whole limit can be used without ever passing it. All sessions that share a
ledger count together; a session keeps all of them within its own share, or waits.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from crypto_bt.sources.books import WEIGHT, Books, Reservation
from crypto_bt.sources.others import MINUTE

Sleep = Callable[[float], Awaitable[None]]
#: What scheduled work may use. As long as nobody knows what others on this address use, all work keeps to it.
SCHEDULED_SHARE: Final = 0.2
#: Share of the limit that is left alone where others use the address as well.
HEADROOM: Final = 0.05
#: Share of the limit that goes into looking at the exchange's counter while all else waits.
WATCH_SHARE: Final = 0.01
#: Added to the span, for clocks that do not run equally fast.
_DRIFT: Final = 0.05
_TICK: Final = 0.001
#: What others do, in other processes or programs, is looked at again after so many seconds.
_LOOK_AGAIN: Final = 1.0


class RollingBudget:
    """At most ``share`` of ``limit`` in any ``span`` seconds, for all sessions of one ledger together.

    ``kind`` names the limit in ``books``. The weight's is shared with strangers too: ``beside_others`` leaves
    them what they are expected to use. ``watch`` asks for the exchange's counter: who uses more than a small
    share looks at it while waiting, lest what others do then goes unseen. ``clock`` gives monotonic seconds.
    ``waited`` adds up the seconds slept, ``waits`` counts the requests that had to wait, ``peak`` is the most
    in a span, seen as this session asked.
    """

    def __init__(
        self,
        limit: int,
        share: float,
        span: float,
        *,
        clock: Callable[[], float],
        sleep: Sleep,
        books: Books | None = None,
        kind: str = WEIGHT,
        beside_others: bool = False,
        watch: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"The share of the request limit is {share}; it must be above 0 and at most 1.")
        self.limit = limit
        self.share = share
        self.waited = 0.0
        self.waits = 0
        self.peak = 0
        self._span = span + _DRIFT
        self._clock, self._sleep = clock, sleep
        self._books = Books(clock) if books is None else books
        self._kind, self._beside_others, self._watch = kind, beside_others, watch
        self._turn = asyncio.Lock()

    @property
    def allowance(self) -> int:
        """What may be used in a span by all of us, when this session asks; at least 1."""
        return self._part(self.share)

    @asynccontextmanager
    async def spend(self, cost: int) -> AsyncIterator[Reservation]:
        """Wait for room for one request and hold it while the request runs; first come, first served."""
        # What is dearer than the whole allowance goes alone.
        cost = min(cost, self.allowance)
        async with self._turn:
            found = self._look(cost)
            self.waits += not isinstance(found, Reservation)
            while not isinstance(found, Reservation):
                await self._sleep_and_watch(found)
                found = self._look(cost)
        try:
            yield found
        finally:
            self._books.answer(found)

    @asynccontextmanager
    async def spend_watching(self) -> AsyncIterator[Reservation]:
        """Hold a request of weight 1, for which room is always left, while it runs."""
        with self._books.turn():
            reservation = self._books.reserve(self._kind, 1)
        try:
            yield reservation
        finally:
            self._books.answer(reservation)

    async def _sleep_and_watch(self, seconds: float) -> None:
        looks = self._looks()
        if looks:
            seconds = min(seconds, MINUTE / looks)
        self.waited += seconds
        await self._sleep(seconds)
        now = self._clock()
        due = looks and self._books.others.silence(now) >= MINUTE / looks
        if self._watch is not None and due and now >= self._books.paused_until:
            await self._watch()

    def _looks(self) -> int:
        """How often in a minute the counter is looked at while all else waits."""
        watches = self._watch is not None and self._beside_others and self.share > SCHEDULED_SHARE
        return int(self.limit * WATCH_SHARE) if watches else 0

    def _look(self, cost: int) -> Reservation | float:
        """A reservation of ``cost``, or the seconds to wait before looking again."""
        with self._books.turn():
            now = self._clock()
            wait = self._wait(cost, now)
            if wait > 0:
                return wait
            reservation = self._books.reserve(self._kind, cost)
            if cost:
                self.peak = max(self.peak, self._books.account(self._kind).used(now, self._span))
            return reservation

    def _wait(self, cost: int, now: float) -> float:
        if now < self._books.paused_until:
            return self._books.paused_until - now
        account = self._books.account(self._kind)
        used, allowance = account.used(now, self._span), self._allowance_beside_others(now)
        if not cost or used + cost <= allowance:
            return 0.0
        self._books.wait(self._kind, self.allowance)
        wait = account.wait_for(cost, allowance, self._span, now)
        if allowance < self.allowance or self._books.heard_others:
            wait = min(wait, _LOOK_AGAIN)
        # Rounding may put the moment of room at now, while the oldest entry still counts.
        return max(wait, _TICK)

    def _allowance_beside_others(self, now: float) -> int:
        """The allowance, less while a session of a smaller one waits or others use the address."""
        allowance = self.allowance
        waited_for = self._books.waited_for(self._kind)
        if waited_for < allowance:
            allowance = max(int(waited_for), 1)
        if not self._beside_others:
            return allowance
        allowance = min(allowance, self.allowance - self._looks())
        others = self._books.others
        others.few = self._part(HEADROOM)
        if not others.known(now):
            allowance = min(allowance, self._part(SCHEDULED_SHARE))
        expected = others.expected(now)
        return min(allowance, self._part(1 - HEADROOM) - expected) if expected else allowance

    def _part(self, share: float) -> int:
        return max(int(self.limit * share + 1e-9), 1)
