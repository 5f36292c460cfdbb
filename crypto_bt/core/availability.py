"""When a value of a series could first be known, where its source does not say so.

Each rule is conservative: at least as late as the source that is read here usually shows the value, US
holidays counted. Releases delayed for another reason are not modelled. Values are never dated by the moment
at which old data was fetched.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Final

from crypto_bt.core.market import Timeframe
from crypto_bt.core.us_calendar import next_business_day

Rule = Callable[[datetime], datetime]
_DAY: Final = timedelta(days=1)


def _end_of_day(day: datetime) -> datetime:
    return day + _DAY


def _next_day_13(day: datetime) -> datetime:
    return day + _DAY + timedelta(hours=13)


def _next_business_day(day: datetime, hour: int) -> datetime:
    return datetime.combine(next_business_day(day.date()), time(hour), UTC)


def _next_business_day_15(day: datetime) -> datetime:
    return _next_business_day(day, 15)


def _next_business_day_22(day: datetime) -> datetime:
    return _next_business_day(day, 22)


def _second_business_day_22(day: datetime) -> datetime:
    return _next_business_day(_next_business_day(day, 0), 22)


def _tuesday_after_its_week(day: datetime) -> datetime:
    monday = day - timedelta(days=day.weekday())
    return _next_business_day(monday + timedelta(days=7), 22)


def _twentieth_of_next_month(day: datetime) -> datetime:
    following = (day.replace(day=1) + timedelta(days=32)).replace(day=20)
    return following + timedelta(hours=13)


def _at_once(moment: datetime) -> datetime:
    return moment + timedelta(minutes=1)


#: Rule by series. Those known at once carry their source's own time stamp as the observation, floored to the
#: minute: at the end of that minute the value was there.
RULES: Final[dict[str, Rule]] = {
    "fear_greed": _end_of_day,
    # FRED shows the close on the same evening: at 19:11 Chicago (00:11 or 01:11 UTC).
    "SP500": _next_day_13,
    # FRED takes it over on the next business morning, between 7:30 and 8:40 Chicago (14:40 UTC in winter):
    # Friday's close stands there on Monday.
    "VIXCLS": _next_business_day_15,
    # The New York Fed publishes it on the next business morning. FRED has it with release H.15, which was
    # seen to lag a further day: on Tuesday afternoon it ended with Friday.
    "DFF": _second_business_day_22,
    # Release H.15 comes after 16:15 New York (20:15 or 21:15 UTC) of the next business day.
    "DGS10": _next_business_day_22,
    "T10Y2Y": _next_business_day_22,
    # Release H.10 comes on Mondays with the week before, after a holiday on Tuesdays.
    "DTWEXBGS": _tuesday_after_its_week,
    # Between the 10th and the 15th as a rule.
    "CPIAUCSL": _twentieth_of_next_month,
    "stablecoin_supply": _end_of_day,
    "btc_dominance": _at_once,
    "total_market_cap": _at_once,
}
#: Series whose observation is a moment; that of all others is a day.
MOMENTARY: Final = frozenset({"btc_dominance", "total_market_cap"})


def available_at(series: str, observed_at: datetime) -> datetime:
    """The first moment (UTC) at which the value of ``series`` about ``observed_at`` could be known.

    ``observed_at`` is midnight UTC of the observation's day, or the source's own moment for the momentary
    series. Raises KeyError for a series without a rule.
    """
    rule = RULES[series]
    return rule(observed_at if series in MOMENTARY else Timeframe.D1.floor(observed_at))
