"""Uptime and nights, from what the supervisor wrote."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.health import HealthStatus, Sample
from crypto_bt.core.service_level import Change, State, change_from_json, died, nights, uptime

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WEEK = NOW - timedelta(days=7)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def test_uptime_of_a_week_with_one_outage() -> None:
    begun = NOW - timedelta(hours=100)
    changes = [
        Change(begun, State.UP),
        Change(begun + 10 * HOUR, State.DOWN),
        Change(begun + 10.5 * HOUR, State.UP),
    ]
    found = uptime(changes, NOW, WEEK, NOW)
    assert found.share == pytest.approx(0.995)
    assert (found.outages, found.wanted) == ((1800.0,), 360_000.0)


def test_time_in_which_a_person_had_stopped_it_does_not_count() -> None:
    changes = [Change(WEEK, State.UP), Change(WEEK + HOUR, State.STOPPED), Change(NOW - HOUR, State.UP)]
    found = uptime(changes, NOW, WEEK, NOW)
    assert (found.share, found.wanted, found.outages) == (1.0, 7200.0, ())


def test_supervisor_that_was_killed_is_down_from_its_last_beat_on() -> None:
    changes = [Change(NOW - 10 * HOUR, State.UP)]
    beat = NOW - HOUR
    assert died(changes, beat) == Change(beat, State.DOWN)
    assert uptime(changes, beat, WEEK, NOW).share == pytest.approx(0.9)
    assert uptime(changes, NOW - 100 * SECOND, WEEK, NOW).share == 1.0
    assert died([*changes, Change(beat, State.STOPPED)], NOW) is None
    assert died([], NOW) is None


def test_nothing_recorded_is_no_uptime() -> None:
    assert uptime([], None, WEEK, NOW).share is None
    assert nights([], [], [], WEEK, NOW).due == ()


def test_nights_due_done_missed_and_off() -> None:
    changes = [Change(WEEK, State.UP), Change(datetime(2026, 11, 19, 20, tzinfo=UTC), State.STOPPED)]
    changes.append(Change(datetime(2026, 11, 20, 9, tzinfo=UTC), State.UP))
    off = Sample(datetime(2026, 11, 20, 23, 20, tzinfo=UTC), HealthStatus.HEALTHY, nights_off="off by anna")
    looks = [off, Sample(off.time + HOUR, HealthStatus.HEALTHY)]
    done = [date(2026, 11, day) for day in (14, 15, 16, 18)]
    found = nights(done, looks, changes, WEEK, NOW)
    assert [night.day for night in found.done] == [15, 16, 18]
    assert [night.day for night in found.off] == [19, 20]
    assert [night.day for night in found.missed] == [17, 21]


def test_night_under_way_is_not_yet_missing() -> None:
    changes = [Change(WEEK, State.UP)]
    at = datetime(2026, 11, 22, 1, 29, tzinfo=UTC)
    assert date(2026, 11, 21) not in nights([], [], changes, WEEK, at).due
    assert date(2026, 11, 21) in nights([], [], changes, WEEK, at + timedelta(minutes=1)).due
    assert date(2026, 11, 21) in nights([date(2026, 11, 21)], [], changes, WEEK, at).done


def test_change_survives_its_line_and_no_line_is_an_error() -> None:
    change = Change(NOW, State.STOPPED)
    assert change_from_json(change.to_json()) == change
    for line in ("", "{", "[]", '{"time": 1}', change.to_json()[:-5], change.to_json().replace("+00:00", "")):
        assert change_from_json(line) is None


@given(
    st.lists(st.tuples(st.integers(1, 100_000), st.sampled_from(State)), max_size=30), st.integers(0, 200_000)
)
def test_uptime_is_never_more_than_the_time_there_was(steps: list[tuple[int, State]], ago: int) -> None:
    changes, time = [], WEEK - timedelta(days=2)
    for seconds, state in steps:
        time += seconds * SECOND
        changes.append(Change(time, state))
    found = uptime(changes, NOW - ago * SECOND, WEEK, NOW)
    assert 0.0 <= found.up <= found.wanted <= 7 * 86_400.0
    assert sum(found.outages) == pytest.approx(found.wanted - found.up)
