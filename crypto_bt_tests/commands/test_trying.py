"""sweep, walk-forward and portfolio on a home that has 200 days of four symbols."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from benchmarks.bench_night import START, market
from crypto_bt.cli import app
from crypto_bt.commands.homes import open_home
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.universe import UNIVERSE
from crypto_bt.defs import trial_ledger
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.settings import render_example
from crypto_bt.store import SnapshotStore

DAYS = 200
NOW = START + timedelta(days=DAYS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose clock stands at the end of its candles."""
    root = tmp_path_factory.mktemp("trying") / "home"
    values = {"FIXED_NOW": NOW.isoformat(), "SYMBOLS": ",".join(UNIVERSE[:4])}
    Home(root).prepare(render_example(), values)
    store = SnapshotStore(Home(root).store)
    store.publish(market(DAYS, 4), source="simulated:seed=0", published_by="a test", now=NOW)
    return root


def told(home: Path, *arguments: str) -> dict[str, Any]:
    """The JSON object that a command prints."""
    result = CliRunner().invoke(app, [*arguments, "--home", str(home), "--json"])
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(home: Path, *arguments: str) -> str:
    """The sentence with which a command refuses."""
    result = CliRunner().invoke(app, [*arguments, "--home", str(home)])
    assert isinstance(result.exception, CryptoBtError), result.output
    return str(result.exception)


def test_sweep_lists_every_set_best_first_and_says_how_likely_luck_is(home: Path) -> None:
    found = told(home, "sweep", "donchian_breakout", "--sort", "net_return")
    returns = [row["net_return"] for row in found["sets"]]
    assert len(returns) == 100
    assert returns == sorted(returns, reverse=True)
    assert sorted(row["parameter_set"] for row in found["sets"]) == list(range(100))
    assert 0.0 <= found["overfitting"]["pbo"] <= 1.0


def test_sweep_enters_what_it_tried_into_the_trial_ledger_once(home: Path) -> None:
    first = told(home, "sweep", "ema_cross")["overfitting"]["trials"]
    assert told(home, "sweep", "ema_cross")["overfitting"]["trials"] == first
    assert told(home, "sweep", "rsi_reversion")["overfitting"]["trials"] == first + 100


def test_trial_ledger_lost_between_nights_is_known_by_what_earlier_nights_counted(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk.open(open_home(home))
    earlier = [(NOW.date() - timedelta(days=1), {"trials": 1_234})]
    monkeypatch.setattr(trial_ledger, "stamps_before", lambda desk, night: earlier)
    tried = trial_ledger.record_trials(desk, NOW.date(), {"ema_cross": {}}, NOW)
    assert tried.count == 1_234
    assert "the night of 2023-07-19 counted 1,234" in tried.doubt


def test_sweep_of_fewer_symbols_and_days_sees_only_those(home: Path, tmp_path: Path) -> None:
    half = (START + timedelta(days=100)).date().isoformat()
    out = tmp_path / "walk"
    found = told(
        home, "walk-forward", "donchian_breakout", "--symbols", "2", "--end", half, "--train", "60",
        "--out", str(out),
    )  # fmt: skip
    trades = pl.read_parquet(out / "trades.parquet")
    assert set(trades["symbol"]) == set(UNIVERSE[:2])
    assert trades["exit_time"].max() <= START + timedelta(days=100)
    assert found["files"] == [
        str(out / f"{name}.{kind}") for name in ("windows", "equity", "trades") for kind in ("parquet", "csv")
    ]


def test_walk_forward_tests_each_choice_on_later_days_and_judges(home: Path) -> None:
    found = told(home, "walk-forward", "donchian_breakout", "--train", "60", "--test", "20", "--step", "20")
    assert len(found["windows"]) > 3
    for window in found["windows"]:
        assert window["train_end"] < window["test_start"] < window["in_charge_end"]
    assert found["verdict"]["decision"] in ("promote", "watch", "retire")
    assert found["figures"]["net_return"] is not None


def test_walk_forward_anchored_always_trains_from_the_first_day(home: Path) -> None:
    anchored = told(home, "walk-forward", "donchian_breakout", "--anchored")
    starts = {window["train_start"] for window in anchored["windows"]}
    rolling = told(home, "walk-forward", "donchian_breakout")
    assert len(starts) == 1
    assert len({window["train_start"] for window in rolling["windows"]}) == len(rolling["windows"])


def test_walk_forward_on_too_few_days_says_how_to_go_on(home: Path) -> None:
    end = (START + timedelta(days=70)).date().isoformat()
    said = refused(home, "walk-forward", "donchian_breakout", "--end", end)
    assert "70 days are too short" in said
    assert "--train" in said


def test_portfolio_keeps_to_the_desks_limits(home: Path, tmp_path: Path) -> None:
    found = told(
        home, "portfolio", "donchian_breakout", "--set", "3", "--leverage", "3", "--out", str(tmp_path)
    )
    bars = pl.read_parquet(tmp_path / "bar_equity.parquet")
    assert found["figures"]["trades"] > 0
    assert bars["positions"].max() <= 5
    entered = pl.read_parquet(tmp_path / "trades.parquet").with_columns(
        notional=pl.col("quantity") * pl.col("entry_price")
    )
    assert entered["notional"].max() <= 0.4 * bars["equity"].max() * 1.001
    assert len(pl.read_csv(tmp_path / "trades.csv")) == len(entered)


def test_portfolio_limits_are_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = told(home, "portfolio", "donchian_breakout", "--set", "3", "--leverage", "3")
    monkeypatch.setenv("RISK_MAX_POSITIONS", "1")
    narrow = told(home, "portfolio", "donchian_breakout", "--set", "3", "--leverage", "3")
    assert narrow["refusals"]["positions"] > wide["refusals"]["positions"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sweep", "donchian_breakout", "--sort", "luck"), "Choose from sharpe"),
        (("sweep", "no_such_idea"), "no_such_idea"),
        (("portfolio", "donchian_breakout", "--set", "100"), "from 0 to 99"),
        (("portfolio", "donchian_breakout", "--leverage", "20"), "allows 10"),
    ],
)
def test_what_cannot_be_tried_is_refused_in_a_sentence(
    home: Path, arguments: tuple[str, ...], words: str
) -> None:
    assert words in refused(home, *arguments)


def test_an_empty_home_says_how_to_load_it(tmp_path: Path) -> None:
    Home(tmp_path / "empty").prepare(render_example(), {"FIXED_NOW": NOW.isoformat()})
    assert "crypto-bt data backfill" in refused(tmp_path / "empty", "sweep", "ema_cross")
