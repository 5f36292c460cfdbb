"""The desk's own settings really act: when nights begin, how far back they look, how old data may be."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg

from crypto_bt.core.market import Timeframe
from crypto_bt.core.verdict import Severity
from crypto_bt.defs.checks import ON_EVERY_TIMEFRAME
from crypto_bt.defs.execute import open_instance
from crypto_bt.defs.judgement import judge_dataset
from crypto_bt.defs.night_plan import plan_night
from crypto_bt.defs.night_sensor import build_night_catch_up_sensor
from crypto_bt_tests.defs.desk_home import desk_home
from crypto_bt_tests.defs.test_nightly_job import SYMBOLS, loaded

loaded_home = loaded
NOW = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
NIGHT = date(2026, 3, 10)
H1, H4 = Timeframe.H1, Timeframe.H4


def test_start_hour_is_the_cutoff_of_the_night_and_opens_its_window(loaded: Path, tmp_path: Path) -> None:
    shutil.copytree(loaded, tmp_path / "home")
    with desk_home(tmp_path / "home", SYMBOLS, NOW, BACKTEST_START_HOUR="20") as home:
        current = home.desk.store.current()
        assert current is not None
        spec = plan_night(home.desk, current.id, NIGHT, NOW)
        assert spec.cutoff == datetime(2026, 3, 10, 20, 30, tzinfo=UTC)
        assert spec.history_start is None
        said = {}
        for minutes in (5, 15, 6 * 60):
            home.clock.now = spec.cutoff + timedelta(minutes=minutes)
            with open_instance(home.desk.home) as instance:
                context = dg.build_sensor_context(instance=instance, resources={"desk": home.desk})
                said[minutes] = build_night_catch_up_sensor(running=True)(context)
    assert "is at 20:40 UTC" in said[5].skip_message
    assert isinstance(said[15], dg.RunRequest)
    assert said[15].partition_key == "2026-03-10"
    assert "it is not 20:30 to 02:00 UTC" in said[6 * 60].skip_message


def test_period_and_lookback_bound_what_the_night_reads(loaded: Path, tmp_path: Path) -> None:
    shutil.copytree(loaded, tmp_path / "home")
    bounds = {"BACKTEST_PERIOD_DAYS": "10", "BACKTEST_LOOKBACK_CANDLES": "12"}
    with desk_home(tmp_path / "home", SYMBOLS, NOW, **bounds) as home:
        current = home.desk.store.current()
        assert current is not None
        spec = plan_night(home.desk, current.id, NIGHT, NOW)
    assert spec.history_start == datetime(2026, 2, 26, tzinfo=UTC)


def test_staleness_thresholds_decide_the_checks_and_who_is_whole(loaded: Path, tmp_path: Path) -> None:
    shutil.copytree(loaded, tmp_path / "home")
    limits = {"STALENESS_ALERT_THRESHOLD_H1_HOURS": "48", "STALENESS_ALERT_THRESHOLD_H4_HOURS": "8"}
    later = NOW + timedelta(hours=9)
    with desk_home(tmp_path / "home", SYMBOLS, NOW, **limits) as home:
        current = home.desk.store.current()
        assert current is not None
        check, _, _ = ON_EVERY_TIMEFRAME["data_age"]
        hourly, four_hourly = (check(each, home.desk, current.id, later) for each in (H1, H4))
        whole = {each: judge_dataset(home.desk, each, current.id, later).coverage.whole for each in (H1, H4)}
    assert hourly.passed
    assert (four_hourly.passed, four_hourly.severity) == (False, Severity.ERROR)
    assert "limit 8 h" in four_hourly.what
    assert whole == {H1: len(SYMBOLS), H4: 0}
