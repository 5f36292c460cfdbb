"""The days on which US markets and offices are shut: they decide which days a US series lacks, and when the
others appear."""

from datetime import date, timedelta
from functools import cache

_DAY = timedelta(days=1)


@cache
def federal_holidays(year: int) -> frozenset[date]:
    """Federal holidays of ``year`` as they are observed: one on a Sunday moves to the Monday. One on a
    Saturday is not moved: the Federal Reserve publishes on the Friday."""
    fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    if year >= 2021:
        fixed.append(date(year, 6, 19))
    moved = {day + _DAY if day.weekday() == 6 else day for day in fixed}
    return frozenset(moved) | {
        _weekday(year, 1, 0, 3),
        _weekday(year, 2, 0, 3),
        _weekday(year, 6, 0, 1) - 7 * _DAY,
        _weekday(year, 9, 0, 1),
        _weekday(year, 10, 0, 2),
        _weekday(year, 11, 3, 4),
    }


@cache
def exchange_holidays(year: int) -> frozenset[date]:
    """Days other than weekends on which the US stock exchanges are shut."""
    trading = {_weekday(year, 10, 0, 2)}
    veterans = date(year, 11, 11)
    trading.add(veterans + _DAY if veterans.weekday() == 6 else veterans)
    if year == 2021:
        trading.add(date(2021, 6, 19))
    saturday = {
        day - _DAY
        for day in (date(year, 7, 4), date(year, 12, 25), *([date(year, 6, 19)] if year >= 2022 else []))
        if day.weekday() == 5
    }
    return (federal_holidays(year) - trading) | saturday | {_easter(year) - 2 * _DAY}


def business_day(day: date) -> bool:
    """Whether US offices are open on ``day``."""
    return day.weekday() < 5 and day not in federal_holidays(day.year)


def trading_day(day: date) -> bool:
    """Whether the US stock exchanges are open on ``day``."""
    return day.weekday() < 5 and day not in exchange_holidays(day.year)


def next_business_day(day: date) -> date:
    """The first business day after ``day``."""
    day += _DAY
    while not business_day(day):
        day += _DAY
    return day


def _weekday(year: int, month: int, weekday: int, nth: int) -> date:
    """The ``nth`` ``weekday`` (Monday 0) of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _easter(year: int) -> date:
    """Easter Sunday, by the anonymous Gregorian algorithm (Meeus, Astronomical Algorithms, chapter 8)."""
    golden, (century, rest) = year % 19, divmod(year, 100)
    leaps, shift = divmod(century, 4)
    skipped = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + century - leaps - skipped + 15) % 30
    quads, odd = divmod(rest, 4)
    week = (32 + 2 * shift + 2 * quads - moon - odd) % 7
    late = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * late + 114, 31)
    return date(year, month, day + 1)
