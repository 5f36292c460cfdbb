"""Pages cover what was asked for: all of it, once, and nothing that is still open."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.core.market import STANDARD_TIMEFRAMES, Timeframe, from_milliseconds, to_milliseconds
from crypto_bt.sources.windows import (
    Page,
    candle_pages,
    candle_weight,
    next_settlement_page,
    positioning_pages,
    settlement_page,
)

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
HOUR = 3_600_000
FIRST, LAST = (to_milliseconds(datetime(2026, month, 1, tzinfo=UTC)) for month in (1, 7))
moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_candle_pages_of_a_year_are_as_cheap_as_can_be():
    end = datetime(2026, 1, 1, tzinfo=UTC)
    pages = [
        page
        for timeframe in STANDARD_TIMEFRAMES
        for page in candle_pages(timeframe, end - timedelta(days=365), end, None, NOW)
    ]

    assert (len(pages), sum(candle_weight(page.limit) for page in pages)) == (24, 48)


def test_candle_pages_end_one_millisecond_before_the_open_candle():
    (page,) = candle_pages(Timeframe.H1, NOW - timedelta(hours=3), NOW + timedelta(days=1), None, NOW)

    assert page.end == to_milliseconds(datetime(2026, 3, 14, 15, tzinfo=UTC)) - 1
    assert page.limit == 2


def test_candle_pages_begin_a_month_before_the_listing_that_the_exchange_states():
    """Recorded candles of BTCUSDT begin 16 days before its onboard date."""
    onboard = datetime(2026, 3, 10, 14, 30, tzinfo=UTC)
    (page,) = candle_pages(Timeframe.D1, datetime(2020, 1, 1, tzinfo=UTC), NOW, onboard, NOW)

    assert (from_milliseconds(page.start), page.limit) == (datetime(2026, 2, 8, tzinfo=UTC), 34)


@pytest.mark.parametrize("onboard", [NOW, NOW + timedelta(days=3)])
def test_candle_pages_before_the_listing_are_none(onboard):
    assert candle_pages(Timeframe.H1, NOW - timedelta(days=3), NOW, onboard, NOW) == []


@settings(deadline=None)
@given(moments, moments, st.none() | moments, moments, st.sampled_from(Timeframe))
def test_candle_pages_cover_each_closed_candle_once(start, end, onboard, now, timeframe):
    step = timeframe.milliseconds
    listed = start
    if onboard is not None:
        asked_from = onboard if onboard >= now else onboard - timedelta(days=30)
        listed = max(start, timeframe.floor(asked_from))
    expected = [
        time
        for time in range(FIRST, LAST, step)
        if to_milliseconds(listed) <= time < to_milliseconds(end) and time + step <= to_milliseconds(now)
    ]

    pages = candle_pages(timeframe, start, end, onboard, now)

    covered = [time for page in pages for time in range(page.start, page.end + 1, step)]
    assert covered == expected
    assert all(1 <= page.limit <= 499 for page in pages)
    assert all(len(range(page.start, page.end + 1, step)) == page.limit for page in pages)


def test_settlement_page_has_both_bounds_inside_the_window():
    end = NOW - timedelta(hours=1)

    page = settlement_page(NOW - timedelta(days=1), end, None, NOW)

    assert page == Page(to_milliseconds(NOW - timedelta(days=1)), to_milliseconds(end) - 1, 1000)
    assert settlement_page(NOW + timedelta(hours=1), NOW + timedelta(hours=2), None, NOW) is None


def test_next_settlement_page_begins_after_the_latest_seen():
    page = Page(0, 10_000 * HOUR, 3)

    assert next_settlement_page(page, [HOUR, 3 * HOUR, 2 * HOUR]) == Page(3 * HOUR + 1, page.end, 3)
    assert next_settlement_page(page, [HOUR, 2 * HOUR]) is None
    assert next_settlement_page(page, []) is None


@given(st.integers(0, 50), st.lists(st.integers(-5, 60), max_size=6))
def test_next_settlement_page_always_moves_on(start, times):
    page = Page(start, 50, 3)

    following = next_settlement_page(page, times)

    assert following is None or page.start < following.start <= page.end


def test_positioning_pages_end_with_the_last_hour_that_is_over():
    (page,) = positioning_pages(NOW - timedelta(hours=3), NOW + timedelta(days=1), None, NOW)

    stamps = [from_milliseconds(time).hour for time in (page.start, page.end)]
    assert (stamps, page.limit) == ([13, 14], 500)


def test_positioning_pages_never_ask_for_what_is_refused_an_hour_later():
    pages = positioning_pages(NOW - timedelta(days=400), NOW, None, NOW)

    oldest = from_milliseconds(pages[0].start)
    assert NOW + timedelta(hours=1) - oldest <= timedelta(days=30) < NOW + timedelta(hours=2) - oldest
    assert len(pages) == 2


@pytest.mark.parametrize(
    ("start", "end", "onboard"),
    [
        (NOW - timedelta(days=400), NOW - timedelta(days=30), None),
        (NOW, NOW + timedelta(days=1), None),
        (NOW - timedelta(days=1), NOW, NOW),
    ],
)
def test_positioning_pages_of_what_is_gone_or_to_come_are_none(start, end, onboard):
    assert positioning_pages(start, end, onboard, NOW) == []


@settings(deadline=None)
@given(moments, moments, st.none() | moments, moments)
def test_positioning_pages_cover_each_hour_that_is_kept_once(start, end, onboard, now):
    kept = max(start, now - timedelta(days=30) + timedelta(hours=1))
    listed = kept if onboard is None else max(kept, Timeframe.H1.floor(onboard))
    expected = [
        time
        for time in range(FIRST, LAST, HOUR)
        if to_milliseconds(listed) <= time < to_milliseconds(end) and time + HOUR <= to_milliseconds(now)
    ]

    pages = positioning_pages(start, end, onboard, now)

    assert [time for page in pages for time in range(page.start, page.end + 1, HOUR)] == expected
    assert all(len(range(page.start, page.end + 1, HOUR)) <= page.limit == 500 for page in pages)
