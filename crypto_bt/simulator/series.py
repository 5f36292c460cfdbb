"""Series that belong to no symbol: what a market must know of them, and when their sources publish.

Names are those of the sources where they have one (FRED's ids), ours otherwise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol

from crypto_bt.core.us_calendar import business_day, next_business_day

FEAR_GREED: Final = "fear_greed"
DOMINANCE: Final = "btc_dominance"
MARKET_CAP: Final = "total_market_cap"
STABLECOINS: Final = "stablecoin_supply"
FRED_SERIES: Final = ("DTWEXBGS", "DFF", "DGS10", "T10Y2Y", "CPIAUCSL", "VIXCLS", "SP500")


@dataclass(frozen=True, slots=True)
class Observation:
    """The value of a series for a day; None where the source lists the day without a value."""

    day: date
    value: float | None


class SeriesMarket(Protocol):
    """A market's series as they are at a time."""

    def published(self, series: str, now: datetime) -> Sequence[Observation]:
        """What the source of ``series`` shows at ``now``, ascending by day; empty for an unknown series."""

    def latest(self, series: str, now: datetime) -> tuple[datetime, float] | None:
        """The newest value of a series that moves all the time, and when its source took it."""


def publication(series: str, day: date) -> datetime:
    """When the source of ``series`` first shows ``day``.

    FRED: the exchanges' series on the next day; the federal funds rate on the next business morning; the
    H.15 yields on the next business day after 16:15 in New York; the H.10 dollar index for a whole week on
    the following Monday; the CPI about the 13th of the next month. Fear & greed is set as its day begins; the
    stablecoin supply of a day is listed from its start, and moves until its end.
    """
    return _RULES.get(series, _at_once)(day)


def _at_once(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _next_day(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(13), UTC)


def _next_morning(day: date) -> datetime:
    return datetime.combine(next_business_day(day), time(14), UTC)


def _next_evening(day: date) -> datetime:
    return datetime.combine(next_business_day(day), time(21, 30), UTC)


def _next_monday(day: date) -> datetime:
    return datetime.combine(next_business_day(day + timedelta(days=6 - day.weekday())), time(21, 15), UTC)


def _middle_of_next_month(day: date) -> datetime:
    released = (day.replace(day=1) + timedelta(days=31)).replace(day=13)
    if not business_day(released):
        released = next_business_day(released)
    return datetime.combine(released, time(13, 30), UTC)


_RULES: Final[dict[str, Callable[[date], datetime]]] = {
    "VIXCLS": _next_day,
    "SP500": _next_day,
    "DFF": _next_morning,
    "DGS10": _next_evening,
    "T10Y2Y": _next_evening,
    "DTWEXBGS": _next_monday,
    "CPIAUCSL": _middle_of_next_month,
}
