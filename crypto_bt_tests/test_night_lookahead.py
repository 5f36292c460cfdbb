"""A strategy of which any parameter set looks ahead is found out and never promoted."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import polars as pl
import pytest

from crypto_bt.backtest import night_verdicts
from crypto_bt.backtest.nightly import parameter_sets
from crypto_bt.backtest.nightly.compute import Night, compute_night
from crypto_bt.backtest.nightly.examining import works_across
from crypto_bt.backtest.spec import NightSpec
from crypto_bt.store import SnapshotStore
from crypto_bt.strategies import build_strategy
from crypto_bt.strategies.strategy import Strategy
from crypto_bt_tests.strategies.generic_market import market
from crypto_bt_tests.test_night import spec as night_spec

spec = night_spec


@dataclass(frozen=True)
class Follower(Strategy):
    """Follows the last bar's move; with ``lead``, one that is still to come. ``memory`` is of a longer past
    than the warm-up of all."""

    source = "none"
    lead: int = 0
    memory: int = 1

    @property
    def warm_up(self) -> int:
        return 10

    def target(self) -> pl.Expr:
        close = pl.col("close")
        now = close.shift(-self.lead).over("symbol")
        before = close.shift(self.memory - self.lead).over("symbol")
        return (now - before).sign().fill_null(0).cast(pl.Int8)


class Honest(Follower):
    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        return (cls(), cls(memory=2))


class SecondPeeks(Follower):
    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        return (cls(), cls(lead=1))


class SecondForgets(Follower):
    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        return (cls(), cls(memory=300))


def night(kind: type[Follower], spec: NightSpec, monkeypatch: pytest.MonkeyPatch) -> Night:
    monkeypatch.setattr(kind, "name", "follower")
    monkeypatch.setattr(parameter_sets, "build_strategy", lambda name, given: kind())
    asked = replace(spec, strategies={"follower": {}}, benchmark="buy_and_hold")
    return compute_night(SnapshotStore(Path(spec.store)), asked, lambda event: None)


def test_peeking_of_another_set_than_the_first_is_found_and_not_judged(
    spec: NightSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = night(SecondPeeks, spec, monkeypatch).entry("follower")
    assert entry["in_charge"]["lead"] == 1, "the walk-forward prefers the set that knows tomorrow"
    assert "With lead 1: follower looks ahead" in entry["lookahead"]
    assert entry["verdict"]["decision"] == "not computed"
    assert entry["lookahead"] in entry["verdict"]["reason"]
    assert entry["verdict"]["outcomes"][0]["value"] > 5.0, "its figures alone would have promoted it"
    assert not night_verdicts.no_lookahead({"strategies": [entry]}).passed


def test_honest_sets_are_all_examined_and_judged(spec: NightSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = night(Honest, spec, monkeypatch).entry("follower")
    assert entry["examined"] == 2
    assert entry["across_symbols"] is False
    assert entry["lookahead"] is None
    assert entry["verdict"]["decision"] != "not computed"
    assert entry["warm_up_analysis"]["unsettled"] == 0


@pytest.mark.parametrize(
    ("name", "across"),
    [
        ("relative_momentum", True),
        ("bitcoin_spread", True),
        ("ema_cross", False),
        ("squeeze_breakout", False),
    ],
)
def test_strategies_that_set_symbols_against_each_other_are_told_from_the_others(
    name: str, across: bool
) -> None:
    strategy = build_strategy(name)
    bars, extras = market(strategy.warm_up + 300)
    assert works_across(strategy, bars, extras) is across
    assert works_across(strategy, bars.filter(symbol=bars["symbol"][0]), extras) is False


def test_warm_up_of_another_set_than_the_first_is_told(
    spec: NightSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = night(SecondForgets, spec, monkeypatch).entry("follower")
    assert entry["warm_up_analysis"]["needed"] > 10
    assert entry["warm_up_analysis"]["text"].startswith("With memory 300: follower needs a warm-up")
    assert not night_verdicts.warm_up({"strategies": [entry]}).passed
