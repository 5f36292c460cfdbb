"""The watched folder: each new file of live trades is compared once, in a run of its own."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.execute import open_instance
from crypto_bt.defs.live_comparison import build_live_sensor, live_comparison, new_files, strategy_of
from crypto_bt.defs.resources import Desk
from crypto_bt.settings import load_settings
from crypto_bt_tests.commands.test_compare_live import Files
from crypto_bt_tests.commands.test_compare_live import desk as files_of_a_home

desk_files = files_of_a_home
NOW = datetime(2026, 11, 21, 23, 45, tzinfo=UTC).timestamp()


@pytest.fixture
def desk(desk_files: Files) -> Desk:
    """The desk of that home, which watches the folder of the files."""
    root = desk_files.folder / "home"
    watched = desk_files.folder / "watched"
    watched.mkdir()
    env = root / ".env"
    env.write_text(env.read_text() + f"\nLIVE_TRADES_DIR={watched}\n")
    return Desk.open(load_settings(root))


def lay(folder: Path, name: str, text: str, age: timedelta = timedelta(hours=1)) -> Path:
    path = folder / name
    path.write_text(text)
    os.utime(path, (NOW - age.total_seconds(), NOW - age.total_seconds()))
    return path


def test_asset_counts_what_matched_and_offers_the_measured_slippage(desk: Desk, desk_files: Files) -> None:
    for each in desk_files.planned[1:]:
        desk_files.log.trade(each, slippage_bps=3.0)
    path = lay(desk_files.folder / "watched", "fills.csv", desk_files.log.fills_csv())
    with open_instance(desk.home) as instance:
        done = dg.materialize(
            [live_comparison, dg.AssetSpec("nightly_backtest")],
            instance=instance,
            resources={"desk": desk},
            run_config={"ops": {"live_comparison": {"config": {"file": str(path), "strategy": "trend"}}}},
            selection=["live_comparison"],
        )
    [made] = done.asset_materializations_for_node("live_comparison")
    told = {name: value.value for name, value in made.metadata.items()}
    assert (told["matched"], told["missed"], told["extra"]) == (74, 1, 0)
    assert told["difference_bps/entry"] == pytest.approx(1.0, abs=1e-4)
    assert told["offered_setting"] == "SLIPPAGE_BPS=3.00"


def test_sensor_asks_for_each_new_or_changed_file_once(desk: Desk, desk_files: Files) -> None:
    folder = desk_files.folder / "watched"
    lay(folder, "fills.csv", "a")
    lay(folder, "notes.txt", "no trades")
    lay(folder, "growing.csv", "b", timedelta(seconds=10))
    cursor: str | None = None

    def asked() -> list[str]:
        nonlocal cursor
        with open_instance(desk.home) as instance:
            context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"desk": desk})
            result = build_live_sensor(running=True)(context)
        if isinstance(result, dg.SkipReason):
            return []
        cursor = result.cursor
        return [
            Path(request.run_config["ops"]["live_comparison"]["config"]["file"]).name
            for request in result.run_requests or ()
        ]

    assert asked() == ["fills.csv"]
    assert asked() == []
    lay(folder, "fills.csv", "more", timedelta(minutes=30))
    lay(folder, "growing.csv", "b", timedelta(minutes=3))
    assert asked() == ["fills.csv", "growing.csv"]


def test_asset_and_sensor_are_there_only_where_a_folder_is_watched(desk: Desk) -> None:
    without = replace(desk, settings=desk.settings.model_copy(update={"LIVE_TRADES_DIR": None}))
    for one, there in ((desk, True), (without, False)):
        definitions = build_definitions(one)
        assert ("live_trades" in {sensor.name for sensor in definitions.sensors or ()}) is there
        keys = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
        assert ("live_comparison" in keys) is there


def test_a_folder_that_is_not_there_holds_no_files(tmp_path: Path) -> None:
    assert new_files(tmp_path / "nowhere", {}, NOW) == {}


@pytest.mark.parametrize(
    ("name", "strategy"),
    [("ema_cross-2026-11.csv", "ema_cross"), ("fills.csv", None), ("regime_trend.parquet", "regime_trend")],
)
def test_name_of_the_file_says_whose_trades_they_are(name: str, strategy: str | None) -> None:
    assert strategy_of(Path(name)) == strategy
