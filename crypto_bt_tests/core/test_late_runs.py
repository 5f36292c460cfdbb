"""What is late, what takes too long, whose process is killed: decided on facts alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.late_runs import (
    GRACE,
    LATE,
    Expected,
    Found,
    Going,
    Reported,
    decide_late,
    time_allowed,
    unsent,
)

DUE = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
LONG_AGO = DUE - timedelta(days=1)
MINUTE = timedelta(minutes=1)


def expected(*, answered: bool = False, due: datetime = DUE) -> list[Expected]:
    """The night, due."""
    return [Expected("nightly_backtest", due, answered)]


def decided(
    *, of: Sequence[Expected] = (), going: Sequence[Going] = (), before: Reported | None = None,
    since: datetime = LONG_AGO, now: datetime = DUE,
) -> Found:  # fmt: skip
    """The decision with little to say."""
    return decide_late(of, going, before or Reported(), since, now)


def test_decide_late_start_is_told_after_five_minutes_and_once() -> None:
    assert not decided(of=expected(), now=DUE + LATE - MINUTE).alerts
    first = decided(of=expected(), now=DUE + LATE)
    assert [(alert.cause, alert.where) for alert in first.alerts] == [("late_start", "nightly_backtest")]
    assert "since 2026-11-21 23:30 UTC" in first.alerts[0].what
    assert not decided(of=expected(), before=first.reported, now=DUE + LATE * 9).alerts


def test_decide_late_start_is_resolved_once_a_run_begins_or_the_schedule_is_off() -> None:
    before = decided(of=expected(), now=DUE + LATE).reported
    begun = decided(of=expected(answered=True), before=before, now=DUE + LATE * 2)
    assert [alert.resolved for alert in begun.alerts] == [True]
    assert begun.reported == Reported()
    off = decided(before=before, now=DUE + LATE * 2)
    assert [(alert.id, alert.resolved) for alert in off.alerts] == [(begun.alerts[0].id, True)]


def test_decide_late_start_of_the_next_tick_is_told_again() -> None:
    before = decided(of=expected(), now=DUE + LATE).reported
    next_due = DUE + timedelta(days=1)
    again = decided(of=expected(due=next_due), before=before, now=next_due + LATE)
    assert [alert.resolved for alert in again.alerts] == [False]


def test_decide_late_start_waits_for_a_daemon_that_has_just_come_back() -> None:
    back = DUE + timedelta(hours=2)
    assert not decided(of=expected(), since=back, now=back + MINUTE).alerts
    assert decided(of=expected(), since=back, now=back + LATE).alerts


@pytest.mark.parametrize(
    ("ended", "told", "alive", "after", "killed"),
    [
        (None, None, True, timedelta(hours=9), False),
        (None, DUE, True, GRACE / 2, False),
        (None, DUE, True, GRACE, True),
        (DUE, None, True, GRACE, True),
        (DUE, DUE, False, GRACE, False),
        (DUE, None, True, GRACE / 2, False),
    ],
)
def test_decide_late_kills_only_a_process_that_was_told_to_end(
    ended: datetime | None, told: datetime | None, alive: bool, after: timedelta, killed: bool
) -> None:
    run = Going("run", "data_update", LONG_AGO, None, ended, told, alive)
    assert list(decided(going=[run], now=DUE + after).kill) == (["run"] if killed else [])


def test_decide_late_run_over_its_time_is_told_once_and_resolved_when_it_is_gone() -> None:
    run = Going("run", "data_update", DUE, 15 * MINUTE)
    assert not decided(going=[run], now=DUE + 15 * MINUTE).alerts
    first = decided(going=[run], now=DUE + 16 * MINUTE)
    assert [alert.cause for alert in first.alerts] == ["job_late"]
    assert not decided(going=[run], before=first.reported, now=DUE + 17 * MINUTE).alerts
    gone = decided(before=first.reported, now=DUE + 18 * MINUTE)
    assert [(alert.id, alert.resolved) for alert in gone.alerts] == [(first.alerts[0].id, True)]
    assert gone.reported == Reported()


def test_decide_late_without_a_limit_nothing_takes_too_long() -> None:
    assert not decided(going=[Going("run", "data_update", LONG_AGO, None)], now=DUE).alerts


@pytest.mark.parametrize(("told", "failed"), [(DUE + 14 * MINUTE, False), (DUE + 16 * MINUTE, True)])
def test_decide_late_run_cancelled_for_its_time_counts_as_failed(told: datetime, *, failed: bool) -> None:
    run = Going("run", "data_update", DUE, 15 * MINUTE, ended=told + MINUTE, told=told, cancelled=True)
    assert list(decided(going=[run], now=DUE + 20 * MINUTE).fail) == (["run"] if failed else [])


def test_unsent_alerts_are_told_again() -> None:
    first = decided(of=expected(), going=[Going("run", "data_update", LONG_AGO, MINUTE)], now=DUE + LATE)
    assert len(first.alerts) == 2
    kept = unsent(first.reported, Reported(), first.alerts)
    assert kept == Reported()
    again = decided(of=expected(), going=[Going("run", "data_update", LONG_AGO, MINUTE)], before=kept,
                    now=DUE + LATE)  # fmt: skip
    assert again.alerts == first.alerts


@given(days=st.integers(-5, 4000))
def test_time_allowed_is_that_of_a_week_for_each_week(days: int) -> None:
    weeks = time_allowed(MINUTE, days) // MINUTE
    assert weeks >= 1
    assert (weeks - 1) * 7 < max(days, 1) <= weeks * 7
