"""The schedules: UTC, described, on by default, quiet on an empty home, and what they ask for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from crypto_bt.core.market import STANDARD_TIMEFRAMES
from crypto_bt.defs import schedules
from crypto_bt.defs.asset_specs import DESCRIPTIONS
from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.checks import ON_EVERY_TIMEFRAME
from crypto_bt.defs.execute import open_instance
from crypto_bt.defs.night_checks import NIGHT_CHECKS
from crypto_bt.defs.partitions import RANGE_END, RANGE_START
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.settings import load_settings, render_example
from crypto_bt_tests.frames import candle_frame

NOW = datetime(2026, 3, 4, 2, 5, tzinfo=UTC)
GROUPS = ("candles", "market", "sentiment", "macro", "features", "backtest", "operations")
EXPECTED = {
    "data_update": "30 0 * * *",
    "sentiment_macro_update": "0 2 * * *",
    "intraday_update": "5 */2 * * *",
    "data_validation": "0 1 * * *",
    "alert_digest": "0 4 * * *",
    "nightly_backtest": "30 23 * * *",
    "backup_and_compact": "0 3 * * 0",
    "restore_drill": "0 5 * * 0",
    "prune_history": "0 6 * * 0",
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk on an empty home."""
    Home(tmp_path).prepare(render_example(), {})
    return Desk.open(load_settings(tmp_path))


def store_one_candle(desk: Desk, opened: datetime, dataset: str = "candles_1h") -> None:
    """Make the home loaded."""
    desk.store.publish({dataset: candle_frame([opened])}, source="test", published_by="test", now=NOW)


def tick(
    name: str, desk: Desk, now: datetime = NOW, late: timedelta = timedelta(minutes=9)
) -> dg.RunRequest | dg.SkipReason:
    """What schedule ``name`` asks for when its tick of ``now`` comes so ``late``."""
    [schedule] = [s for s in schedules.build_schedules(running=True) if s.name == name]
    with open_instance(desk.home) as instance:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=now,
            resources={"desk": replace(desk, clock=lambda: now + late)},
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
    with open_instance(desk.home):
        dg.Definitions.validate_loadable(definitions)
        repository = definitions.get_repository_def()
    assets = {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}
    assert assets == {
        *DESCRIPTIONS,
        "nightly_backtest",
        "scorecard",
        "data_quality",
        "backup",
        "compaction",
        "restore_drill",
        "health",
        "prune_history",
    } - {"candles_15m"}
    checks = {(key.asset_key.to_user_string(), key.name) for key in repository.asset_graph.asset_check_keys}
    promised = {"data_age", "coverage", "continuity", "ohlc_sanity", "quarantine", "revisions"}
    assert promised <= set(ON_EVERY_TIMEFRAME)
    expected = {(f"candles_{t}", check) for t in STANDARD_TIMEFRAMES for check in ON_EVERY_TIMEFRAME}
    expected |= {("candles_4h", "timeframe_consistency"), ("candles_1d", "timeframe_consistency")}
    assert expected <= checks
    unchecked = assets - {asset for asset, _ in checks}
    # The sensor health tells of itself what is not well.
    assert unchecked == {"scorecard", "data_quality", "health"}
    assert {("nightly_backtest", name) for name in NIGHT_CHECKS} <= checks
    assert {job.name for job in repository.get_all_jobs()} >= set(EXPECTED)
    for key in repository.asset_graph.get_all_asset_keys():
        node = repository.asset_graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.group_name in GROUPS, key
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


def test_sentiment_macro_update_at_first_asks_as_far_back_as_the_exchange_keeps(desk: Desk) -> None:
    store_one_candle(desk, NOW)
    asked = tick("sentiment_macro_update", desk)
    assert isinstance(asked, dg.RunRequest)
    assert (asked.tags[RANGE_START], asked.tags[RANGE_END]) == ("2026-02-03", "2026-03-03")


def test_data_validation_asks_for_every_symbol(desk: Desk) -> None:
    store_one_candle(desk, NOW)
    asked = tick("data_validation", desk)
    assert isinstance(asked, dg.RunRequest)
    assert (asked.tags[RANGE_START], asked.tags[RANGE_END]) == ("BTCUSDT", "XMRUSDT")


def test_home_that_keeps_15m_has_their_asset_and_checks(tmp_path: Path) -> None:
    Home(tmp_path).prepare(render_example(), {"TIMEFRAMES": "15m,1h,4h,1d"})
    desk = Desk.open(load_settings(tmp_path))
    with open_instance(desk.home):
        repository = build_definitions(desk).get_repository_def()
    graph = repository.asset_graph
    assert graph.has(dg.AssetKey("candles_15m"))
    checks = {(key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys}
    assert {("candles_15m", name) for name in ON_EVERY_TIMEFRAME} <= checks
    assert ("candles_1h", "timeframe_consistency") in checks


def test_nightly_backtest_asks_for_the_night_of_its_day(desk: Desk) -> None:
    store_one_candle(desk, NOW)
    asked = tick("nightly_backtest", desk, NOW.replace(hour=23, minute=30))
    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == "2026-03-04"


@pytest.mark.parametrize("late", [timedelta(minutes=10), timedelta(hours=6, minutes=40)])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nightly_backtest", "The sensor night_catch_up computes it, within BACKTEST_CATCHUP_WINDOW."),
        (
            "data_validation",
            "What was missed meanwhile is fetched first, and the night checks everything again.",
        ),
    ],
)
def test_tick_that_comes_late_begins_no_check_and_no_night(
    desk: Desk, name: str, why: str, late: timedelta
) -> None:
    store_one_candle(desk, NOW)
    asked = tick(name, desk, NOW, late)
    assert isinstance(asked, dg.SkipReason)
    assert asked.skip_message == f"Nothing began it at 2026-03-04 02:05 UTC. {why}"


def test_update_whose_tick_comes_late_is_asked_for(desk: Desk) -> None:
    store_one_candle(desk, NOW - timedelta(days=1))
    assert isinstance(tick("data_update", desk, NOW, timedelta(hours=6)), dg.RunRequest)


def test_start_hour_moves_the_schedule_and_what_it_says(tmp_path: Path) -> None:
    Home(tmp_path).prepare(render_example(), {"BACKTEST_START_HOUR": "2"})
    built = build_definitions(Desk.open(load_settings(tmp_path)))
    [night] = [each for each in built.schedules or () if each.name == "nightly_backtest"]
    assert isinstance(night, dg.ScheduleDefinition)
    assert night.cron_schedule == "30 2 * * *"
    assert str(night.description).startswith("02:30 UTC")
