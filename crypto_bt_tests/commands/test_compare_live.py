"""compare-live: a log with known differences; the command finds exactly those."""

import json
import random
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from crypto_bt.cli import app
from crypto_bt.commands.output import UNWELL
from crypto_bt.core.errors import UsageError
from crypto_bt.runtime.home import Home
from crypto_bt.settings import render_example
from crypto_bt.store import ResultsStore
from crypto_bt.store.results import FRAMES
from crypto_bt_tests.backtest.live_log import BAR, SCALE, LiveLog, Planned, planned_trades, trades_frame

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
CUTOFF = "2026-11-21T23:30:00+00:00"
PLANTED_BPS = {"BTCUSDT": 3.0, "ETHUSDT": 6.5, "SOLUSDT": 2.0}


def call(*arguments: str, code: int = 0) -> str:
    """What the command prints; asserts its exit code."""
    result = CliRunner().invoke(app, ["compare-live", *arguments])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result.stdout


def told(*arguments: str, code: int = 0) -> dict[str, Any]:
    """Its JSON object."""
    found: dict[str, Any] = json.loads(call(*arguments, "--json", code=code))
    return found


def of_symbol(result: dict[str, Any], symbol: str | None) -> dict[str, Any]:
    """The row of ``symbol`` among the differences; None: all."""
    row: dict[str, Any] = next(row for row in result["differences"] if row["symbol"] == symbol)
    return row


class Files:
    """A backtest's trades and the account's files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.planned = planned_trades(SYMBOLS, 25, seed=5)
        self.log = LiveLog()

    def arguments(self, *more: str) -> list[str]:
        """Writes the files; the command line that compares them."""
        trades_frame(self.planned).write_parquet(self.folder / "trades.parquet")
        (self.folder / "fills.csv").write_text(self.log.fills_csv())
        (self.folder / "funding.csv").write_text(self.log.funding_csv())
        return [
            str(self.folder / "fills.csv"), "--backtest", str(self.folder / "trades.parquet"),
            "--funding", str(self.folder / "funding.csv"), "--timeframe", "4h", *more,
        ]  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Files to plant differences in."""
    return Files(tmp_path)


def extra_trade(planned: list[Planned], symbol: str) -> Planned:
    """One that the backtest did not make: in the pause after the fifth trade."""
    fifth = [each for each in planned if each.symbol == symbol][4]
    begin = fifth.exit_time + 5 * BAR
    return Planned(symbol, 1, begin, begin + BAR, 100.0, 101.0, 1.0, "signal", {})


def test_a_faithful_account_differs_in_nothing(files: Files) -> None:
    for each in files.planned:
        files.log.trade(each, slippage_bps=2.0)
    result = told(*files.arguments())
    (strategy,) = result["strategies"]
    assert (strategy["matched"], strategy["missed"], strategy["extra"]) == (75, 0, 0)
    assert strategy["quantity_ratio"] == pytest.approx(SCALE)
    every = of_symbol(result, None)
    assert every["same_exits"] == 75
    for figure in every["figures"].values():
        assert figure["difference"]["mean"] == pytest.approx(0.0, abs=1e-6)
        assert figure["difference"]["n"] == 75


def test_planted_slippage_is_measured_by_symbol_and_offered_as_the_setting(files: Files) -> None:
    for each in files.planned:
        files.log.trade(each, slippage_bps=PLANTED_BPS[each.symbol], parts=3)
    result = told(*files.arguments())
    fills = 0
    total = 0.0
    for symbol, planted in PLANTED_BPS.items():
        own = [each for each in files.planned if each.symbol == symbol]
        leaving = sum(each.has_market_exit for each in own)
        row = of_symbol(result, symbol)
        assert row["figures"]["entry"]["live"] == pytest.approx(planted, abs=1e-5)
        assert row["figures"]["entry"]["difference"]["mean"] == pytest.approx(planted - 2.0, abs=1e-5)
        exits = row["figures"]["exit"]["difference"]["mean"]
        assert exits == pytest.approx((planted - 2.0) * leaving / len(own), abs=1e-5)
        fills += len(own) + leaving
        total += planted * (len(own) + leaving)
    slippage = result["slippage"]
    assert slippage["live"]["n"] == fills
    assert slippage["live"]["mean"] == pytest.approx(total / fills, abs=1e-5)
    assert slippage["live"]["interval"]["low"] < total / fills < slippage["live"]["interval"]["high"]
    assert slippage["model"] == pytest.approx(2.0, abs=1e-6)
    assert slippage["setting"] == f"SLIPPAGE_BPS={total / fills:.2f}"


def test_missed_and_extra_trades_are_named_and_nothing_else_is(files: Files) -> None:
    left_away = [files.planned[at] for at in (4, 9, 34)]
    added = extra_trade(files.planned, "ETHUSDT")
    for each in files.planned:
        if each not in left_away:
            files.log.trade(each, slippage_bps=2.0)
    files.log.trade(added, slippage_bps=2.0)
    result = told(*files.arguments(), code=UNWELL)
    (strategy,) = result["strategies"]
    assert (strategy["matched"], strategy["missed"], strategy["extra"]) == (72, 3, 1)
    missed = {(trade["symbol"], trade["entry_time"]) for trade in strategy["missed_trades"]}
    assert missed == {(each.symbol, f"{each.entry_time:%Y-%m-%dT%H:%M:%SZ}") for each in left_away}
    assert [trade["symbol"] for trade in strategy["extra_trades"]] == ["ETHUSDT"]


def test_another_commission_and_missing_funding_are_found(files: Files) -> None:
    for each in files.planned:
        files.log.trade(
            each, slippage_bps=2.0, taker_bps=4.0 if each.symbol == "BTCUSDT" else 5.0,
            pays_funding=each.symbol != "ETHUSDT",
        )  # fmt: skip
    result = told(*files.arguments())
    bitcoin, ether, sol = (of_symbol(result, symbol)["figures"] for symbol in SYMBOLS)
    # Every entry and most exits are market orders: a basis point less on these.
    market = [1 + each.has_market_exit for each in files.planned if each.symbol == "BTCUSDT"]
    expected = -sum(market) / len(market) / 2
    assert bitcoin["commission"]["difference"]["mean"] == pytest.approx(expected, abs=0.01)
    assert ether["commission"]["difference"]["mean"] == pytest.approx(0.0, abs=1e-6)
    assert bitcoin["funding"]["difference"]["mean"] == pytest.approx(0.0, abs=1e-6)
    assert sol["funding"]["difference"]["mean"] == pytest.approx(0.0, abs=1e-6)
    due = [
        sum(each.funding.values()) / each.row()["entry_price"] / each.quantity * 10_000
        for each in files.planned
        if each.symbol == "ETHUSDT"
    ]
    assert ether["funding"]["live"] == pytest.approx(0.0)
    assert ether["funding"]["model"] == pytest.approx(sum(due) / len(due))


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_planted_together_is_found_exactly(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    late = timedelta(seconds=chance.randint(0, 3_000))
    files = Files(tmp_path)
    files.planned = planned_trades(SYMBOLS, 30, seed=100 + seed)
    planted: dict[tuple[str, str], float] = {}
    unpaid: set[tuple[str, str]] = set()
    missed = set()
    for each in files.planned:
        name = (each.symbol, f"{each.entry_time:%Y-%m-%dT%H:%M:%SZ}")
        if chance.random() < 0.1 and each not in (files.planned[0], files.planned[-1]):
            missed.add(name)
            continue
        planted[name] = chance.gauss(3.0, 4.0)
        pays = chance.random() < 0.8 or not each.funding
        unpaid |= set() if pays else {name}
        files.log.trade(
            each, slippage_bps=planted[name], parts=chance.randint(1, 4), pays_funding=pays,
            late=late,
        )  # fmt: skip
    extra = [extra_trade(files.planned, symbol) for symbol in SYMBOLS]
    for each in extra:
        files.log.trade(each, slippage_bps=2.0)
    files.log.fills = [fill | {"Fee": ""} if fill["Maker"] == "true" else fill for fill in files.log.fills]
    result = told(*files.arguments(), code=UNWELL)
    (strategy,) = result["strategies"]
    assert {(trade["symbol"], trade["entry_time"]) for trade in strategy["missed_trades"]} == missed
    assert {trade["symbol"] for trade in strategy["extra_trades"]} == set(SYMBOLS)
    assert strategy["extra"] == len(extra)
    pairs = {(pair["symbol"], pair["entry_time"]): pair for pair in strategy["matched_trades"]}
    assert pairs.keys() == planted.keys()
    for name, pair in pairs.items():
        assert pair["same_exit"]
        assert pair["entry_live"] == pytest.approx(planted[name], abs=1e-5)
        assert (pair["commission_live"] is None) == (pair["exit_reason"] == "target")
        if pair["exit_market"]:
            assert pair["exit_live"] == pytest.approx(planted[name], abs=1e-5)
        due = 0.0 if name in unpaid else pair["funding_model"]
        assert pair["funding_live"] == pytest.approx(due, abs=0.02)


def test_without_a_funding_file_funding_is_not_compared(files: Files) -> None:
    for each in files.planned:
        files.log.trade(each, slippage_bps=2.0)
    arguments = files.arguments()
    at = arguments.index("--funding")
    result = told(*arguments[:at], *arguments[at + 2 :])
    assert of_symbol(result, None)["figures"]["funding"]["difference"] == {
        "n": 0, "days": 0, "mean": None, "median": None, "interval": None,
    }  # fmt: skip


def test_quantities_are_compared_in_proportion(files: Files) -> None:
    for each in files.planned:
        files.log.trade(each, slippage_bps=2.0, scale=0.2 if each.symbol == "SOLUSDT" else 0.1)
    result = told(*files.arguments())
    assert [of_symbol(result, symbol)["quantity"] for symbol in SYMBOLS] == pytest.approx([1.0, 1.0, 2.0])


def test_an_exit_at_another_time_is_not_taken_for_slippage(files: Files) -> None:
    last = files.planned[24]
    for each in files.planned:
        if each != last:
            files.log.trade(each, slippage_bps=2.0)
    later = Planned(
        last.symbol, last.side, last.entry_time, last.exit_time + 3 * BAR, last.entry_market,
        last.exit_market * 1.1, last.quantity, "signal", last.funding,
    )  # fmt: skip
    files.log.trade(later, slippage_bps=2.0)
    result = told(*files.arguments())
    every = of_symbol(result, None)
    assert (every["pairs"], every["same_exits"]) == (75, 74)
    assert every["figures"]["exit"]["difference"]["mean"] == pytest.approx(0.0, abs=1e-6)


def test_the_tables_fit_eighty_columns_and_end_with_the_setting(files: Files) -> None:
    for each in files.planned[1:]:
        files.log.trade(each, slippage_bps=4.0)
    lines = call(*files.arguments(), code=UNWELL).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    assert lines[-1].startswith("SLIPPAGE_BPS=4.00")


def test_the_same_files_give_the_same_bytes(files: Files) -> None:
    for each in files.planned:
        files.log.trade(each, slippage_bps=PLANTED_BPS[each.symbol])
    arguments = files.arguments("--json")
    assert call(*arguments) == call(*arguments)


def test_a_parquet_of_round_trips_is_compared_too(tmp_path: Path) -> None:
    planned = planned_trades(SYMBOLS, 10, seed=3)
    backtest = trades_frame(planned, strategy="ema_cross")
    backtest.write_parquet(tmp_path / "trades.parquet")
    backtest.write_parquet(tmp_path / "live.parquet")
    arguments = [str(tmp_path / "live.parquet"), "--backtest", str(tmp_path / "trades.parquet")]
    result = told(*arguments, "--timeframe", "4h")
    (strategy,) = result["strategies"]
    assert (strategy["strategy"], strategy["matched"], strategy["missed"]) == ("ema_cross", 30, 0)
    assert of_symbol(result, None)["figures"]["funding"]["difference"]["mean"] == pytest.approx(0.0)


def test_only_the_asked_symbols_and_days_count(files: Files) -> None:
    for each in files.planned:
        if each.symbol == "BTCUSDT":
            files.log.trade(each, slippage_bps=2.0)
    assert told(*files.arguments(), code=UNWELL)["strategies"][0]["missed"] == 50
    result = told(*files.arguments("--symbols", "BTCUSDT"))
    assert result["strategies"][0]["matched"] == 25
    second = files.planned[12].entry_time + timedelta(days=1)
    limited = told(*files.arguments("--symbols", "BTCUSDT", "--start", f"{second:%Y-%m-%d}"))
    (strategy,) = limited["strategies"]
    assert strategy["matched"] + strategy["outside"] == 25
    assert strategy["matched"] < 13


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--timeframe": "7h"}, "--timeframe '7h' is not kept"),
        ({"--timeframe": None}, "does not say on which bars"),
        ({"--start": "2026-10-01", "--end": "2026-10-01"}, "nothing to compare"),
        ({"--held": "BTCUSDT"}, "--held 'BTCUSDT' is not understood"),
        ({"--symbols": "DOGEUSDT"}, "Unknown symbols: DOGEUSDT"),
    ],
)
def test_a_wrong_option_is_explained(files: Files, change: dict[str, str | None], message: str) -> None:
    files.log.trade(files.planned[0], slippage_bps=2.0)
    arguments = files.arguments()
    for option, value in change.items():
        if option in arguments:
            del arguments[arguments.index(option) : arguments.index(option) + 2]
        if value is not None:
            arguments += [option, value]
    error = CliRunner().invoke(app, ["compare-live", *arguments]).exception
    assert isinstance(error, UsageError)
    assert message in str(error)


def test_a_damaged_backtest_file_is_refused(files: Files) -> None:
    files.log.trade(files.planned[0], slippage_bps=2.0)
    arguments = files.arguments()
    (files.folder / "trades.parquet").write_bytes(b"PAR1 and nothing")
    error = CliRunner().invoke(app, ["compare-live", *arguments]).exception
    assert isinstance(error, UsageError)
    assert "trades.parquet is damaged" in str(error)
    pl.DataFrame({"symbol": ["BTCUSDT"]}).write_parquet(files.folder / "trades.parquet")
    error = CliRunner().invoke(app, ["compare-live", *arguments]).exception
    assert "trades.parquet has no column side, entry_time" in str(error)


@pytest.fixture
def desk(tmp_path: Path) -> Files:
    """A home whose last night made the files' trades, and those of BTCUSDT with a second strategy too."""
    files = Files(tmp_path)
    root = tmp_path / "home"
    Home(root).prepare(render_example(), {"FIXED_NOW": "2026-11-21T23:45:00+00:00"})
    run = tmp_path / "run"
    run.mkdir()
    trades = pl.concat(
        [
            trades_frame(files.planned, "trend"),
            trades_frame([each for each in files.planned if each.symbol == "BTCUSDT"], "carry"),
        ]
    )
    trades.write_parquet(run / "trades.parquet")
    for name in set(FRAMES) - {"trades"}:
        pl.DataFrame({"strategy": ["trend"]}).write_parquet(run / f"{name}.parquet")
    strategies = [{"name": name, "error": None, "timeframe": "4h"} for name in ("carry", "idle", "trend")]
    stamp = {"strategies": strategies, "cutoff": CUTOFF, "left_out": {"DOGEUSDT": "3 candles missing"}}
    (run / "stamp.json").write_text(json.dumps(stamp))
    night = datetime.fromisoformat(CUTOFF)
    ResultsStore(Home(root).results).publish(night.date(), run, now=night)
    return files


def of_home(files: Files, *more: str) -> list[str]:
    """The command line that compares with the home's last night."""
    path = files.folder / "fills.csv"
    path.write_text(files.log.fills_csv())
    return [str(path), "--home", str(files.folder / "home"), *more]


def test_the_last_night_of_the_home_is_compared_and_its_env_named(desk: Files) -> None:
    for each in desk.planned:
        desk.log.trade(each, slippage_bps=3.0)
    result = told(*of_home(desk, "--strategy", "trend", "--night", "2026-11-21"))
    assert result["backtest"] == "The night of 2026-11-21"
    assert result["strategies"][0]["matched"] == 75
    lines = call(*of_home(desk, "--strategy", "trend")).splitlines()
    assert lines[-1] == f"SLIPPAGE_BPS=3.00    ({(desk.folder / 'home').resolve() / '.env'})"


def test_what_came_after_the_nights_last_bar_is_outside_not_extra(desk: Files) -> None:
    desk.log.trade(desk.planned[0], slippage_bps=2.0)
    last = datetime.fromisoformat(CUTOFF).replace(hour=20, minute=0)
    later = Planned("ETHUSDT", 1, last, last + BAR / 8, 100.0, 101.0, 1.0, "signal", {})
    desk.log.trade(later, slippage_bps=2.0)
    result = told(*of_home(desk, "--strategy", "trend", "--symbols", "ETHUSDT"), code=UNWELL)
    (strategy,) = result["strategies"]
    assert (strategy["extra"], strategy["outside"]) == (0, 1)
    assert strategy["end"] == "2026-11-21T20:00:00Z"


def test_an_extra_trade_in_a_symbol_that_the_night_left_out_says_so(desk: Files) -> None:
    first = desk.planned[0]
    other = Planned("DOGEUSDT", 1, first.entry_time, first.exit_time, 1.0, 1.0, 1.0, "signal", {})
    for each in (first, other):
        desk.log.trade(each, slippage_bps=2.0)
    text = call(*of_home(desk, "--strategy", "trend"), code=UNWELL)
    assert "Left out of the night, so it could not trade them: DOGEUSDT." in text


def test_several_strategies_in_one_file_are_compared_each_with_its_own(desk: Files) -> None:
    for each in desk.planned:
        desk.log.trade(each, slippage_bps=2.0)
    for fill in desk.log.fills:
        fill["Strategy"] = "trend"
    mine = LiveLog()
    for each in desk.planned[1:25]:
        mine.trade(each, slippage_bps=2.0)
    desk.log.fills += [{**fill, "Strategy": "carry"} for fill in mine.fills]
    result = told(*of_home(desk), code=UNWELL)
    counts = [(row["strategy"], row["matched"], row["missed"], row["extra"]) for row in result["strategies"]]
    assert counts == [("carry", 24, 1, 0), ("trend", 75, 0, 0)]
    assert told(*of_home(desk, "--strategy", "trend"))["strategies"][0]["matched"] == 75


def test_a_strategy_that_never_traded_has_every_live_trade_extra(desk: Files) -> None:
    desk.log.trade(desk.planned[0], slippage_bps=2.0)
    result = told(*of_home(desk, "--strategy", "idle"), code=UNWELL)
    (strategy,) = result["strategies"]
    assert (strategy["matched"], strategy["missed"], strategy["extra"]) == (0, 0, 1)
    assert result["slippage"]["setting"] is None


def test_a_strategy_must_be_named_where_there_are_several_and_must_exist(desk: Files) -> None:
    desk.log.trade(desk.planned[0], slippage_bps=2.0)
    for more, message in (
        ((), "--strategy with one of carry, idle, trend"),
        (("--strategy", "foo"), "The night of 2026-11-21 has no strategy 'foo'"),
        (("--strategy", "trend", "--night", "2026-11-20"), "There is no night of 2026-11-20"),
    ):
        error = CliRunner().invoke(app, ["compare-live", *of_home(desk, *more)]).exception
        assert isinstance(error, UsageError)
        assert message in str(error)


def test_the_command_needs_no_dagster() -> None:
    code = (
        "import sys, crypto_bt.commands.compare_live, crypto_bt.defs.live_side, "
        "crypto_bt.commands.live_report, crypto_bt.backtest.live.compare, crypto_bt.store; "
        "print([name for name in sys.modules if name.split('.')[0] in ('dagster', 'numba', 'scipy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
