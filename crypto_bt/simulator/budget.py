"""Request limits as the exchange keeps them: so much in each calendar span of real time.

The weight limit counts per minute; ``fundingRate`` and ``/futures/data`` have limits of their own, 500 and
1,000 calls in five minutes.
"""

import math
from collections.abc import Callable
from typing import Final

#: Calls that arrive this soon after a refusal were on their way before the client could read it.
IN_FLIGHT_SECONDS: Final = 1.0


class Budget:
    """How much of ``limit`` is used in the current span of ``span`` seconds of ``clock``.

    Once it is exceeded every call is refused until the span ends. ``calls_inside_retry_after`` counts the
    calls of a client that went on all the same; ``peak`` is the most that any span has used, ``total`` what
    all have.
    """

    def __init__(self, limit: int, span: int, clock: Callable[[], float]) -> None:
        self.limit = limit
        self.used = 0
        self.total = 0
        self.peak = 0
        self.calls_inside_retry_after = 0
        self._span = span
        self._clock = clock
        self._current = -1
        self._refused_at: float | None = None

    def charge(self, cost: int) -> int | None:
        """Count a call of ``cost``; None when it is served, else the whole seconds to wait."""
        now = self._clock()
        current = math.floor(now / self._span)
        if current != self._current:
            self._current, self.used, self._refused_at = current, 0, None
        self.used += cost
        self.total += cost
        if self._refused_at is None and self.used <= self.limit:
            self.peak = max(self.peak, self.used)
            return None
        if self._refused_at is None:
            self._refused_at = now
        elif now - self._refused_at > IN_FLIGHT_SECONDS:
            self.calls_inside_retry_after += 1
        return max(math.ceil((current + 1) * self._span - now), 1)
