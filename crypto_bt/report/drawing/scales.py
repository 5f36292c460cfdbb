"""From figures to pixels: scales, and the round figures at which an axis is marked."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

DAY: Final = timedelta(days=1)
_DAYS: Final = (1, 2, 7, 14)
_MONTHS: Final = (1, 2, 3, 6, 12, 24, 60)
_ROUND: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from the figures ``low`` to ``high`` onto the pixels ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where ``value`` lies; a scale of no extent puts everything in the middle."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def finite(values: Iterable[float | None]) -> list[float]:
    """The values that are figures."""
    return [float(value) for value in values if value is not None and math.isfinite(value)]


def round_scale(values: Iterable[float | None], start: float, end: float, *, ticks: int = 5) -> Scale:
    """A scale over ``values`` and zero, widened to round figures; -1 % to 1 % where all are zero."""
    known = [0.0, *finite(values)]
    low, high = min(known), max(known)
    if low == high:
        low, high = -0.01, 0.01
    step = round_step(high - low, ticks)
    return Scale(
        math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, start, end
    )  # fmt: skip


def round_step(extent: float, ticks: int) -> float:
    """The smallest of 1, 2, 2.5, 5 x a power of ten of which ``ticks`` make up ``extent``."""
    rough = max(extent, 1e-12) / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    return next(round(times * power, 15) for times in _ROUND if times * power >= rough * (1 - 1e-9))


def round_marks(scale: Scale, ticks: int = 5) -> list[float]:
    """The round figures within ``scale``, ascending; zero is one of them where it is within."""
    step = round_step(scale.high - scale.low, ticks)
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    return [round(place * step, 12) + 0.0 for place in range(first, last + 1)]


def seconds(moment: datetime) -> float:
    """A moment as a figure for a scale."""
    return moment.timestamp()


def day_marks(first: datetime, last: datetime, most: int) -> list[tuple[datetime, str]]:
    """At most ``most`` midnights from ``first`` to ``last`` with their labels; the year where it begins.

    The beginnings of every 1st, 2nd, ... 60th month where these are at least three, else every day, second
    day, week or fortnight.
    """
    for months in _MONTHS:
        found = _month_starts(first, last, months)
        if 3 <= len(found) <= most:
            return _labelled(found, "%b")
    for days in _DAYS:
        start = datetime(first.year, first.month, first.day, tzinfo=UTC)
        found = [start + DAY * place for place in range(0, (last - start).days + 1, days)]
        found = [day for day in found if day >= first]
        if len(found) <= most:
            return _labelled(found, "%-d %b")
    return _labelled(_month_starts(first, last, 1)[:most] or [first], "%-d %b")


def _labelled(days: list[datetime], pattern: str) -> list[tuple[datetime, str]]:
    named, year = [], None
    for day in days:
        told = day.strftime(f"{pattern} %Y") if day.year != year else day.strftime(pattern)
        named.append((day, told))
        year = day.year
    return named


def _month_starts(first: datetime, last: datetime, every: int) -> list[datetime]:
    found = []
    for place in range(first.year * 12, (last.year + 1) * 12, every):
        start = datetime(place // 12, place % 12 + 1, 1, tzinfo=UTC)
        if first <= start <= last:
            found.append(start)
    return found
