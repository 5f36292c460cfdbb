"""Many portfolios at once: the same bits on any threads, the same figures as each alone."""

import hashlib
from dataclasses import replace

import numpy as np

from crypto_bt.backtest.bars import Bars
from crypto_bt.backtest.engine import Signals
from crypto_bt.backtest.kernel.shared_layout import SHARED_STATISTICS
from crypto_bt.backtest.layout import STATISTICS
from crypto_bt.backtest.portfolio_rules import PortfolioRules
from crypto_bt.backtest.rules import Costs, Distance, Exits, Rules, Sizing
from crypto_bt.backtest.shared_engine import SharedSet, record_shared, sweep_shared
from crypto_bt.backtest.signal_arrays import stacked
from crypto_bt_tests.backtest.reference_shared_campaign import arranged, lively_market


def sweep_sets() -> list[SharedSet]:
    return [
        SharedSet(
            row,
            Rules(Costs(slippage_bps=slip), Exits(stop_loss=Distance(stop)), Sizing(leverage=4.0)),
            PortfolioRules(daily_drawdown=daily, max_positions=positions, total_drawdown=None),
        )
        for row in (0, 1)
        for slip in (0.0, 3.0)
        for stop in (0.01, 0.04)
        for daily in (None, 0.02)
        for positions in (1, 4)
    ]


def sweep_inputs() -> tuple[Bars, Signals]:
    bars, signals = arranged(lively_market(3))
    backwards = replace(signals, targets=-signals.targets, atr=signals.atr)
    return bars, stacked([signals, backwards])


def test_one_thread_and_two_give_the_same_bits() -> None:
    bars, signals = sweep_inputs()
    hashes = set()
    for threads in (1, 2, 2):
        found = sweep_shared(bars, signals, sweep_sets(), capital=1_000.0, threads=threads)
        hashes.add(hashlib.sha256(found.statistics.tobytes() + found.daily.tobytes()).hexdigest())
    assert len(hashes) == 1


def test_a_sweep_gives_what_each_set_gives_alone() -> None:
    bars, signals = sweep_inputs()
    sets = sweep_sets()
    found = sweep_shared(bars, signals, sets, capital=1_000.0)
    assert found.daily.shape == (len(sets), bars.days + 1)
    assert found.days.tolist() == list(range(bars.first_day, bars.first_day + bars.days))
    for number in (0, 5, 15):
        recording = record_shared(bars, signals, sets[number].rules, sets[number].portfolio, capital=1_000.0)
        assert np.array_equal(recording.statistics, found.statistics[number])
        assert np.array_equal(recording.daily, found.daily[number])
    causes = [name for name in SHARED_STATISTICS if name.startswith("refused_")]
    refused = sum(found.statistics[:, SHARED_STATISTICS.index(name)] for name in causes)
    assert np.array_equal(refused, found.statistics[:, STATISTICS.index("refused")])
    assert found.statistics[:, SHARED_STATISTICS.index("daily_stops")].sum() > 0
