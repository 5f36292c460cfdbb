"""The main job end to end, as a user runs it: the command line as a process, over a real socket."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crypto_bt.backtest.result_columns import RESULT_TABLES
from crypto_bt.core.datasets import POSITIONING_DATASETS
from crypto_bt.core.market import STANDARD_TIMEFRAMES
from crypto_bt.core.market_columns import MARKET_TABLES
from crypto_bt.defs.checks import candle_checks
from crypto_bt.defs.night_checks import NIGHT_CHECKS
from crypto_bt.store import SnapshotStore
from crypto_bt.store.results import FRAMES, ResultsStore
from crypto_bt.strategies import strategy_classes
from crypto_bt_tests.command_line import run, run_json
from crypto_bt_tests.recorded import RECORDED, needs_recorded


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A small demo on the invented market, made once."""
    home = tmp_path_factory.mktemp("synthetic") / "home"
    result: dict[str, Any] = run_json("demo", "--symbols", "4", "--days", "125", "--home", str(home))
    return result


def test_demo_reports_what_it_did(synthetic: dict[str, Any]) -> None:
    assert synthetic["source"] == "simulated:seed=7"
    assert synthetic["symbols"] == 4
    # 125 whole days and the closed candles of today.
    assert 4 * 125 * 31 <= synthetic["candles"] <= 4 * 126 * 31
    assert synthetic["checks"]["failed"] == 0
    assert synthetic["checks"]["passed"] == len(candle_checks(STANDARD_TIMEFRAMES)) + len(NIGHT_CHECKS)
    rows = {row["strategy"]: row for row in synthetic["backtests"]}
    assert set(rows) == set(strategy_classes())
    assert rows["buy_and_hold"]["symbols"] == 4
    assert rows["ema_cross"]["trades"] > 4
    assert all(-1 <= row["max_drawdown"] <= 0 for row in rows.values())
    report = Path(synthetic["report"]).read_text()
    assert "ema_cross" in report
    assert "imulated" in report


def test_demo_leaves_the_files_for_other_programs(synthetic: dict[str, Any]) -> None:
    results = Path(synthetic["home"]) / "results"
    latest = json.loads((results / "backtest_results.json").read_text())
    assert latest["night"] == synthetic["night"]
    assert latest["stale"] is None
    assert set(latest["strategies"]) >= {"ema_cross"}
    archived = results / "archive" / f"backtest_results_{synthetic['night']}.json"
    assert json.loads(archived.read_text()) == latest
    signals = pl.read_parquet(results / "signals_validated.parquet")
    assert signals["symbol"].n_unique() == 4
    assert signals["target"].is_between(-1.0, 1.0).all()
    assert signals["valid_until"].null_count() == 0


def test_stored_tables_are_what_the_dictionary_says(synthetic: dict[str, Any]) -> None:
    home = Path(synthetic["home"])
    store = SnapshotStore(home / "store")
    night = ResultsStore(home / "results").latest()
    assert night is not None
    frames = {name: night.frame(name) for name in FRAMES}
    frames["signals_validated"] = pl.read_parquet(home / "results" / "signals_validated.parquet")
    broken = [line for name, table in MARKET_TABLES.items() for line in table.broken(store.read(name))]
    broken += [line for name, table in RESULT_TABLES.items() for line in table.broken(frames[name])]
    assert broken == []
    assert sum(frame.height > 0 for frame in frames.values()) == len(frames), "an empty table proves nothing"


def test_home_is_its_owner_s_alone(synthetic: dict[str, Any]) -> None:
    """Dagster writes its own folder with the caller's umask, inside a home that nobody else can enter."""
    home = Path(synthetic["home"])
    assert home.stat().st_mode & 0o077 == 0
    ours = [path for path in home.rglob("*") if "dagster" not in path.relative_to(home).parts]
    assert len(ours) > 30
    assert [path for path in ours if path.stat().st_mode & 0o077] == []


def test_backtest_again_gives_the_same_bytes(synthetic: dict[str, Any]) -> None:
    home = synthetic["home"]
    again = run_json("backtest", "--home", home, "--night", synthetic["night"])
    assert again["digest"] == synthetic["digest"]
    assert again["snapshot"] == synthetic["snapshot"]
    assert again["backtests"] == synthetic["backtests"]


def test_backtest_of_one_strategy_is_a_trial_and_publishes_nothing(
    synthetic: dict[str, Any], tmp_path: Path
) -> None:
    latest = Path(synthetic["home"]) / "results" / "backtest_results.json"
    before = latest.read_bytes()
    out = ("--out", str(tmp_path / "out"))
    trial = run_json("backtest", "--strategy", "ema_cross", *out, "--home", synthetic["home"])
    assert {row["strategy"] for row in trial["backtests"]} == {"ema_cross", "buy_and_hold"}
    assert latest.read_bytes() == before
    assert {Path(file).name for file in trial["files"]} == {
        f"{name}.{kind}" for name in FRAMES for kind in ("parquet", "csv")
    }
    metrics = pl.read_parquet(tmp_path / "out" / "metrics.parquet")
    written = pl.read_csv(tmp_path / "out" / "metrics.csv")
    assert written["net_return"].to_list() == metrics["net_return"].to_list()
    assert written.columns == metrics.columns


def test_demo_has_a_tear_sheet_of_each_strategy_with_the_market_in_it(synthetic: dict[str, Any]) -> None:
    page = Path(synthetic["report"])
    sheets = run_json("report", "--home", synthetic["home"])["tear_sheets"]
    assert set(sheets) == set(strategy_classes())
    for name, sheet in sheets.items():
        text = Path(sheet).read_text()
        assert f'href="{page.stem}/{name}.html"' in page.read_text()
        assert re.search(r">BTCUSDT [+\u2212]?[\d.]+ %<", text), name
        assert len(text.encode()) < 2_000_000
    assert run_json("compare", "latest", synthetic["digest"], "--home", synthetic["home"])["same_results"]


def test_data_list_and_sql_and_export_agree(synthetic: dict[str, Any], tmp_path: Path) -> None:
    home = synthetic["home"]
    holdings = run_json("data", "list", "--home", home)["holdings"]
    rows = {(row["symbol"], row["dataset"]): row["rows"] for row in holdings}
    asked = run_json("sql", "select symbol, count(*) as n from candles_1h group by symbol", "--home", home)
    assert {row["symbol"]: row["n"] for row in asked} == {
        symbol: count for (symbol, dataset), count in rows.items() if dataset == "candles_1h"
    }
    first, second = tmp_path / "first", tmp_path / "second"
    run("data", "export", str(first), "--home", home)
    run("data", "export", str(second), "--home", home)
    assert (first / "candles_1h.parquet").read_bytes() == (second / "candles_1h.parquet").read_bytes()
    frame = pl.read_parquet(first / "candles_1h.parquet")
    assert frame.select("symbol", "open_time").equals(
        frame.select("symbol", "open_time").sort("symbol", "open_time")
    )
    assert frame.height == sum(asked_row["n"] for asked_row in asked)
    assert run_json("data", "verify", "--home", home)["corrupt"] == []


def test_backfill_of_a_demo_home_serves_its_own_exchange(synthetic: dict[str, Any]) -> None:
    day = synthetic["night"]
    arguments = ("data", "backfill", "--start", day, "--symbols", "1", "--timeframes", "1h")
    filled = run_json(*arguments, "--home", synthetic["home"])
    assert filled["source"] == synthetic["source"]
    assert filled["rows"]["candles_1h"] >= 23
    plan = run_json(*arguments, "--dry-run", "--home", synthetic["home"])
    assert plan["requests"] == 3


def test_status_of_a_fresh_demo_is_well(synthetic: dict[str, Any]) -> None:
    status = run_json("status", "--home", synthetic["home"])
    assert status["well"] is True
    assert set(status["timeframes"]) == {"1h", "4h", "1d"}
    assert status["night"]["night"] == synthetic["night"]


def test_demo_of_another_seed_on_the_same_home_is_refused(synthetic: dict[str, Any]) -> None:
    done = run("demo", "--seed", "8", "--symbols", "4", "--days", "125", "--home", synthetic["home"], code=1)
    assert "holds data of simulated:seed=7, not of simulated:seed=8" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_demo_with_too_many_symbols_leaves_no_trace(tmp_path: Path) -> None:
    done = run("demo", "--symbols", "61", "--home", str(tmp_path / "home"), code=1)
    assert "61 symbols were asked for" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_demo_in_an_unwritable_place_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("demo", "--symbols", "2", "--days", "40", "--home", str(tmp_path / "file" / "home"), code=1)
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_demo_of_missing_recordings_says_which_files(tmp_path: Path) -> None:
    done = run("demo", "--recorded", str(tmp_path), "--home", str(tmp_path / "home"), code=1)
    assert "candles_1h.parquet" in done.stderr
    assert list(tmp_path.iterdir()) == []


@needs_recorded
def test_demo_on_recorded_candles_stores_exactly_what_was_recorded(tmp_path: Path) -> None:
    home = tmp_path / "home"
    result = run_json("demo", "--recorded", str(RECORDED), "--days", "30", "--home", str(home))
    assert result["source"].startswith("recorded:")
    assert result["failed_checks"] == []
    assert result["night"] == "2025-11-30"
    run("data", "export", str(tmp_path / "out"), "--home", str(home))
    key = ["symbol", "open_time", "open", "high", "low", "close", "volume"]
    symbols, start = None, datetime(2025, 11, 1, tzinfo=UTC)
    for timeframe in ("1h", "4h", "1d"):
        stored = pl.read_parquet(tmp_path / "out" / f"candles_{timeframe}.parquet")
        symbols = symbols or stored["symbol"].unique().to_list()
        recorded = pl.read_parquet(RECORDED / f"candles_{timeframe}.parquet").filter(
            pl.col("symbol").is_in(symbols), pl.col("open_time") >= start
        )
        assert stored.height == recorded.height
        assert stored.select(key).join(recorded.select(key), on=key, how="anti").is_empty()
        assert stored["taker_buy_volume"].null_count() == stored.height
    assert len(symbols or []) == 47
    funding = pl.read_parquet(RECORDED / "funding.parquet").filter(pl.col("funding_time") >= start)
    assert set(result["without_funding"]) == set(symbols or []) - set(funding["symbol"])
    assert result["mark_price_source"]["mark_1h"] > 0
    assert result["mark_price_source"]["candle_open"] > 0
    # The recording lacks positions of these days, what the shutdown of 2025 never published, and the
    # capitalisation of all coins.
    status = run_json("status", "--home", str(home), code=3)
    assert status["now"] == "2025-12-01T00:00:00Z"
    assert all(timeframe["well"] for timeframe in status["timeframes"].values())
    assert [re.split(r"[,.]", text)[0] for text in status["wrong"]] == [
        *(f"No row of {name} is stored" for name in POSITIONING_DATASETS),
        "macro_series: CPIAUCSL of 2025-09-01",
        "btc_dominance: total_market_cap",
    ]
