"""Alerts of checks and freshness: each trouble once, each end once, nothing missed."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from crypto_bt.core.alert_causes import CAUSES
from crypto_bt.core.alerts import AlertSeverity
from crypto_bt.defs.checks import build_checks
from crypto_bt.defs.execute import open_instance
from crypto_bt_tests.defs.alert_watch import AlertWatch, alert_watch

SYMBOLS = ("BTCUSDT", "ETHUSDT")
EVENING = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two days of two symbols."""
    root = tmp_path_factory.mktemp("loaded") / "home"
    with alert_watch(root, SYMBOLS, EVENING) as watch:
        assert watch.home.update(days=2).success
    return root


@pytest.fixture
def watch(loaded: Path, tmp_path: Path) -> Iterator[AlertWatch]:
    """A copy of it, for one test to spoil."""
    shutil.copytree(loaded, tmp_path / "home")
    with alert_watch(tmp_path / "home", SYMBOLS, EVENING) as made:
        yield made


def causes(watch: AlertWatch) -> list[tuple[str, str, bool]]:
    """Cause, place and whether it is over of all that was to be told loudly."""
    words = reversed(watch.home.desk.alerts.history.words(EVENING - 99 * HOUR))
    return [
        (word.alert.cause, word.alert.where, word.alert.resolved)
        for word in words
        if word.alert.severity is not AlertSeverity.INFO
    ]


def test_check_that_fails_is_told_once_at_once_and_its_end_once(watch: AlertWatch) -> None:
    watch.check()
    assert watch.told() == []
    watch.clock.now = EVENING + 7 * HOUR
    watch.check()
    told = watch.told()
    stale = [text for text in told if "CRITICAL data_age" in text]
    assert len(stale) == 1
    for expected in (
        "candles_1h",
        "The newest 1h candle closed 2026-03-10 23:00 UTC",
        "limit 3 h, 6 h",
        "Worst: ",
        "The nightly backtest does not run",
        "crypto-bt data repair --home",
        " · run ",
    ):
        assert expected in stale[0]
    watch.check()
    assert watch.told() == [], "repeats are counted"
    assert watch.home.update(days=2).success
    watch.check()
    ends = [text for text in watch.told() if "RESOLVED data_age" in text]
    assert len(ends) == 1
    assert causes(watch).count(("data_age", "candles_1h", False)) == 1
    assert causes(watch).count(("data_age", "candles_1h", True)) == 1


def test_what_happened_while_the_daemon_was_down_is_told_afterwards(watch: AlertWatch) -> None:
    watch.check()
    watch.told()
    watch.clock.now = EVENING + 7 * HOUR
    watch.check()
    assert watch.home.update(days=2).success
    watch.check()
    watch.told()
    assert [over for cause, where, over in causes(watch) if (cause, where) == ("data_age", "candles_1h")] == [
        False,
        True,
    ]


def test_sensor_that_lost_its_cursor_tells_nothing_again(watch: AlertWatch) -> None:
    watch.clock.now = EVENING + 7 * HOUR
    watch.check()
    assert watch.told() != []
    watch.cursors.clear()
    assert watch.told() == []


def test_freshness_is_for_the_digest_only(watch: AlertWatch) -> None:
    def change(new: FreshnessState, old: FreshnessState) -> None:
        with open_instance(watch.home.desk.home) as instance:
            instance.report_runless_asset_event(
                FreshnessStateChange(
                    key=dg.AssetKey("candles_1h"),
                    new_state=new,
                    previous_state=old,
                    state_change_timestamp=EVENING.timestamp(),
                )
            )

    change(FreshnessState.FAIL, FreshnessState.PASS)
    assert watch.told() == []
    history = watch.home.desk.alerts.history
    assert [t.alert.where for t in history.standing()] == ["candles_1h"]
    change(FreshnessState.PASS, FreshnessState.FAIL)
    assert watch.told() == []
    assert history.standing() == []
    assert history.raised_by_cause(EVENING - HOUR) == {"freshness": 1}


def test_each_check_fails_once_one_alert_and_one_end_each(watch: AlertWatch) -> None:
    keys = [key for check in build_checks(watch.home.desk.settings.TIMEFRAMES) for key in check.check_keys]

    def evaluate(*, passed: bool) -> None:
        with open_instance(watch.home.desk.home) as instance:
            for key in keys:
                evaluation = dg.AssetCheckEvaluation(
                    asset_key=key.asset_key, check_name=key.name, passed=passed, metadata={}
                )
                instance.report_runless_asset_event(evaluation)

    for passed in (True, False, False, True):
        evaluate(passed=passed)
        watch.told()
    told = causes(watch)
    assert len(keys) > 30
    assert len(told) == 2 * len(keys)
    assert len(set(told)) == len(told), "nothing is told twice"
    known = {cause for cause, _, _ in told}
    assert known <= set(CAUSES), "every check has a cause of its own"
    assert "check_failed" not in known
