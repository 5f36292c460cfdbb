"""How fast requests may go: a share of what the exchange allows, in any rolling minute.

The exchange counts by the calendar minute and by its own clock. A rolling minute contains no calendar
minute with more in it, so the whole limit can be used without ever passing it.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

Sleep = Callable[[float], Awaitable[None]]
#: Added to the span, for clocks that do not run equally fast.
_DRIFT: Final = 0.05
_TICK: Final = 0.001


def seconds_until_room(
    spent: Iterable[tuple[float, int]], in_flight: int, cost: int, allowance: int, span: float, now: float
) -> float:
    """Seconds until ``cost`` more fits into ``allowance`` in a rolling ``span``; 0 when it fits now.

    ``spent`` are (moment of the answer, cost), oldest first, all within ``span``; ``in_flight`` is asked and
    not yet answered. Counting from the answer instead of the question makes it safe whatever a request
    took to arrive.
    """
    entries = list(spent)
    excess = in_flight + sum(used for _, used in entries) + cost - allowance
    if excess <= 0:
        return 0.0
    for moment, used in entries:
        excess -= used
        if excess <= 0:
            return max(moment + span - now, 0.0)
    return span


class RollingBudget:
    """At most ``share`` of ``limit`` in any ``span`` seconds, for all tasks of one client together.

    ``clock`` gives monotonic seconds. ``waited`` adds up the seconds slept, ``peak`` is the most in a span.
    """

    def __init__(
        self, limit: int, share: float, span: float, *, clock: Callable[[], float], sleep: Sleep
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"The share of the request limit is {share}; it must be above 0 and at most 1.")
        self.limit = limit
        self.share = share
        self.waited = 0.0
        self.peak = 0
        self._span = span + _DRIFT
        self._clock, self._sleep = clock, sleep
        self._spent: deque[tuple[float, int]] = deque()
        self._in_flight = 0
        self._others, self._others_until = 0, -math.inf
        self._paused_until = -math.inf
        self._turn = asyncio.Lock()

    @property
    def allowance(self) -> int:
        """What we may use in a span; at least 1."""
        return max(int(self.limit * self.share + 1e-9), 1)

    @asynccontextmanager
    async def spend(self, cost: int) -> AsyncIterator[None]:
        """Wait for room for one request and hold it while the request runs; first come, first served."""
        # What is dearer than the whole allowance goes alone.
        cost = min(cost, self.allowance)
        async with self._turn:
            while (wait := self._wait(cost)) > 0:
                self.waited += wait
                await self._sleep(wait)
            self._in_flight += cost
            self.peak = max(self.peak, self._used())
        try:
            yield
        finally:
            self._in_flight -= cost
            if cost:
                self._spent.append((self._clock(), cost))

    def pause(self, seconds: float) -> None:
        """Let no request go for ``seconds``."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def observe(self, used: int) -> None:
        """Take note of what the exchange says this address has used in the current minute.

        What is above our own use is another program's (a live trader's): it is left to it for a minute.
        """
        self._others = max(used - self._used(), 0)
        self._others_until = self._clock() + self._span

    def _used(self) -> int:
        horizon = self._clock() - self._span
        while self._spent and self._spent[0][0] <= horizon:
            self._spent.popleft()
        return self._in_flight + sum(used for _, used in self._spent)

    def _wait(self, cost: int) -> float:
        now = self._clock()
        if now < self._paused_until:
            return self._paused_until - now
        used, allowance = self._used(), self._allowance_beside_others(now)
        if not cost or used + cost <= allowance:
            return 0.0
        wait = seconds_until_room(self._spent, self._in_flight, cost, allowance, self._span, now)
        # Rounding may put the moment of room at now, while the oldest entry still counts.
        return max(wait, _TICK)

    def _allowance_beside_others(self, now: float) -> int:
        others = self._others if now < self._others_until else 0
        return min(self.allowance, self.limit - others)
