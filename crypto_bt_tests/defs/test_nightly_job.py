"""The nightly job: its checks judge the snapshot that is backtested, and block it when it is not well."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from crypto_bt.core.market import STANDARD_TIMEFRAMES
from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.checks import candle_checks
from crypto_bt.defs.dead_runs import PROCESS_TAG, fail_dead_runs
from crypto_bt.defs.execute import open_instance, run_job
from crypto_bt.defs.night_checks import NIGHT_CHECKS
from crypto_bt.defs.resources import SNAPSHOT_TAG
from crypto_bt.runtime.processes import process_mark
from crypto_bt_tests.defs.desk_home import DeskHome, desk_home

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
NIGHT = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with thirty-two days of three symbols, up to the last candle closed before the night."""
    root = tmp_path_factory.mktemp("loaded") / "home"
    with desk_home(root, SYMBOLS, NIGHT) as made:
        assert made.update(days=32).success
    return root


@pytest.fixture
def home(loaded: Path, tmp_path: Path) -> Iterator[DeskHome]:
    """A copy of the loaded home, for one test to spoil."""
    shutil.copytree(loaded, tmp_path / "home")
    with desk_home(tmp_path / "home", SYMBOLS, NIGHT) as made:
        yield made


def test_night_reads_the_snapshot_that_its_checks_judged(home: DeskHome) -> None:
    outcome = home.night("2026-03-10")
    assert outcome.success, outcome.why
    assert len(outcome.checks) == len(candle_checks(STANDARD_TIMEFRAMES)) + len(NIGHT_CHECKS)
    failed = [(check.asset, check.name) for check in outcome.checks if not check.passed]
    assert failed == []
    result = home.desk.results.night(NIGHT.date())
    assert result is not None
    assert result.stamp["cutoff"].startswith("2026-03-10T23:30")
    with dg.DagsterInstance.from_config(str(home.desk.home.dagster)) as instance:
        run = instance.get_run_by_id(outcome.run_id)
        newest = instance.get_latest_materialization_event(dg.AssetKey("candles_1h"))
        key = dg.AssetCheckKey(dg.AssetKey("candles_1h"), "coverage")
        [check] = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    # Else the web UI would show the check as not evaluated.
    assert check.evaluation.target_materialization_data.run_id == newest.run_id
    assert check.evaluation.target_materialization_data.timestamp == newest.timestamp
    assert run is not None
    assert run.tags[SNAPSHOT_TAG] == result.stamp["snapshot"]["id"]
    latest = home.desk.results.root / "backtest_results.json"
    assert json.loads(latest.read_text())["stale"] is None


def test_night_knows_nothing_that_closed_after_its_cutoff(home: DeskHome) -> None:
    home.night("2026-03-10")
    before = home.desk.results.night(NIGHT.date())
    home.clock.now = NIGHT + timedelta(hours=9)
    home.update(days=2)
    home.night("2026-03-10")
    after = home.desk.results.night(NIGHT.date())
    assert before is not None
    assert after is not None
    assert before.stamp["snapshot"]["id"] != after.stamp["snapshot"]["id"]
    assert before.digest == after.digest


def test_night_on_data_that_turned_stale_is_blocked_and_says_why(home: DeskHome) -> None:
    assert home.night("2026-03-10").success
    latest = home.desk.results.root / "backtest_results.json"
    signals = (home.desk.results.root / "signals_validated.parquet").read_bytes()

    home.clock.now = datetime(2026, 3, 11, 0, 30, tzinfo=UTC)
    assert home.update().success
    home.clock.now = datetime(2026, 3, 11, 1, 0, tzinfo=UTC)
    validation = run_job("data_validation", home.desk, tags=home.all_symbols())
    assert validation.success
    failed = [(check.asset, check.name) for check in validation.checks if not check.passed]
    assert failed == []

    home.clock.now = datetime(2026, 3, 11, 23, 30, tzinfo=UTC)
    blocked = home.night("2026-03-11")
    assert not blocked.success
    assert "candles_1h data_age: The newest 1h candle closed 2026-03-11 00:00 UTC" in blocked.why
    assert "23 h 30 min ago, limit 6 h" in blocked.why
    mend = f"crypto-bt data repair --home {home.desk.home.root} --timeframes 1h --start 2026-03-11"
    assert mend in blocked.why
    assert home.desk.results.night(home.clock.now.date()) is None
    assert "nightly_backtest" not in blocked.metadata

    marked = json.loads(latest.read_text())
    assert marked["night"] == "2026-03-10"
    assert marked["stale"]["age_hours"] == 24.0
    assert "limit 6 h" in marked["stale"]["reason"]
    assert (home.desk.results.root / "signals_validated.parquet").read_bytes() == signals


def test_night_computed_late_is_judged_as_it_would_have_been(home: DeskHome) -> None:
    assert home.night("2026-03-10").success
    in_time = home.desk.results.night(NIGHT.date())
    # Ten days later everything is stale, and one symbol has since been delisted.
    home.clock.now = NIGHT + timedelta(days=10)
    gone = (
        home.desk.store.read("universe")
        .unique("symbol", keep="last", maintain_order=True)
        .with_columns(
            day=pl.lit(home.clock.now.replace(hour=0, minute=0)).cast(pl.Datetime("ms", "UTC")),
            tradable=pl.col("symbol") != "SOLUSDT",
        )
    )
    source = home.desk.store.current()
    assert source is not None
    home.desk.store.publish({"universe": gone}, source=source.source, published_by="test", now=home.clock.now)
    late = home.night("2026-03-10")
    assert late.success, late.why
    again = home.desk.results.night(NIGHT.date())
    assert in_time is not None
    assert again is not None
    assert again.digest == in_time.digest
    assert not home.night("2026-03-20").success


def test_failed_old_night_says_nothing_about_the_latest_result(home: DeskHome) -> None:
    assert home.night("2026-03-10").success
    assert not home.night("2020-01-05").success
    latest = json.loads((home.desk.results.root / "backtest_results.json").read_text())
    assert (latest["night"], latest["stale"]) == ("2026-03-10", None)


def test_run_executed_again_resolves_its_own_snapshot(home: DeskHome) -> None:
    first = home.night("2026-03-10")
    with dg.DagsterInstance.from_config(str(home.desk.home.dagster)) as instance:
        parent = instance.get_run_by_id(first.run_id)
    assert parent is not None
    home.clock.now = NIGHT + timedelta(hours=9)
    assert home.update(days=2).success
    inherited = {key: value for key, value in parent.tags.items() if key.startswith("crypto_bt/")}
    run_job("nightly_backtest", home.desk, partition="2026-03-10", tags=inherited)
    result = home.desk.results.night(NIGHT.date())
    current = home.desk.store.current()
    assert result is not None
    assert current is not None
    assert result.stamp["snapshot"]["id"] == current.id != parent.tags[SNAPSHOT_TAG]


def test_night_of_a_strategy_that_does_not_exist_is_refused_and_replaces_nothing(tmp_path: Path) -> None:
    with desk_home(tmp_path, SYMBOLS, NIGHT, STRATEGIES="nope") as made:
        assert made.update(days=4).success
        outcome = made.night("2026-03-10")
    assert not outcome.success
    assert "There is no strategy 'nope'" in outcome.why
    assert made.desk.results.nights() == []


def test_update_of_an_unknown_symbol_fails_and_publishes_nothing(home: DeskHome) -> None:
    before = home.desk.store.current()
    outcome = home.update(symbols=["FOOUSDT"])
    assert not outcome.success
    assert "Unknown symbols: FOOUSDT" in outcome.why
    assert home.desk.store.current() == before


def test_run_whose_process_was_killed_is_failed_by_the_next_one(home: DeskHome) -> None:
    dead = {PROCESS_TAG: "999999:1.00"}
    alive = {PROCESS_TAG: process_mark()}
    with dg.DagsterInstance.from_config(str(home.desk.home.dagster)) as instance:
        job = build_definitions(home.desk).resolve_job_def("data_update")
        runs = [
            instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
            for tags in (dead, alive)
        ]
        assert fail_dead_runs(instance) == [runs[0].run_id]
        statuses = [instance.get_run_by_id(run.run_id).status for run in runs]
    assert statuses == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED]


def test_run_that_the_daemon_started_names_its_process(home: DeskHome) -> None:
    with open_instance(home.desk.home) as instance:
        job = build_definitions(home.desk).resolve_job_def("data_validation")
        run_id = job.execute_in_process(
            instance=instance, tags=home.all_symbols(), raise_on_error=False
        ).run_id
        tag = instance.get_run_by_id(run_id).tags[PROCESS_TAG]
        assert tag == f"{process_mark()} {run_id}"
        killed, again = (
            instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
            for tags in ({}, {PROCESS_TAG: f"999999:1.00 {run_id}"})
        )
        instance.add_run_tags(killed.run_id, {PROCESS_TAG: f"999999:1.00 {killed.run_id}"})
        assert fail_dead_runs(instance) == [killed.run_id], "one executed again has not begun yet"
        instance.report_run_failed(again)


def test_night_with_too_few_whole_symbols_is_blocked(tmp_path: Path) -> None:
    with desk_home(tmp_path, SYMBOLS, NIGHT) as made:
        assert made.update(days=3).success
        assert made.update(days=20, symbols=["BTCUSDT", "ETHUSDT"]).success
        blocked = made.night("2026-03-10")
    assert not blocked.success
    assert "candles_1h coverage: 2 of 3 symbols are whole in 1h (66.7%, must be above 95%)" in blocked.why
    assert "SOLUSDT 1h misses" in blocked.why


def test_night_leaves_out_a_symbol_that_the_exchange_does_not_list(tmp_path: Path) -> None:
    with desk_home(tmp_path, SYMBOLS[:2], NIGHT, SYMBOLS=",".join(SYMBOLS)) as made:
        assert made.update(days=12).success
        night = made.night("2026-03-10")
        result = made.desk.results.night(NIGHT.date())
    assert night.success, night.why
    assert result is not None
    assert result.stamp["left_out"] == {"SOLUSDT": "not tradable on the exchange"}


def test_update_reports_a_symbol_that_the_exchange_does_not_list(tmp_path: Path) -> None:
    with desk_home(tmp_path, SYMBOLS[:1], NIGHT, SYMBOLS="BTCUSDT,NOPEUSDT") as made:
        outcome = made.update(days=3, assets=["candles_1d"])
    assert outcome.success
    assert set(outcome.metadata) == {"candles_1d"}
    assert "NOPEUSDT is not listed by the exchange" in outcome.metadata["candles_1d"]["not tradable"]
    assert outcome.metadata["candles_1d"]["symbols"] == 1


def test_update_from_another_market_is_refused_and_changes_nothing(home: DeskHome, tmp_path: Path) -> None:
    before = home.desk.store.current()
    with desk_home(home.desk.home.root, SYMBOLS, NIGHT, seed=8) as other:
        outcome = other.update(days=3)
    assert not outcome.success
    assert "holds data of 'simulated:seed=7'" in outcome.why
    assert home.desk.store.current() == before


def test_update_again_publishes_no_new_snapshot(home: DeskHome) -> None:
    before = home.desk.store.current()
    outcome = home.update(days=3)
    assert outcome.success
    assert outcome.metadata["candles_1h"]["revised"] == 0
    assert home.desk.store.current() == before


def test_night_of_an_empty_home_fails_with_the_backfill_command(tmp_path: Path) -> None:
    with desk_home(tmp_path, SYMBOLS, NIGHT) as made:
        outcome = made.night("2026-03-10")
    assert not outcome.success
    assert "Not loaded yet" in outcome.why
    assert f"crypto-bt data backfill --home {tmp_path} --start 2025-03-10" in outcome.why
    assert all(check.passed for check in outcome.checks)
