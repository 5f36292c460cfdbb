"""The child process of a night: what it reads, what it writes, how it fails."""

import hashlib
import json
import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crypto_bt import night as night_module
from crypto_bt.backtest import nightly
from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.night import cutoff_of
from crypto_bt.night import main, run_night
from crypto_bt.store import SnapshotStore
from crypto_bt.strategies import strategy_names
from crypto_bt_tests.backtest.markets import START, candles, funding, random_bars, random_funding

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
DAYS = 60
NIGHT = (START + timedelta(days=DAYS - 2)).date()
FILES = ("equity.parquet", "metrics.parquet", "signals.parquet", "stamp.json", "trades.parquet")


def market(seed: int = 5) -> dict[str, pl.DataFrame]:
    rng = random.Random(seed)
    bars = candles({symbol: random_bars(rng, 6 * DAYS) for symbol in SYMBOLS})
    rates = funding([row for symbol in SYMBOLS[:2] for row in random_funding(rng, symbol, 24 * DAYS)])
    return {"candles_4h": bars, "funding_rates": rates}


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> NightSpec:
    folder = tmp_path_factory.mktemp("night") / "store"
    now = datetime(2025, 4, 1, tzinfo=UTC)
    snapshot = SnapshotStore(folder).publish(
        market(), source="simulated:seed=5", published_by="test", now=now
    )
    return NightSpec(
        store=str(folder),
        snapshot=snapshot.id,
        night=NIGHT,
        cutoff=cutoff_of(NIGHT),
        symbols=SYMBOLS,
        strategies={name: {} for name in strategy_names()},
        left_out={"DDDUSDT": "it is not whole"},
    )


def run(spec: NightSpec, out: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    said: list[dict[str, Any]] = []
    stamp = run_night(spec, SnapshotStore(Path(spec.store)), out, lambda message: said.append(dict(message)))
    return stamp, said


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_night_writes_the_five_files_and_a_stamp_that_says_from_what(spec: NightSpec, tmp_path: Path) -> None:
    stamp, said = run(spec, tmp_path / "out")
    assert tuple(hashes(tmp_path / "out")) == FILES
    assert json.loads((tmp_path / "out" / "stamp.json").read_text()) == stamp
    assert stamp["snapshot"]["digest"] == SnapshotStore(Path(spec.store)).snapshot(spec.snapshot).digest
    assert stamp["symbols"] == list(SYMBOLS)
    assert stamp["left_out"] == {"DDDUSDT": "it is not whole"}
    assert stamp["symbols_without_funding"] == ["CCCUSDT"]
    assert stamp["mark_price_source"]["candle_open"] > 0
    assert [entry["error"] for entry in stamp["strategies"]] == [None] * len(strategy_names())
    events = [message["event"] for message in said]
    assert events == ["started", *["progress"] * len(strategy_names()), "finished"]
    metrics = pl.read_parquet(tmp_path / "out" / "metrics.parquet")
    assert metrics.height == len(strategy_names()) * (1 + len(SYMBOLS))
    assert set(metrics["strategy"]) == set(strategy_names())


def test_night_knows_nothing_after_its_cutoff(spec: NightSpec, tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "store")
    known = market()
    late = pl.col("open_time") + Timeframe.H4.delta > spec.cutoff
    changed = pl.when(late).then(pl.col("close") * 3.0).otherwise(pl.col("close"))
    known["candles_4h"] = known["candles_4h"].with_columns(
        close=changed, high=pl.max_horizontal("high", changed)
    )
    now = datetime(2025, 4, 1, tzinfo=UTC)
    other = store.publish(known, source="simulated:seed=5", published_by="test", now=now)
    run(spec, tmp_path / "one")
    run(replace(spec, store=str(tmp_path / "store"), snapshot=other.id), tmp_path / "two")
    one, two = hashes(tmp_path / "one"), hashes(tmp_path / "two")
    assert {name: one[name] for name in FILES if name != "stamp.json"} == {
        name: two[name] for name in FILES if name != "stamp.json"
    }
    assert pl.read_parquet(tmp_path / "one" / "signals.parquet")["close_time"].max() == datetime.combine(
        NIGHT, datetime.min.time(), UTC
    ) + timedelta(hours=20)


def test_night_twice_and_on_two_threads_gives_the_same_bytes(spec: NightSpec, tmp_path: Path) -> None:
    for number, threads in enumerate((1, 1, 2)):
        run(replace(spec, threads=threads), tmp_path / str(number))
    assert hashes(tmp_path / "0") == hashes(tmp_path / "1") == hashes(tmp_path / "2")


def test_night_strategy_that_fails_is_reported_and_the_others_finish(spec: NightSpec, tmp_path: Path) -> None:
    wrong = replace(spec, strategies={"buy_and_hold": {}, "ema_cross": {"fast": 99}, "nobody": {}})
    stamp, _ = run(wrong, tmp_path / "out")
    errors = {entry["name"]: entry["error"] for entry in stamp["strategies"]}
    assert errors["buy_and_hold"] is None
    assert "requires 1 <= fast < slow" in errors["ema_cross"]
    assert "no strategy 'nobody'" in errors["nobody"]
    assert set(pl.read_parquet(tmp_path / "out" / "metrics.parquet")["strategy"]) == {"buy_and_hold"}


def test_night_symbol_without_candles_is_named_as_left_out(spec: NightSpec, tmp_path: Path) -> None:
    stamp, _ = run(replace(spec, symbols=(*SYMBOLS, "ZZZUSDT")), tmp_path / "out")
    assert stamp["left_out"]["ZZZUSDT"] == "ZZZUSDT has no 4h candle closed by the cutoff"
    assert stamp["symbols"] == list(SYMBOLS)


def test_night_history_start_shortens_what_is_used(spec: NightSpec, tmp_path: Path) -> None:
    start = START + timedelta(days=20)
    run(replace(spec, history_start=start), tmp_path / "out")
    assert pl.read_parquet(tmp_path / "out" / "metrics.parquet")["first"].min() == start


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategies": {"nobody": {}}}, "No strategy finished"),
        ({"strategies": {}}, "No strategy finished"),
        ({"code_version": "another"}, "The code changed"),
        ({"symbols": ("ZZZUSDT",)}, "no 4h candles"),
    ],
)
def test_night_that_cannot_be_computed_is_refused(
    spec: NightSpec, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(BacktestError, match=message):
        run(replace(spec, **change), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_night_folder_with_files_is_refused(spec: NightSpec, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("")
    with pytest.raises(BacktestError, match="is not empty"):
        run(spec, tmp_path)


def test_main_in_a_process_of_its_own_gives_the_same_bytes(spec: NightSpec, tmp_path: Path) -> None:
    run(spec, tmp_path / "here")
    (tmp_path / "spec.json").write_text(spec.to_json())
    command = [sys.executable, "-m", "crypto_bt.night", "--spec", str(tmp_path / "spec.json")]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "there")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()][:: len(strategy_names()) + 1] == [
        "started",
        "finished",
    ]
    assert hashes(tmp_path / "here") == hashes(tmp_path / "there")


def test_main_failure_is_exit_code_one_and_one_sentence(
    spec: NightSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.json").write_text(replace(spec, snapshot="000099").to_json())
    assert main(["--spec", str(tmp_path / "spec.json"), "--out", str(tmp_path / "out")]) == 1
    stderr = capsys.readouterr().err
    assert stderr.count("\n") == 1
    assert "000099" in stderr


def test_main_missing_spec_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--spec", str(tmp_path / "nowhere.json"), "--out", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("The night failed: FileNotFoundError")
    assert json.loads(captured.out)["event"] == "failed"


def test_importing_the_night_does_not_import_numba() -> None:
    code = "import sys, crypto_bt.night, crypto_bt.strategies; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_stamp_names_every_table_that_is_written(spec: NightSpec, tmp_path: Path) -> None:
    stamp, _ = run(spec, tmp_path / "out")
    assert {f"{name}.parquet" for name in nightly.TABLES} | {"stamp.json"} == set(FILES)
    assert stamp["code_version"] == night_module.code_version()
