"""What other programs on this address (a live trader) will use of the exchange's current minute.

The exchange tells with each answer what the address has used in its calendar minute, ours included. The
counter falls when its minute ends: that tells when minutes begin. What is above our own use is the others'.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import Final, NamedTuple

MINUTE: Final = 60.0
#: Nobody seen in so many seconds of watching: nobody is there.
KNOWN_AFTER: Final = 5.0
#: How long what was seen of the others is held to be true of them.
BELIEVED_FOR: Final = 120.0
#: Who looks away for longer (s) does not know what happened meanwhile, and begins to watch anew.
_LOOKED_AWAY: Final = 10.0
#: How far two clocks may drift apart in a minute (s).
_DRIFT: Final = 0.05
#: A rate that was measured over less than this (s) is not believed to go on.
_SHORT: Final = 10.0


class _Seen(NamedTuple):
    answered: float
    asked: float
    used: int
    #: The highest ``used`` up to here.
    most: int


class OthersForecast:
    """Watches the counter; moments are seconds of one clock.

    ``few`` is the weight a minute up to which others need not be known any better. Every figure of the others
    is a lower bound, short by at most what we have on its way: each request of ours that may be in the
    counter is taken to be in it. So alone on the address nobody else is ever seen.
    """

    def __init__(self) -> None:
        self.peak = 0
        self.few = 0
        #: When the watch began, when the counter was last seen, and when others became more than a few.
        self._first = self._last = self._appeared = -math.inf
        #: When the minute began: not before, and not after.
        self._began: tuple[float, float] | None = None
        #: Since when the others of this minute were watched, when last, and what they had used by then.
        self._since: float | None = None
        self._measured = 0.0
        self._base = self._others = 0
        self._seen: list[_Seen] = []
        self._minutes: list[tuple[float, float]] = []

    def observe(self, asked: float, answered: float, used: int, own_since: Callable[[float], int]) -> None:
        """A request ``asked`` then was ``answered`` now, and told ``used`` weight.

        ``own_since(moment)`` is our own weight that may have reached the exchange after ``moment``.
        """
        # Another process's answer may be read late. It counts as later than it was: that proves less.
        answered = max(answered, self._last)
        if answered - self._last > BELIEVED_FOR:
            self._forget()
        if answered - self._last > _LOOKED_AWAY:
            self._first = answered
        self._last = answered
        self._turn_with_the_clock(answered)
        before = bisect_left(self._seen, asked, key=lambda seen: seen.answered)
        fell = before > 0 and used < self._seen[before - 1].most
        if fell:
            self._turn(max(seen.asked for seen in self._seen[:before] if seen.used > used), answered)
        elif self._began is not None and asked < self._began[1]:
            # It may have been counted in the minute before.
            return
        began = asked - MINUTE if self._began is None else self._began[0]
        were_few = self.expected(answered) <= self.few
        self._others = max(self._others, used - own_since(began))
        self.peak = max(self.peak, self._others)
        if self._since is None:
            self._since, self._base = answered, self._others
        self._measured = answered
        if were_few and self.expected(answered) > self.few:
            self._appeared = answered
        most = max(used, self._seen[-1].most) if self._seen else used
        self._seen.append(_Seen(answered, asked, used, most))

    def silence(self, now: float) -> float:
        """Seconds since the counter was last seen."""
        return now - self._last

    def known(self, now: float) -> bool:
        """Whether we have watched long enough to know the others: a whole minute, if they are not few."""
        if now - self._last > BELIEVED_FOR:
            return False
        if self.expected(now) > self.few:
            return now - max(self._first, self._appeared) >= MINUTE
        return now - self._first >= KNOWN_AFTER

    def expected(self, now: float) -> int:
        """Weight that others will have used at the end of the current minute; 0 when there are none.

        The most of the last two minutes and of this one, if it goes on as it began.
        """
        if now - self._last > BELIEVED_FOR:
            return 0
        self._turn_with_the_clock(now)
        recent = [most for ended, most in self._minutes if ended > now - BELIEVED_FOR]
        return math.ceil(max([self._going_on(), *recent]))

    def _going_on(self) -> float:
        """The others' weight of the current minute, at its end."""
        if self._since is None:
            return 0.0
        elapsed = self._measured - self._since
        rate = (self._others - self._base) / max(elapsed, _SHORT)
        return self._others + rate * max(MINUTE - elapsed, 0.0)

    def _turn_with_the_clock(self, now: float) -> None:
        """End the minute once it has certainly ended, though the counter was not seen to fall."""
        if self._began is not None:
            earliest, latest = self._began
            if now >= latest + MINUTE:
                minutes = (now - latest) // MINUTE
                passed, drift = minutes * MINUTE, minutes * _DRIFT
                self._end(latest + MINUTE)
                self._start((earliest + passed - drift, latest + passed + drift))
        elif self._since is not None and now >= self._since + MINUTE:
            self._end(self._since + MINUTE)
            self._forget()

    def _turn(self, earliest: float, latest: float) -> None:
        """The counter fell: a minute began between ``earliest`` and ``latest``."""
        began = (earliest, latest)
        if self._began is not None:
            minutes = round((latest - self._began[1]) / MINUTE)
            passed, drift = minutes * MINUTE, max(minutes, 1) * _DRIFT
            both = (
                max(earliest, self._began[0] + passed - drift),
                min(latest, self._began[1] + passed + drift),
            )
            began = both if both[0] <= both[1] else began
        self._end(began[1])
        self._start(began)

    def _end(self, moment: float) -> None:
        self._minutes = [
            *(one for one in self._minutes if one[0] > moment - BELIEVED_FOR),
            (moment, self._going_on()),
        ]

    def _start(self, began: tuple[float, float]) -> None:
        self._forget()
        self._began = began
        self._since = self._measured = began[1]

    def _forget(self) -> None:
        self._began = self._since = None
        self._measured = 0.0
        self._base = self._others = 0
        self._seen = []
