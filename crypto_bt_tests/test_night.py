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

from crypto_bt.backtest.code_version import code_version
from crypto_bt.backtest.layout import ExitReason
from crypto_bt.backtest.nightly import compute
from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.night import cutoff_of
from crypto_bt.night import BROKEN, REFUSED
from crypto_bt.night_run import run_night
from crypto_bt.store import SnapshotStore
from crypto_bt.strategies import strategy_names
from crypto_bt_tests.backtest.markets import START, candles, funding, random_bars, random_funding

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
DAYS = 130
NIGHT = (START + timedelta(days=DAYS - 2)).date()
FILES = (
    "equity.parquet", "market.parquet", "metrics.parquet", "parameter_sets.parquet", "signals.parquet",
    "stamp.json", "targets.parquet", "trades.parquet", "windows.parquet",
)  # fmt: skip
FEW = {"buy_and_hold": {}, "donchian_breakout": {}, "rsi_reversion": {}}


def coarser(bars: pl.DataFrame, every: str) -> pl.DataFrame:
    return bars.group_by_dynamic("open_time", every=every, group_by="symbol").agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(),
        pl.col("volume").sum(), pl.col("quote_volume", "trades", "taker_buy_volume").first(),
    )  # fmt: skip


def market(seed: int = 5) -> dict[str, pl.DataFrame]:
    rng = random.Random(seed)
    hours = candles({symbol: random_bars(rng, 24 * DAYS, wild=0.008) for symbol in SYMBOLS}, Timeframe.H1)
    rates = funding([row for symbol in SYMBOLS[:2] for row in random_funding(rng, symbol, 24 * DAYS)])
    return {
        "candles_1h": hours,
        "candles_4h": coarser(hours, "4h"),
        "candles_1d": coarser(hours, "1d"),
        "funding_rates": rates,
    }


def small_spec(root: Path) -> NightSpec:
    """A night of three strategies on three symbols, on a store that is made in ``root``."""
    folder = root / "store"
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
        strategies=FEW,
        left_out={"DDDUSDT": "it is not whole"},
    )


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> NightSpec:
    return small_spec(tmp_path_factory.mktemp("night"))


def run(spec: NightSpec, out: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    said: list[dict[str, Any]] = []
    stamp = run_night(spec, SnapshotStore(Path(spec.store)), out, lambda message: said.append(dict(message)))
    return stamp, said


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_night_writes_its_files_and_a_stamp_that_says_from_what(spec: NightSpec, tmp_path: Path) -> None:
    spec = replace(spec, strategies={name: {} for name in strategy_names()})
    stamp, said = run(spec, tmp_path / "out")
    assert tuple(hashes(tmp_path / "out")) == FILES
    assert json.loads((tmp_path / "out" / "stamp.json").read_text()) == stamp
    assert stamp["snapshot"]["digest"] == SnapshotStore(Path(spec.store)).snapshot(spec.snapshot).digest
    assert stamp["symbols"] == list(SYMBOLS)
    assert stamp["left_out"] == {"DDDUSDT": "it is not whole"}
    assert stamp["symbols_without_funding"] == ["CCCUSDT"]
    assert stamp["mark_price_source"]["candle_open"] > 0
    assert [entry["error"] for entry in stamp["strategies"]] == [None] * len(strategy_names())
    stages = [(message["stage"], message["done"]) for message in said if message["event"] == "stage"]
    assert stages == [("simulating", len(SYMBOLS)), ("recording", len(SYMBOLS))]
    events = [message["event"] for message in said if message["event"] != "stage"]
    count = len(strategy_names())
    told = ["started", *["progress"] * count, "swept", "recorded", *["judged"] * (count - 1), "finished"]
    assert events == told
    metrics = pl.read_parquet(tmp_path / "out" / "metrics.parquet")
    assert metrics.height == len(strategy_names()) * (1 + len(SYMBOLS))
    assert set(metrics["strategy"]) == set(strategy_names())


def test_night_knows_nothing_after_its_cutoff(spec: NightSpec, tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "store")
    known = market()
    for timeframe in (Timeframe.H1, Timeframe.H4, Timeframe.D1):
        late = pl.col("open_time") + timeframe.delta > spec.cutoff
        changed = pl.when(late).then(pl.col("close") * 3.0).otherwise(pl.col("close"))
        known[timeframe.dataset] = known[timeframe.dataset].with_columns(
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
    assert stamp["left_out"]["ZZZUSDT"] == "ZZZUSDT has no 1h candle closed by the cutoff"
    assert stamp["symbols"] == list(SYMBOLS)


def test_night_history_start_shortens_what_is_used(spec: NightSpec, tmp_path: Path) -> None:
    start = START + timedelta(days=20)
    run(replace(spec, history_start=start), tmp_path / "out")
    windows = pl.read_parquet(tmp_path / "out" / "windows.parquet")
    assert windows["train_start"].min() == start


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategies": {"nobody": {}}}, "No strategy finished"),
        ({"strategies": {}}, "No strategy finished"),
        ({"code_version": "another"}, "The code changed"),
        ({"symbols": ("ZZZUSDT",)}, "no 1h candles"),
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


def in_a_process(spec_file: Path, out: Path) -> "subprocess.CompletedProcess[str]":
    """The night as Dagster starts it."""
    command = [sys.executable, "-m", "crypto_bt.night", "--spec", str(spec_file), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)


def test_main_in_a_process_of_its_own_gives_the_same_bytes(spec: NightSpec, tmp_path: Path) -> None:
    run(spec, tmp_path / "here")
    (tmp_path / "spec.json").write_text(spec.to_json())
    done = in_a_process(tmp_path / "spec.json", tmp_path / "there")
    assert (done.returncode, done.stderr) == (0, "")
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert (events[0], events[1], events[-1]) == ("isolated", "progress", "finished")
    assert hashes(tmp_path / "here") == hashes(tmp_path / "there")


@pytest.mark.skipif(sys.platform != "linux", reason="these priorities are Linux's")
def test_main_is_the_least_important_process_before_it_reads_anything(tmp_path: Path) -> None:
    done = in_a_process(tmp_path / "nowhere.json", tmp_path / "out")
    told = json.loads(done.stdout.splitlines()[0])["took_effect"]
    assert (told["nice"], told["scheduler"], told["io"], told["oom_score"]) == ("19", "idle", "idle", "900")


def test_main_refusal_is_one_sentence(spec: NightSpec, tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(replace(spec, snapshot="000099").to_json())
    done = in_a_process(tmp_path / "spec.json", tmp_path / "out")
    assert done.returncode == REFUSED
    assert done.stderr.count("\n") == 1
    assert "000099" in done.stderr


def test_main_fault_of_the_program_ends_with_one_sentence(tmp_path: Path) -> None:
    done = in_a_process(tmp_path / "nowhere.json", tmp_path / "out")
    assert done.returncode == BROKEN
    assert done.stderr.splitlines()[-1].startswith("The night failed: FileNotFoundError")


def test_importing_the_night_does_not_import_numba() -> None:
    code = "import sys, crypto_bt.night, crypto_bt.strategies; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_stamp_names_every_table_that_is_written(spec: NightSpec, tmp_path: Path) -> None:
    stamp, _ = run(spec, tmp_path / "out")
    tables = (*compute.TABLES, compute.MARKET_TABLE)
    assert {f"{name}.parquet" for name in tables} | {"stamp.json"} == set(FILES)
    assert stamp["code_version"] == code_version()


def test_night_shows_only_days_after_those_it_chose_on(spec: NightSpec, tmp_path: Path) -> None:
    stamp, _ = run(spec, tmp_path / "out")
    windows = pl.read_parquet(tmp_path / "out" / "windows.parquet")
    equity = pl.read_parquet(tmp_path / "out" / "equity.parquet")
    trades = pl.read_parquet(tmp_path / "out" / "trades.parquet")
    assert windows.filter(pl.col("train_end") >= pl.col("test_start")).is_empty()
    first = windows["test_start"].min()
    assert first == START + timedelta(days=91)
    assert equity.group_by("strategy").agg(pl.col("time").min())["time"].unique().to_list() == [first]
    chosen = trades.filter(pl.col("strategy") != "buy_and_hold")
    assert chosen["entry_time"].min() >= first
    in_charge = chosen.join_where(
        windows,
        pl.col("strategy") == pl.col("strategy_right"),
        pl.col("entry_time") >= pl.col("test_start"),
        pl.col("entry_time") < pl.col("in_charge_end"),
    )
    assert in_charge.height == chosen.height > 10
    assert (in_charge["parameter_set"] == in_charge["parameter_set_right"]).all()
    assert {entry["out_of_sample"] for entry in stamp["strategies"] if entry["name"] != "buy_and_hold"} == {
        True
    }


def test_night_equity_is_that_of_the_chosen_sets_in_the_sweep(spec: NightSpec, tmp_path: Path) -> None:
    """The portfolio's out-of-sample return equals the product over the windows' own days of each set's."""
    run(spec, tmp_path / "out")
    metrics = pl.read_parquet(tmp_path / "out" / "metrics.parquet").filter(symbol="ALL")
    equity = pl.read_parquet(tmp_path / "out" / "equity.parquet")
    for name, net in metrics.select("strategy", "net_return").iter_rows():
        last = equity.filter(strategy=name).sort("time")["equity"][-1]
        assert last - 1.0 == pytest.approx(net, abs=1e-12)


def test_night_has_the_market_beside_it_on_all_days(spec: NightSpec, tmp_path: Path) -> None:
    """None of the symbols here is the market, so its marks are not known, yet each day has a row."""
    run(spec, tmp_path / "out")
    marks = pl.read_parquet(tmp_path / "out" / "market.parquet")
    assert marks.columns == ["symbol", "time", "mark"]
    assert marks["symbol"].unique().to_list() == ["BTCUSDT"]
    assert marks["mark"].null_count() == marks.height
    assert marks["time"].diff().drop_nulls().unique().to_list() == [timedelta(days=1)]
    days = pl.read_parquet(tmp_path / "out" / "equity.parquet")["time"].unique()
    assert days.is_in(marks["time"].implode()).all()


def test_night_turnover_is_in_times_of_the_capital(spec: NightSpec, tmp_path: Path) -> None:
    run(spec, tmp_path / "out")
    metrics = pl.read_parquet(tmp_path / "out" / "metrics.parquet").filter(symbol="ALL")
    trades = pl.read_parquet(tmp_path / "out" / "trades.parquet")
    equity = pl.read_parquet(tmp_path / "out" / "equity.parquet")
    for name, turnover in metrics.select("strategy", "turnover").iter_rows():
        own, curve = trades.filter(strategy=name), equity.filter(strategy=name)["equity"]
        leaving = pl.when(pl.col("exit_reason") == "open").then(0.0).otherwise(pl.col("exit_price"))
        traded = own.select((pl.col("quantity") * (pl.col("entry_price") + leaving)).sum()).item()
        a_year = traded / (spec.initial_capital * curve.mean()) * 365 / (len(curve) - 1)
        assert turnover == pytest.approx(a_year), name


def test_night_says_for_each_strategy_whether_it_is_to_be_trusted(spec: NightSpec, tmp_path: Path) -> None:
    stamp, _ = run(replace(spec, trials=1_234), tmp_path / "out")
    entries = {entry["name"]: entry for entry in stamp["strategies"]}
    assert "verdict" not in entries["buy_and_hold"]
    for name in ("donchian_breakout", "rsi_reversion"):
        verdict, luck = entries[name]["verdict"], entries[name]["overfitting"]
        assert verdict["decision"] in ("promote", "watch", "retire")
        assert verdict["reason"].startswith(verdict["decision"])
        assert luck["trials"] == stamp["trials"] == 1_234
        assert 0.0 <= luck["pbo"] <= 1.0
        assert 0.0 < luck["spa_p"] <= 1.0
        assert entries[name]["lookahead"] is None
        assert (
            f"Luck: the choice of parameters is overfit with {100 * luck['pbo']:.0f} % (PBO)."
            in verdict["reason"]
        )


def test_night_says_what_lies_between_listed_trades_and_net_return(spec: NightSpec, tmp_path: Path) -> None:
    stamp, _ = run(spec, tmp_path / "out")
    trades = pl.read_parquet(tmp_path / "out" / "trades.parquet")
    metrics = pl.read_parquet(tmp_path / "out" / "metrics.parquet").filter(symbol="ALL")
    for entry in stamp["strategies"]:
        own, parts = trades.filter(strategy=entry["name"]), entry["reconciled"]
        net = metrics.filter(strategy=entry["name"])["net_return"].item() * spec.initial_capital
        assert parts["trades"] == pytest.approx(own["net_pnl"].sum())
        assert parts["trades"] + parts["carried"] == pytest.approx(parts["account"]) == pytest.approx(net)


def test_night_too_short_to_choose_is_shown_and_not_judged(spec: NightSpec, tmp_path: Path) -> None:
    start = datetime.combine(NIGHT, datetime.min.time(), UTC) - timedelta(days=60)
    stamp, _ = run(replace(spec, history_start=start), tmp_path / "out")
    entries = {entry["name"]: entry for entry in stamp["strategies"]}
    assert entries["rsi_reversion"]["out_of_sample"] is False
    assert entries["rsi_reversion"]["verdict"]["decision"] == "not computed"
    assert pl.read_parquet(tmp_path / "out" / "windows.parquet").is_empty()
    assert pl.read_parquet(tmp_path / "out" / "equity.parquet").filter(strategy="rsi_reversion").height == 62


def test_night_executes_on_hours_so_that_stops_fall_between_signals(spec: NightSpec, tmp_path: Path) -> None:
    run(spec, tmp_path / "out")
    trades = pl.read_parquet(tmp_path / "out" / "trades.parquet")
    stopped = trades.filter(exit_reason=ExitReason.STOP.label)
    assert (stopped["exit_time"].dt.hour() % 4 != 0).any()
    assert (trades["entry_time"].dt.hour() % 4 == 0).all()
