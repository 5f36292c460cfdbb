"""The breaker opens at the third crash of a day, and not before."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.alerts import AlertSeverity
from crypto_bt.core.crashes import CRASHES, WITHIN, Crash, crash_from_json, opens

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)


def crashed(*hours_ago: float) -> list[Crash]:
    return [Crash(NOW - timedelta(hours=hours), "2026-11-21", "killed by signal 9") for hours in hours_ago]


def test_third_crash_within_a_day_opens_it_with_one_critical_alert() -> None:
    assert opens(crashed(20, 1), None, NOW) is None
    alert = opens(crashed(20, 1, 0), None, NOW)
    assert alert is not None
    assert alert.severity is AlertSeverity.CRITICAL
    assert "crypto-bt resume" in alert.command
    assert alert.since == NOW - timedelta(hours=20)


def test_crashes_of_the_day_before_and_those_resumed_from_no_longer_count() -> None:
    assert opens(crashed(25, 20, 1), None, NOW) is None
    assert opens(crashed(20, 10, 1), NOW - timedelta(hours=5), NOW) is None


@given(
    st.lists(st.floats(-1.0, 60.0), max_size=12),
    st.one_of(st.none(), st.floats(0.0, 60.0)),
)
def test_it_is_open_exactly_when_three_count(hours: list[float], resumed: float | None) -> None:
    since = None if resumed is None else NOW - timedelta(hours=resumed)
    counted = [
        crash for crash in crashed(*hours)
        if NOW - WITHIN < crash.time <= NOW and (since is None or crash.time > since)
    ]  # fmt: skip
    assert (opens(crashed(*hours), since, NOW) is not None) == (len(counted) >= CRASHES)


@given(st.text(max_size=200))
def test_a_line_that_is_no_crash_is_none_and_never_an_error(text: str) -> None:
    assert crash_from_json(text) is None


@given(st.text(max_size=100), st.text(max_size=100))
def test_a_crash_reads_back_from_its_line(night: str, what: str) -> None:
    crash = Crash(NOW, night, what)
    assert "\n" not in crash.to_json()
    assert crash_from_json(crash.to_json()) == crash
