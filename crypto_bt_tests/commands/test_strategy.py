"""strategy list, show, new: what there is is told, and a new file works at once."""

import importlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crypto_bt.backtest import find_lookahead, targets
from crypto_bt.cli import app
from crypto_bt.commands.output import UNWELL
from crypto_bt.core.errors import BacktestError, CryptoBtError, UsageError
from crypto_bt.strategies import build_strategy, strategy_names
from crypto_bt_tests.strategies.generic_market import market
from crypto_bt_tests.strategies.test_registered import CLASS, install


def call(*arguments: str, code: int = 0) -> str:
    """What ``crypto-bt strategy`` prints; asserts its exit code."""
    result = CliRunner().invoke(app, ["strategy", *arguments])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result.stdout


def refused(*arguments: str) -> CryptoBtError:
    """The error with which it refuses."""
    error = CliRunner().invoke(app, ["strategy", *arguments]).exception
    assert isinstance(error, CryptoBtError)
    return error


def test_strategy_list_names_every_strategy_within_eighty_columns() -> None:
    lines = call("list").splitlines()
    assert [line.split()[0] for line in lines[1:]] == strategy_names()
    assert max(len(line.rstrip()) for line in lines) <= 80


def test_strategy_list_speaks_json() -> None:
    told = json.loads(call("list", "--json"))
    assert [one["name"] for one in told["strategies"]] == strategy_names()
    assert told["problems"] == []
    donchian = next(one for one in told["strategies"] if one["name"] == "donchian_breakout")
    assert donchian["timeframe"] == "4h"
    assert donchian["warm_up"] == 40
    assert len(donchian["grid"]) == len(donchian["exits"]) == 10
    assert donchian["exits"][0] == {"stop_loss": 0.08}


def test_strategy_list_reports_a_broken_package_and_still_lists_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    install(
        tmp_path, "desk-listed", CLASS, {"desk_listed": "desk_listed:Momentum", "ema_cross": "desk_listed:X"}
    )
    text = call("list", code=UNWELL)
    assert "desk_listed" in text
    assert "desk-listed" in text
    assert "ema_cross of desk-listed 1.2 is left out: crypto_bt has a strategy of that name" in text
    assert json.loads(call("list", "--json", code=UNWELL))["problems"][0]["from"] == "desk-listed 1.2"
    assert "desk_listed (desk-listed 1.2)" in call("show", "desk_listed")


@pytest.mark.parametrize("name", strategy_names())
def test_strategy_show_tells_idea_source_parameters_needs_and_grid(name: str) -> None:
    text, told = call("show", name), json.loads(call("show", name, "--json"))
    strategy = build_strategy(name)
    assert told["idea"]
    assert told["warm_up"] == strategy.warm_up
    assert told["needs"] == list(strategy.needs)
    assert {row["name"]: row["default"] for row in told["parameters"]} == strategy.parameters
    assert len(told["grid"]) == len(strategy.grid())
    for word in (f"warm-up  {strategy.warm_up} bars", "parameter ", "ways to leave", *strategy.needs):
        assert word in text


def test_strategy_show_of_ours_names_the_source_and_when_it_fails() -> None:
    for name in ("bitcoin_spread", "funding_carry", "relative_momentum", "squeeze_breakout"):
        told = json.loads(call("show", name, "--json"))
        assert told["from"] == "crypto_bt"
        assert told["source"]
        assert "ails" in told["idea"]


def test_strategy_show_unknown_name_is_refused_with_the_list() -> None:
    error = refused("show", "ema_crossing")
    assert isinstance(error, BacktestError)
    assert "ema_cross" in error.mend


def test_strategy_new_in_one_s_own_package_keeps_what_every_strategy_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = tmp_path / "desk_new"
    house.mkdir()
    (house / "__init__.py").touch()
    told = json.loads(call("new", "my_idea", "--into", str(house), "--json"))
    assert told["entry_point"] == 'my_idea = "desk_new.my_idea:MyIdea"'
    assert Path(told["path"]) == house / "my_idea.py"
    monkeypatch.syspath_prepend(str(tmp_path))
    package = importlib.import_module("desk_new")
    strategy = build_strategy("my_idea", package=package)
    bars, extras = market(strategy.warm_up + 250)
    assert targets(strategy, bars, extras)["target"].abs().sum() > 0
    assert find_lookahead(strategy, bars, extras, cuts=5) is None
    assert strategy.grid()[0] == strategy
    assert len(set(strategy.grid())) == 5


def test_strategy_new_tells_how_to_register_it(tmp_path: Path) -> None:
    text = call("new", "my_idea", "--into", str(tmp_path))
    assert '[project.entry-points."crypto_bt.strategies"]' in text
    assert 'my_idea = "my_idea:MyIdea"' in text


@pytest.mark.parametrize("name", ["My-Idea", "1st", "x", "lambda", "a" * 41, "../idea", "my idea", ""])
def test_strategy_new_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    error = refused("new", "--into", str(tmp_path), "--", name)
    assert isinstance(error, UsageError)
    assert "is no name for a strategy" in error.what
    assert list(tmp_path.iterdir()) == []


def test_strategy_new_never_overwrites_and_never_takes_a_name(tmp_path: Path) -> None:
    (tmp_path / "my_idea.py").write_text("mine")
    assert "exists" in refused("new", "my_idea", "--into", str(tmp_path)).what
    assert (tmp_path / "my_idea.py").read_text() == "mine"
    assert "There is a strategy ema_cross (crypto_bt)" in refused("new", "ema_cross").what
    assert "exists" in refused("new", "catalogue").what
    assert "There is no folder" in refused("new", "my_idea", "--into", str(tmp_path / "gone")).what
