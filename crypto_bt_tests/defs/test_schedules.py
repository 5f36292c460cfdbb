"""The schedules: UTC, described, on by default, quiet on an empty home, and what they ask for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from crypto_bt.core.datasets import CANDLE_DATASETS
from crypto_bt.defs import schedules
from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.checks import ON_EVERY_TIMEFRAME
from crypto_bt.defs.execute import open_instance
from crypto_bt.defs.market_assets import MARKET_ASSETS
from crypto_bt.defs.partitions import RANGE_END, RANGE_START
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.settings import load_settings, render_example
from crypto_bt_tests.frames import candle_frame

NOW = datetime(2026, 3, 4, 2, 5, tzinfo=UTC)
EXPECTED = {
    "data_update": "30 0 * * *",
    "intraday_update": "5 */2 * * *",
    "data_validation": "0 1 * * *",
    "nightly_backtest": "30 23 * * *",
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk on an empty home."""
    Home(tmp_path).prepare(render_example(), {})
    return Desk.open(load_settings(tmp_path))


def store_one_candle(desk: Desk, opened: datetime, dataset: str = "candles_1h") -> None:
    """Make the home loaded."""
    desk.store.publish({dataset: candle_frame([opened])}, source="test", published_by="test", now=NOW)


def tick(name: str, desk: Desk, now: datetime = NOW) -> dg.RunRequest | dg.SkipReason:
    """What schedule ``name`` asks for at ``now``."""
    [schedule] = [s for s in schedules.build_schedules(running=True) if s.name == name]
    with open_instance(desk.home) as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=now, resources={"desk": desk}
        )
        asked = schedule(context)
    assert isinstance(asked, dg.RunRequest | dg.SkipReason)
    return asked


def test_schedules_are_the_promised_ones_in_utc_described_and_on() -> None:
    built = schedules.build_schedules(running=True)
    assert {s.name: s.cron_schedule for s in built} == EXPECTED
    assert {s.execution_timezone for s in built} == {"UTC"}
    assert all(s.description for s in built)
    assert {s.default_status for s in built} == {dg.DefaultScheduleStatus.RUNNING}


def test_schedules_of_a_recorded_home_load_switched_off_and_say_why() -> None:
    built = schedules.build_schedules(running=False)
    assert {s.default_status for s in built} == {dg.DefaultScheduleStatus.STOPPED}
    assert all("clock stands still" in str(s.description) for s in built)


def test_definitions_of_an_empty_home_are_loadable_and_whole(desk: Desk) -> None:
    definitions = build_definitions(desk)
    dg.Definitions.validate_loadable(definitions)
    repository = definitions.get_repository_def()
    assets = {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}
    assert assets == {*MARKET_ASSETS, "nightly_backtest", "scorecard"}
    checks = {(key.asset_key.to_user_string(), key.name) for key in repository.asset_graph.asset_check_keys}
    promised = {"data_age", "coverage", "continuity", "ohlc_sanity", "quarantine", "revisions"}
    assert promised <= set(ON_EVERY_TIMEFRAME)
    expected = {(name, check) for name in CANDLE_DATASETS for check in ON_EVERY_TIMEFRAME}
    assert checks == expected | {("candles_4h", "timeframe_consistency")}
    assert {job.name for job in repository.get_all_jobs()} >= set(EXPECTED)
    for key in repository.asset_graph.get_all_asset_keys():
        node = repository.asset_graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.group_name in ("candles", "market", "backtest"), key
        assert node.freshness_policy is not None, key


@pytest.mark.parametrize("name", EXPECTED)
def test_schedule_on_an_empty_home_skips_with_the_backfill_command(name: str, desk: Desk) -> None:
    asked = tick(name, desk)
    assert isinstance(asked, dg.SkipReason)
    assert f"crypto-bt data backfill --home {desk.home.root} --start 2025-03-04" in str(asked.skip_message)


def test_data_update_asks_for_yesterday(desk: Desk) -> None:
    store_one_candle(desk, NOW - timedelta(days=2), "candles_1d")
    asked = tick("data_update", desk)
    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == "2026-03-03"


def test_data_update_after_days_off_asks_for_every_day_since(desk: Desk) -> None:
    store_one_candle(desk, NOW.replace(hour=0, minute=0) - timedelta(days=5), "candles_1d")
    asked = tick("data_update", desk)
    assert isinstance(asked, dg.RunRequest)
    assert (asked.tags[RANGE_START], asked.tags[RANGE_END]) == ("2026-02-28", "2026-03-03")


def test_intraday_update_same_day_asks_for_today(desk: Desk) -> None:
    store_one_candle(desk, NOW.replace(hour=0, minute=0))
    asked = tick("intraday_update", desk)
    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == "2026-03-04"


def test_intraday_update_after_a_pause_asks_for_every_day_since(desk: Desk) -> None:
    store_one_candle(desk, NOW - timedelta(days=3))
    asked = tick("intraday_update", desk)
    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key is None
    assert (asked.tags[RANGE_START], asked.tags[RANGE_END]) == ("2026-03-01", "2026-03-04")


def test_nightly_backtest_asks_for_the_night_of_its_day(desk: Desk) -> None:
    store_one_candle(desk, NOW)
    asked = tick("nightly_backtest", desk, NOW.replace(hour=23, minute=30))
    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == "2026-03-04"
