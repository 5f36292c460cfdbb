"""Every parameter set of every strategy simulated at once, a few symbols at a time, into daily equity."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest.engine import run
from crypto_bt.backtest.funding import MARK_SOURCES
from crypto_bt.backtest.layout import STATISTICS
from crypto_bt.backtest.nightly.market import NightMarket
from crypto_bt.backtest.nightly.parameter_sets import ParameterSet
from crypto_bt.backtest.nightly.signals import StrategySignals
from crypto_bt.backtest.parameters import parameter_array

#: Told how many are done, and of how many.
Advance = Callable[[int, int], None]


@dataclass(frozen=True)
class Trial:
    """One strategy as the night tries it."""

    sets: Sequence[ParameterSet]
    signals: StrategySignals


@dataclass(frozen=True)
class Swept:
    """``daily`` (parameter sets, days + 1): equity of all symbols in quote at each UTC midnight, the first
    column the start. ``statistics`` (parameter sets, 19): the kernel's, added over the symbols."""

    daily: NDArray[np.float64]
    statistics: NDArray[np.float64]


@dataclass
class Sweeps:
    """``swept`` by strategy, and what the bars of all symbols used for funding."""

    swept: dict[str, Swept] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MARK_SOURCES, 0))
    symbols_without_funding: set[str] = field(default_factory=set)


def sweep_all(market: NightMarket, trials: Mapping[str, Trial], advance: Advance | None = None) -> Sweeps:
    """Simulate all ``trials`` on every symbol; the symbols share the initial capital equally.

    The sum over the symbols has one order, so the result does not depend on groups or threads. ``advance`` is
    told of the symbols.
    """
    spec, first_last = market.spec, market.days
    days = first_last[1] - first_last[0] + 1
    capital = spec.initial_capital / len(market.traded_symbols)
    found = Sweeps()
    parameters = {
        name: parameter_array(
            [(each.signal_set, each.rules(spec.costs, spec.execution)) for each in trial.sets]
        )
        for name, trial in trials.items()
    }
    for name, trial in trials.items():
        count = len(trial.sets)
        found.swept[name] = Swept(np.zeros((count, days + 1)), np.zeros((count, len(STATISTICS))))
    done = 0
    for bars, placement in market.execution_groups(first_last):
        for source, count in bars.funding_use.marks.items():
            found.marks[source] += count
        found.symbols_without_funding.update(bars.funding_use.symbols_without)
        for name, trial in trials.items():
            swept = found.swept[name]
            statistics = run(
                bars,
                trial.signals.on(placement),
                parameters[name],
                capital=capital,
                threads=spec.threads,
                daily=swept.daily,
            )
            for of_symbol in statistics:
                swept.statistics[:] += of_symbol
        done += len(bars.symbols)
        if advance:
            advance(done, len(market.traded_symbols))
    return found
