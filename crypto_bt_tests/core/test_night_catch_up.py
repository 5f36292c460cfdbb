"""When a night that was missed or has failed is tried again."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.errors import UsageError
from crypto_bt.core.night import last_due_night
from crypto_bt.core.night_catch_up import (
    ATTEMPTS,
    LATE,
    WAITS,
    Attempt,
    NightFacts,
    Window,
    decide_night,
)

DUE = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
WINDOW = Window.parse("23:30-05:00")
MINUTE = timedelta(minutes=1)


def facts(
    now: datetime, *ended: datetime | None, done: bool = False, stopped: str = "", cancelled: bool = False
) -> NightFacts:
    attempts = [Attempt(moment, cancelled=cancelled) for moment in ended]
    return NightFacts(now, done, attempts, WINDOW, stopped)


def test_a_night_that_nobody_started_is_started_ten_minutes_late_and_not_before() -> None:
    assert decide_night(facts(DUE + LATE - MINUTE)).attempt is None
    found = decide_night(facts(DUE + LATE))
    assert (found.night, found.attempt) == (date(2026, 11, 21), 1)


def test_a_failed_night_is_tried_five_and_fifteen_minutes_later_and_then_given_up() -> None:
    first = DUE + timedelta(minutes=20)
    assert decide_night(facts(first + WAITS[0] - MINUTE, first)).attempt is None
    assert decide_night(facts(first + WAITS[0], first)).attempt == 2
    second = first + timedelta(minutes=30)
    assert decide_night(facts(second + WAITS[1] - MINUTE, first, second)).attempt is None
    assert decide_night(facts(second + WAITS[1], first, second)).attempt == ATTEMPTS
    given_up = decide_night(facts(second + timedelta(hours=1), first, second, second + 20 * MINUTE))
    assert (given_up.attempt, given_up.skipped) == (None, True)
    assert "crypto-bt backtest --night 2026-11-21" in given_up.why


def test_outside_of_the_window_it_is_skipped_with_the_command() -> None:
    late = decide_night(facts(DUE + timedelta(hours=5, minutes=30)))
    assert (late.attempt, late.skipped) == (None, True)
    assert "23:30 to 05:00 UTC" in late.why
    assert "crypto-bt backtest --night 2026-11-21" in late.why


@pytest.mark.parametrize(
    "wrong",
    [
        facts(DUE + timedelta(hours=1), done=True),
        facts(DUE + timedelta(hours=1), None),
        facts(DUE + timedelta(hours=1), DUE + MINUTE, cancelled=True),
        facts(DUE + timedelta(hours=1), stopped="the schedule is switched off."),
    ],
)
def test_nothing_starts_what_is_done_under_way_or_stopped_by_a_person(wrong: NightFacts) -> None:
    assert decide_night(wrong).attempt is None


@given(st.integers(0, 3 * 24 * 60), st.lists(st.integers(0, 600), max_size=5), st.booleans(), st.booleans())
def test_never_more_than_three_attempts_nor_one_outside_of_the_window(
    minutes: int, ended: list[int], done: bool, stopped: bool
) -> None:
    now = DUE + minutes * MINUTE
    found = decide_night(
        facts(now, *(DUE + at * MINUTE for at in ended), done=done, stopped="off." if stopped else "")
    )
    assert found.night == last_due_night(now)
    if found.attempt is not None:
        assert found.attempt == len(ended) + 1 <= ATTEMPTS
        assert WINDOW.holds(now)
        assert not done
        assert not stopped


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [("23:30-05:00", (23, 45), (5, 0)), ("01:00-02:00", (1, 0), (2, 0)), ("05:00-23:30", (12, 0), (4, 59))],
)
def test_window_over_midnight_or_not(text: str, inside: tuple[int, int], outside: tuple[int, int]) -> None:
    window = Window.parse(text)
    assert window.holds(datetime(2026, 1, 1, *inside, tzinfo=UTC))
    assert not window.holds(datetime(2026, 1, 1, *outside, tzinfo=UTC))


@pytest.mark.parametrize("text", ["", "23:30", "25:00-01:00", "a-b", "1-2-3"])
def test_window_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="23:30-05:00"):
        Window.parse(text)
