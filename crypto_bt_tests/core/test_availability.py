"""When values could first be known: the rules by hand, and what must hold of each."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.availability import MOMENTARY, RULES, available_at
from crypto_bt.simulator.series import publication

US_DAILY = ("VIXCLS", "SP500", "DFF", "DGS10", "T10Y2Y", "DTWEXBGS")
DAYS = st.dates(date(2015, 1, 1), date(2035, 12, 31))


def midnight(day: date) -> datetime:
    """The day's first moment."""
    return datetime.combine(day, time(), UTC)


@pytest.mark.parametrize(
    ("series", "day", "known"),
    [
        ("fear_greed", "2026-03-03", "2026-03-04 00:00"),
        ("stablecoin_supply", "2026-03-03", "2026-03-04 00:00"),
        ("VIXCLS", "2026-03-03", "2026-03-04 15:00"),
        ("VIXCLS", "2026-03-06", "2026-03-09 15:00"),
        ("SP500", "2026-03-06", "2026-03-07 13:00"),
        ("DFF", "2026-03-03", "2026-03-05 22:00"),
        ("DFF", "2026-03-06", "2026-03-10 22:00"),
        ("DFF", "2026-01-16", "2026-01-21 22:00"),
        ("DGS10", "2026-03-06", "2026-03-09 22:00"),
        ("DGS10", "2026-01-16", "2026-01-20 22:00"),  # Martin Luther King's day lies between
        ("T10Y2Y", "2026-03-03", "2026-03-04 22:00"),
        ("DTWEXBGS", "2026-03-02", "2026-03-10 22:00"),
        ("DTWEXBGS", "2026-03-06", "2026-03-10 22:00"),
        ("CPIAUCSL", "2026-02-01", "2026-03-20 13:00"),
        ("CPIAUCSL", "2025-12-01", "2026-01-20 13:00"),
    ],
)
def test_available_at_by_hand(series: str, day: str, known: str) -> None:
    expected = datetime.strptime(known, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert available_at(series, midnight(date.fromisoformat(day))) == expected


def test_available_at_of_a_momentary_series_is_the_end_of_the_minute_of_its_stamp() -> None:
    moment = datetime(2026, 3, 3, 2, 17, tzinfo=UTC)
    known = {available_at(series, moment) for series in MOMENTARY}
    assert known == {moment + timedelta(minutes=1)}


@given(day=DAYS, series=st.sampled_from(US_DAILY))
def test_available_at_us_series_never_before_the_next_day_at_13(day: date, series: str) -> None:
    assert available_at(series, midnight(day)) >= midnight(day) + timedelta(days=1, hours=13)


@given(day=DAYS, series=st.sampled_from(sorted(RULES.keys() - MOMENTARY)))
def test_available_at_is_after_the_day_and_never_runs_backwards(day: date, series: str) -> None:
    known = available_at(series, midnight(day))
    assert known >= midnight(day) + timedelta(days=1)
    assert known <= available_at(series, midnight(day + timedelta(days=1)))


@given(
    day=DAYS, series=st.sampled_from(("VIXCLS", "SP500", "DFF", "DGS10", "T10Y2Y", "DTWEXBGS", "CPIAUCSL"))
)
def test_available_at_is_never_before_the_true_calendar_publishes(day: date, series: str) -> None:
    assert available_at(series, midnight(day)) >= publication(series, day)
