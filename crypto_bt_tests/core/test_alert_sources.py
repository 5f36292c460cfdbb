"""From checks, runs and freshness to alerts: each event once, in whatever order it is seen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core import check_alerts, freshness_alerts, run_alerts
from crypto_bt.core.alert_causes import CAUSES, PAGE
from crypto_bt.core.alerts import AlertSeverity
from crypto_bt.core.check_alerts import CheckOutcome
from crypto_bt.core.freshness_alerts import FreshnessChange
from crypto_bt.core.run_alerts import RunEnd
from crypto_bt_tests.core.pages import page_of

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LATER = NOW + 60 * MINUTE
FAILED = CheckOutcome(
    number=1,
    asset="candles_1h",
    name="data_age",
    passed=False,
    error=True,
    blocking=True,
    what="The newest 1h candle closed 7 h ago, limit 6 h.",
    command="crypto-bt data repair --timeframes 1h",
    worst=("BTCUSDT", "1h", "2026-03-02", "7 h ago", "3 h, 6 h"),
    at=NOW,
    run="0123abcd",
)
PASSED = replace(FAILED, number=2, passed=True, at=NOW + MINUTE, what="Fresh.", worst=())
PLACE = "data_update of 2026-03-01"
RUN = RunEnd("r1", "data_update", False, NOW, "The exchange is down.", "2026-03-01", 1, retried=True)


def at(end: RunEnd, minutes: int, **changes: object) -> RunEnd:
    return replace(end, at=NOW + minutes * MINUTE, run=f"r{minutes}", **changes)  # type: ignore[arg-type]


def test_check_new_failure_is_an_alert_with_everything() -> None:
    [(alert, event)] = check_alerts.decide([FAILED], set())
    assert (alert.cause, alert.severity, alert.where) == ("data_age", AlertSeverity.CRITICAL, "candles_1h")
    assert (alert.value, alert.limit, alert.run) == ("7 h ago", "3 h, 6 h", "0123abcd")
    assert alert.what.endswith("Worst: BTCUSDT 1h 2026-03-02.")
    assert "does not run" in alert.doing
    assert "Catch-up" in alert.doing
    assert event == FAILED.event


@pytest.mark.parametrize(
    ("change", "cause", "severity"),
    [
        ({"error": False}, "data_age", "warning"),
        ({"asset": "funding_rates"}, "feed_age", "warning"),
        ({"name": "coverage"}, "coverage", "warning"),
        ({"name": "ohlc_sanity"}, "ohlc_sanity", "critical"),
        ({"name": "a_new_one"}, "check_failed", "warning"),
    ],
)
def test_check_each_has_its_severity(change: dict[str, object], cause: str, severity: str) -> None:
    alert = check_alerts.alert_of(replace(FAILED, **change))  # type: ignore[arg-type]
    assert (alert.cause, str(alert.severity)) == (cause, severity)


def test_check_worse_and_better_are_one_trouble() -> None:
    assert check_alerts.alert_of(FAILED).id == check_alerts.alert_of(PASSED).id
    assert check_alerts.alert_of(replace(FAILED, error=False)).id == check_alerts.alert_of(FAILED).id
    strange = [check_alerts.alert_of(replace(FAILED, name=name)).id for name in ("one", "two")]
    assert len(set(strange)) == 2


def test_check_seen_for_the_first_time_counts_by_its_latest_state_alone() -> None:
    [(alert, _)] = check_alerts.decide([PASSED, FAILED], set())
    assert alert.resolved


def test_check_planned_earlier_and_evaluated_later_is_not_missed() -> None:
    """Numbers are given when an evaluation is planned: a high-water mark would pass it over."""
    late = replace(FAILED, number=1, at=NOW + 5 * MINUTE)
    known = {PASSED.event}
    assert [event for _, event in check_alerts.decide([PASSED, late], known)] == [late.event]


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), unique_by=lambda pair: pair[0], max_size=20))
def test_check_told_in_pieces_is_told_the_same_as_at_once(pairs: list[tuple[int, bool]]) -> None:
    first = replace(PASSED, number=0, at=NOW - MINUTE)
    outcomes = [replace(FAILED, number=n, passed=ok, at=NOW + n * MINUTE) for n, ok in pairs]
    known = {first.event}
    at_once = [event for _, event in check_alerts.decide([first, *outcomes], known)]
    pieces: list[str] = []
    for place in range(len(outcomes) + 1):
        new = [event for _, event in check_alerts.decide([first, *outcomes[:place]], known | set(pieces))]
        pieces += new
    assert sorted(pieces) == sorted(at_once)
    assert len(set(pieces)) == len(outcomes)


def test_run_first_failure_retries_quiet_final_failure_follows() -> None:
    ends = [RUN, at(RUN, 5, attempt=2), at(RUN, 9, attempt=3, retried=False)]
    told = [alert for alert, _ in run_alerts.decide(ends, set(), {}, LATER)]
    assert [alert.news for alert in told] == [False, False, True]
    assert len({alert.id for alert in told}) == 1
    assert "It is tried again." in told[0].doing
    assert "failed for good after 3 attempts" in told[2].what


def test_run_recovery_follows() -> None:
    told = run_alerts.decide([RUN, at(RUN, 5, attempt=2, success=True, retried=False)], set(), {}, LATER)
    assert [alert.resolved for alert, _ in told] == [False, True]


def test_run_success_without_a_failure_before_says_nothing() -> None:
    success = replace(RUN, success=True)
    assert run_alerts.decide([success], set(), {}, LATER) == []
    assert run_alerts.decide([success], set(), {"intraday_update of 2026-03-01": NOW - MINUTE}, LATER) == []


def test_run_success_before_the_failure_seen_again_ends_nothing() -> None:
    assert run_alerts.decide([replace(RUN, success=True)], set(), {PLACE: NOW + MINUTE}, LATER) == []


def test_run_failure_dated_by_a_clock_that_was_ahead_ends_with_the_next_success() -> None:
    standing = {PLACE: LATER + timedelta(days=365)}
    [(alert, _)] = run_alerts.decide([replace(RUN, success=True)], set(), standing, LATER)
    assert alert.resolved


def test_run_that_a_check_stopped_is_left_to_the_check() -> None:
    assert run_alerts.decide([replace(RUN, told_elsewhere=True)], set(), {}, LATER) == []


def test_run_known_is_not_told_again() -> None:
    assert run_alerts.decide([RUN], {RUN.event}, {}, LATER) == []


def test_run_by_hand_has_a_name_a_person_knows() -> None:
    by_hand = replace(RUN, job="__ASSET_JOB", assets=("candles_1h", "backup"))
    [(alert, _)] = run_alerts.decide([by_hand], set(), {}, LATER)
    assert alert.where == "assets run by hand (backup, candles_1h) of 2026-03-01"
    assert len(run_alerts.decide([replace(by_hand, assets=("x" * 999,))], set(), {}, LATER)[0][0].where) < 400


@pytest.mark.parametrize(
    ("failed", "succeeded", "over"),
    [
        ({}, {"partition": "2026-03-21"}, False),
        ({}, {"partition": "2026-02-27 to 2026-03-01"}, True),
        ({"partition": "2026-02-27 to 2026-03-01"}, {}, False),
        ({"partition": "2026-02-27 to 2026-03-01"}, {"partition": "2026-02-27 to 2026-03-04"}, True),
        ({"job": "nightly_backtest"}, {"job": "nightly_backtest", "partition": "2026-03-02"}, True),
        ({"job": "nightly_backtest"}, {"job": "nightly_backtest", "partition": "2026-02-28"}, False),
        ({}, {"job": "intraday_update"}, False),
        ({"job": "data_validation", "partition": "ETHUSDT"}, {"partition": "BTCUSDT"}, False),
        ({"partition": "BTCUSDT to XRPUSDT"}, {"partition": "BTCUSDT to ADAUSDT"}, True),
        ({"job": "__ASSET_JOB", "assets": ("a",)}, {"job": "__ASSET_JOB", "assets": ("b",)}, False),
        ({"job": "__ASSET_JOB", "assets": ("a",)}, {"job": "__ASSET_JOB", "assets": ("a",)}, True),
    ],
)
def test_run_failure_is_over_when_the_same_days_have_succeeded(
    failed: dict[str, object], succeeded: dict[str, object], over: bool
) -> None:
    ends = [replace(RUN, **failed), at(RUN, 5, success=True, **succeeded)]  # type: ignore[arg-type]
    told = run_alerts.decide(ends, set(), {}, LATER)
    assert [alert.resolved for alert, _ in told] == [False, *([True] if over else [])]
    assert len({alert.id for alert, _ in told}) == 1


def test_run_that_covers_several_failures_ends_each_of_them() -> None:
    days = [at(RUN, n, partition=f"2026-03-0{n}") for n in (1, 2, 3)]
    told = run_alerts.decide(
        [*days, at(RUN, 9, success=True, partition="2026-03-01 to 2026-03-02")], set(), {}, LATER
    )
    assert [alert.where[-2:] for alert, _ in told if alert.resolved] == ["01", "02"]
    assert len({event for _, event in told}) == 5


def test_freshness_warn_and_fail_raise_pass_resolves_unknown_says_nothing() -> None:
    changes = [FreshnessChange(n, "x", s, NOW) for n, s in enumerate(("warn", "fail", "pass", "unknown"))]
    told = freshness_alerts.decide(changes)
    assert [(alert.resolved, str(alert.severity), event) for alert, event in told] == [
        (False, "info", "freshness:0"),
        (False, "info", "freshness:1"),
        (True, "info", "freshness:2"),
    ]


def test_freshness_of_what_somebody_stopped_is_no_news_until_it_is_fresh_again() -> None:
    changes = [FreshnessChange(n, "scorecard", s, NOW) for n, s in enumerate(("warn", "fail", "pass"))]
    other = FreshnessChange(3, "candles_1h", "fail", NOW)
    told = freshness_alerts.decide([*changes, other], off=("scorecard",))
    assert [event for _, event in told] == ["freshness:2", "freshness:3"]


def test_checks_of_the_home_have_the_causes_of_what_they_look_at() -> None:
    found = {
        name: check_alerts.alert_of(replace(FAILED, asset="backup", name=name, error=True))
        for name in ("intact", "verified", "offsite", "disk_room", "restorable")
    }
    assert {name: alert.cause for name, alert in found.items()} == {
        "intact": "store_damaged",
        "verified": "backup",
        "offsite": "backup",
        "disk_room": "disk",
        "restorable": "restore_drill",
    }
    assert found["intact"].where == check_alerts.STORES
    assert found["verified"].id != found["offsite"].id


def test_causes_the_page_has_each_with_its_severity_and_nothing_else() -> None:
    assert page_of(PAGE) == {
        name: (str(cause.severity).upper(), cause.about) for name, cause in CAUSES.items()
    }
