"""What was asked of one limit, by whom it may concern: what is on its way, and what was answered when."""

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

#: Answered requests older than this (s) are forgotten; above the longest span of a limit.
_KEPT_SECONDS = 600.0
_FORGET_ABOVE = 4096


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


@dataclass(frozen=True, slots=True)
class _OnItsWay:
    cost: int
    asked: float
    expires: float


class Account:
    """The requests of one limit; moments are seconds of one clock, answers come in their order."""

    def __init__(self) -> None:
        self._on_their_way: dict[str, _OnItsWay] = {}
        self._moments: list[float] = []
        self._costs: list[int] = []
        self._totals: list[int] = [0]

    def reserve(self, identity: str, cost: int, asked: float, grace: float = math.inf) -> None:
        """A request begins; after ``grace`` seconds without an answer it counts as answered."""
        self._on_their_way[identity] = _OnItsWay(cost, asked, asked + grace)

    def answer(self, identity: str, moment: float) -> float | None:
        """A request has ended, well or badly; when it was asked, None for one that is not known."""
        request = self._on_their_way.pop(identity, None)
        if request is None:
            return None
        self._spend(request.cost, moment)
        return request.asked

    def in_flight(self) -> int:
        """Cost of what is on its way."""
        return sum(request.cost for request in self._on_their_way.values())

    def since(self, moment: float) -> int:
        """Cost of all that may have reached the exchange after ``moment``."""
        return self.in_flight() + self._totals[-1] - self._totals[bisect_right(self._moments, moment)]

    def used(self, now: float, span: float) -> int:
        """Cost of all that may fall into the ``span`` seconds before ``now``."""
        for identity in [name for name, one in self._on_their_way.items() if one.expires < now]:
            lost = self._on_their_way.pop(identity)
            self._spend(lost.cost, lost.expires)
        return self.since(now - span)

    def wait_for(self, cost: int, allowance: int, span: float, now: float) -> float:
        """See :func:`seconds_until_room`."""
        first = bisect_right(self._moments, now - span)
        spent = zip(self._moments[first:], self._costs[first:], strict=True)
        return seconds_until_room(spent, self.in_flight(), cost, allowance, span, now)

    def _spend(self, cost: int, moment: float) -> None:
        if self._moments and moment < self._moments[-1]:
            # Another process's line, read late: counted a little longer than need be.
            moment = self._moments[-1]
        self._moments.append(moment)
        self._costs.append(cost)
        self._totals.append(self._totals[-1] + cost)
        if len(self._moments) > _FORGET_ABOVE and self._moments[0] < moment - 2 * _KEPT_SECONDS:
            old = bisect_right(self._moments, moment - _KEPT_SECONDS)
            del self._moments[:old], self._costs[:old], self._totals[:old]
