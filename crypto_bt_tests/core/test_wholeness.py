"""Wholeness and coverage: the definitions that decide whether a night may run."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.market import Timeframe
from crypto_bt.core.wholeness import Coverage, Wholeness, coverage, find_gaps, hours, judge
from crypto_bt_tests.frames import candle_frame

NOW = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
LOOKBACK = timedelta(days=30)
H1 = Timeframe.H1
LAST_OPEN = datetime(2026, 3, 1, 21, tzinfo=UTC)


def whole_month(without: set[int] | None = None) -> list[datetime]:
    """Hourly open times of the look-back, newest first in the numbering; ``without`` are left out."""
    hours_back = range(31 * 24)
    return [LAST_OPEN - timedelta(hours=back) for back in hours_back if back not in (without or set())]


def judged(frame: pl.DataFrame, begins: datetime | None = None, now: datetime = NOW) -> Wholeness:
    """The judgement of BTCUSDT's hourly candles."""
    start = begins or now - timedelta(days=365)
    [item] = judge(frame, H1, symbols=["BTCUSDT"], begins={"BTCUSDT": start}, now=now, lookback=LOOKBACK)
    return item


def test_judge_complete_candles_is_whole() -> None:
    item = judged(candle_frame(whole_month()))
    assert item.whole
    # The candle of 22:00 closed since the last update: a matter of age, neither missing nor a gap.
    assert (item.expected, item.present, item.longest_gap) == (718, 718, 0)


@pytest.mark.parametrize(
    ("missing", "whole"), [({100, 101}, True), ({100, 101, 102}, False), ({50, 52, 54, 56}, True)]
)
def test_judge_gap_longer_than_two_is_not_whole(missing: set[int], whole: bool) -> None:
    item = judged(candle_frame(whole_month(missing)))
    assert item.whole is whole
    if not whole:
        assert "3 candles in a row" in item.reason
        assert "limit 2" in item.reason


def test_judge_too_few_candles_is_not_whole_even_without_a_long_gap() -> None:
    sparse = set(range(2, 700, 10))
    item = judged(candle_frame(whole_month(sparse)))
    assert not item.whole
    assert "minimum 95%" in item.reason


def test_judge_gap_before_the_lookback_does_not_count() -> None:
    assert judged(candle_frame(whole_month(set(range(725, 740))))).whole


@pytest.mark.parametrize(("age_hours", "whole"), [(5, True), (6, True), (7, False)])
def test_judge_newest_candle_over_the_age_limit_is_not_whole(age_hours: int, whole: bool) -> None:
    now = LAST_OPEN + H1.delta + timedelta(hours=age_hours)
    item = judged(candle_frame(whole_month()), now=now)
    assert item.whole is whole


def test_judge_no_candles_at_all_is_not_whole() -> None:
    item = judged(candle_frame([], symbol="BTCUSDT"))
    assert item.reason == "has none of 719 expected candles"


def test_judge_symbol_listed_recently_is_measured_from_its_listing() -> None:
    listed = LAST_OPEN - timedelta(hours=9)
    times = [listed + timedelta(hours=n) for n in range(10)]
    item = judged(candle_frame(times), begins=listed)
    assert item.whole
    assert item.expected == 10


def test_judge_missing_start_of_the_window_counts_as_a_gap() -> None:
    item = judged(candle_frame(whole_month(set(range(600, 744)))))
    assert not item.whole
    assert item.gaps[0].start == NOW.replace(hour=0, minute=0) - timedelta(days=30) + timedelta(days=1)


def fake(whole: int, total: int) -> Coverage:
    """Coverage of ``whole`` out of ``total``."""
    items = [Wholeness(str(n), H1, 1, 1, NOW, (), "" if n < whole else "stale") for n in range(total)]
    return coverage(items)


@pytest.mark.parametrize(("whole", "passes"), [(57, False), (58, True), (60, True), (0, False)])
def test_coverage_of_sixty_needs_fifty_eight(whole: int, passes: bool) -> None:
    assert fake(whole, 60).passes is passes


def test_coverage_of_nothing_does_not_pass() -> None:
    assert not fake(0, 0).passes
    assert fake(0, 0).share == 0


@given(st.sets(st.integers(1, 200), max_size=80))
def test_find_gaps_equals_a_plain_walk_over_the_hours(missing: set[int]) -> None:
    times = sorted(LAST_OPEN - timedelta(hours=back) for back in range(202) if back not in missing)
    found = {(gap.start, gap.end) for gap in find_gaps(candle_frame(times), H1)}
    present, expected, moment = set(times), set(), times[0]
    while moment < times[-1]:
        if moment not in present:
            start = moment
            while moment not in present:
                moment += H1.delta
            expected.add((start, moment))
        moment += H1.delta
    assert found == expected


def test_find_gaps_never_spans_two_symbols() -> None:
    frame = pl.concat(
        [candle_frame([LAST_OPEN], "A1"), candle_frame([LAST_OPEN + timedelta(hours=50)], "B2")]
    )
    assert find_gaps(frame, H1) == []


@pytest.mark.parametrize(
    ("span", "text"),
    [(timedelta(minutes=245), "4 h 5 min"), (timedelta(hours=26), "26 h"), (timedelta(days=8), "8.0 d")],
)
def test_hours_reads_like_a_person_says_it(span: timedelta, text: str) -> None:
    assert hours(span) == text
