"""A sweep is many simulations; a walk-forward chooses among them."""

import random

import numpy as np
import polars as pl
import pytest

from crypto_bt.backtest import Costs, Distance, Exits, Rules, simulate, sweep, walk_forward
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.markets import candles, random_bars, random_targets, wanted

SYMBOLS = ("AAAUSDT", "BBBUSDT")
BARS = 6 * 150
RULES = [Rules(), Rules(Costs(10.0), Exits(stop_loss=Distance(0.03), take_profit=Distance(0.05)))]


def market(seed: int, signal_sets: int) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    rng = random.Random(seed)
    bars = candles({symbol: random_bars(rng, BARS, wild=0.01) for symbol in SYMBOLS})
    targets = {
        f"set {number}": wanted({symbol: random_targets(rng, BARS) for symbol in SYMBOLS})
        for number in range(signal_sets)
    }
    return bars, targets


@pytest.mark.parametrize("threads", [1, 2])
def test_sweep_rows_are_those_of_simulations(threads: int) -> None:
    bars, targets = market(3, 3)
    found = sweep(bars, targets, RULES, timeframe=Timeframe.H4, threads=threads)
    assert found.table.height == 6
    for row in found.table.iter_rows(named=True):
        one = simulate(bars, targets[row["signals"]], timeframe=Timeframe.H4, rules=RULES[row["rules"]])
        every = one.metrics.filter(symbol="ALL").row(0, named=True)
        for name in ("net_return", "sharpe", "max_drawdown", "win_rate", "profit_factor", "commission"):
            assert row[name] == pytest.approx(every[name], rel=1e-12), (name, row["parameter_set"])
        assert row["trades"] == every["trades"] > 0
        curve = found.equity(row["parameter_set"])
        assert curve["time"].to_list() == one.equity["time"].to_list()
        assert curve["equity"].to_numpy() == pytest.approx(one.equity["equity"].to_numpy(), rel=1e-12)


def test_sweep_of_more_signals_than_one_run_holds_keeps_their_order() -> None:
    bars, targets = market(4, 35)
    found = sweep(bars, list(targets.values()), RULES[:1], timeframe=Timeframe.H4)
    alone = sweep(bars, [targets["set 34"]], RULES[:1], timeframe=Timeframe.H4)
    assert found.table["signals"].to_list() == [str(number) for number in range(35)]
    assert np.array_equal(found.daily[34], alone.daily[0])


def test_walk_forward_shows_days_after_the_training_alone() -> None:
    bars, targets = market(5, 4)
    found = sweep(bars, targets, RULES, timeframe=Timeframe.H4)
    walk = walk_forward(found, train=60, test=30, step=15)
    assert len(walk.days) == len(found.days) - 61
    row = int(walk.chosen[0])
    first = 61
    expected = found.daily[row, first + 1] / found.daily[row, first] - 1.0
    assert walk.returns[0] == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(("targets", "rules"), [([], RULES), (None, [])])
def test_sweep_of_nothing_is_refused(targets: list[pl.DataFrame] | None, rules: list[Rules]) -> None:
    bars, some = market(6, 1)
    with pytest.raises(BacktestError, match="Give one of each"):
        sweep(bars, some if targets is None else targets, rules, timeframe=Timeframe.H4)


def test_walk_forward_of_too_few_days_says_so() -> None:
    bars, targets = market(7, 1)
    found = sweep(bars, targets, RULES, timeframe=Timeframe.H4)
    with pytest.raises(BacktestError, match="too short"):
        walk_forward(found, train=200)
