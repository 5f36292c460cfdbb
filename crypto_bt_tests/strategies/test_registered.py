"""Strategies that an installed package registers: found, named, and never able to stop ours."""

import importlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from crypto_bt.backtest import find_lookahead, targets
from crypto_bt.core.errors import BacktestError
from crypto_bt.strategies import build_strategy, strategy_classes, strategy_names, strategy_problems
from crypto_bt.strategies.content import content_digest
from crypto_bt_tests.strategies.generic_market import market

CLASS = '''"""A desk's own."""

from dataclasses import dataclass

import polars as pl

from crypto_bt.strategies import Strategy, bar_by_bar


@dataclass(frozen=True)
class Momentum(Strategy):
    """Long what rose, short what fell, over some bars."""

    length: int = 20
    warm_up = property(lambda self: self.length)

    def target(self) -> pl.Expr:
        return (pl.col("close") - pl.col("close").shift(self.length)).sign().over("symbol")


@bar_by_bar(lookback=10)
def above_average(frame: pl.DataFrame) -> float:
    """Long above the average of the last closes, short below it."""
    return 1.0 if frame["close"][-1] > frame["close"].mean() else -1.0


class Unfinished(Strategy):
    """Has no target."""

    warm_up = property(lambda self: 0)


@dataclass(frozen=True)
class Demanding(Momentum):
    """Cannot be built without being told its path."""

    path: str = ""

    def __post_init__(self) -> None:
        self.require(bool(self.path), "path")


def plain(frame: pl.DataFrame) -> float:
    return 0.0
'''


def install(folder: Path, package: str, text: str, entries: Mapping[str, str], version: str = "1.2") -> None:
    """A distribution as pip leaves it: a module and its .dist-info."""
    module = package.replace("-", "_")
    (folder / f"{module}.py").write_text(text)
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    lines = [f"{name} = {value}" for name, value in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(["[crypto_bt.strategies]", *lines]) + "\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder on the import path; its modules have names of this test's own."""
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return tmp_path


def test_registered_class_is_found_by_its_entry_name_and_builds_like_ours(site: Path) -> None:
    before = strategy_names()
    install(site, "desk-one", CLASS, {"desk_momentum": "desk_one:Momentum"})
    assert set(strategy_names()) == {*before, "desk_momentum"}
    strategy = build_strategy("desk_momentum", {"length": 5})
    assert (strategy.name, strategy.warm_up, strategy.parameters["length"]) == ("desk_momentum", 5, 5)
    assert strategy == build_strategy("desk_momentum", {"length": 5})
    assert [one.name for one in type(strategy).grid()] == ["desk_momentum"]
    assert strategy_classes()["desk_momentum"] is type(strategy)
    assert strategy_problems() == []


def test_registered_strategies_keep_what_every_strategy_keeps(site: Path) -> None:
    install(
        site, "desk-two", CLASS, {"desk_rose": "desk_two:Momentum", "desk_above": "desk_two:above_average"}
    )
    bars, extras = market(200)
    for name in ("desk_rose", "desk_above"):
        strategy = build_strategy(name)
        assert targets(strategy, bars, extras)["target"].abs().sum() > 0
        assert find_lookahead(strategy, bars, extras, cuts=5) is None


def test_registered_function_keeps_its_own_and_its_registered_name(site: Path) -> None:
    install(
        site,
        "desk-three",
        CLASS,
        {"above_average": "desk_three:above_average", "desk_mean": "desk_three:above_average"},
    )
    assert {build_strategy(name).name for name in ("above_average", "desk_mean")} == {
        "above_average",
        "desk_mean",
    }


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ema_cross", "desk:Momentum", "crypto_bt has a strategy of that name"),
        ("Desk-Momentum", "desk:Momentum", "'Desk-Momentum' is no name for a strategy"),
        ("desk_gone", "nothing_of_that_name:X", "fails to load: ModuleNotFoundError"),
        ("desk_gone", "desk:Vanished", "fails to load: AttributeError"),
        ("desk_plain", "desk:plain", r"is <function plain .*>\. Register a subclass .* @bar_by_bar"),
        ("desk_half", "desk:Unfinished", "does not define target"),
        ("desk_path", "desk:Demanding", "cannot be built without arguments: BacktestError: .* requires path"),
    ],
)
def test_registered_wrongly_is_reported_by_name_and_stops_nobody(
    site: Path, name: str, value: str, reason: str
) -> None:
    ours = build_strategy("ema_cross")
    module = f"desk_{site.name}"
    install(
        site, module, CLASS, {name: value.replace("desk:", f"{module}:"), "desk_good": f"{module}:Momentum"}
    )
    [problem] = strategy_problems()
    assert (problem.name, problem.package) == (name, f"{module} 1.2")
    assert str(problem).startswith(f"{name} of {module} 1.2 is left out: ")
    with pytest.raises(BacktestError, match=reason):
        raise BacktestError(problem.reason)
    classes = strategy_classes()
    assert classes["desk_good"]().name == "desk_good"
    assert classes["ema_cross"]() == ours
    if name != "ema_cross":
        assert name not in classes
        with pytest.raises(BacktestError, match=reason):
            build_strategy(name)


def test_registered_package_that_fails_at_import_names_itself(site: Path) -> None:
    install(site, "desk-broken", "raise RuntimeError('no licence')\n", {"desk_broken": "desk_broken:X"})
    with pytest.raises(BacktestError, match=r"desk_broken of desk-broken 1\.2 .* RuntimeError: no licence"):
        build_strategy("desk_broken")
    assert build_strategy("ema_cross").name == "ema_cross"
    assert [problem.name for problem in strategy_problems()] == ["desk_broken"]


def test_registered_twice_by_different_packages_is_nobody_s(site: Path) -> None:
    install(site, "desk-left", CLASS, {"desk_same": "desk_left:Momentum"})
    install(site, "desk-right", CLASS, {"desk_same": "desk_right:Momentum"})
    assert "desk_same" not in strategy_names()
    assert [problem.package for problem in strategy_problems()] == ["desk-left 1.2", "desk-right 1.2"]
    with pytest.raises(BacktestError, match=r"desk-right 1\.2 registers that name too"):
        build_strategy("desk_same")


def test_content_digest_tells_one_s_own_code_from_its_next_version(site: Path) -> None:
    install(site, "desk-four", CLASS, {"desk_four": "desk_four:Momentum"})
    strategy = build_strategy("desk_four")
    before = content_digest(strategy)
    assert before == content_digest(build_strategy("desk_four", {"length": 3}))
    (site / "desk_four.py").write_text(CLASS + "# changed\n")
    assert content_digest(strategy) != before
