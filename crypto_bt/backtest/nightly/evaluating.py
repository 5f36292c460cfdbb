"""A strategy's signals and what is told of them, evaluated here or wherever the night wants it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest.nightly.examining import examine
from crypto_bt.backtest.nightly.market import NightMarket
from crypto_bt.backtest.nightly.parameter_sets import distinct_signals, parameter_sets
from crypto_bt.backtest.nightly.signals import targets_of_sets
from crypto_bt.core.errors import BacktestError
from crypto_bt.strategies.content import content_digest


@dataclass(frozen=True)
class Evaluated:
    """``told`` of the strategy ``name``, and its ``targets`` (signal sets, rows; or the file that holds
    them); or the ``error`` for which there are none."""

    name: str
    told: Mapping[str, Any]
    targets: NDArray[np.int8] | Path | None
    error: str | None = None


#: Gives the strategies of these names, in their order.
Evaluate = Callable[[NightMarket, Sequence[str]], Iterator[Evaluated]]


def evaluate_here(say: Callable[[Mapping[str, Any]], None]) -> Evaluate:
    """One after the other in this process; a strategy that is refused is told of, and the others go on."""

    def evaluate(market: NightMarket, names: Sequence[str]) -> Iterator[Evaluated]:
        for number, name in enumerate(names, start=1):
            try:
                told, targets = evaluate_strategy(market, name)
                found = Evaluated(name, told, targets)
            except BacktestError as error:
                found = Evaluated(name, {}, None, str(error))
            count = {"done": number, "of": len(names)}
            say({"event": "progress", "strategy": name, "error": found.error, **count})
            yield found

    return evaluate


def evaluated_before(found: Mapping[str, Evaluated]) -> Evaluate:
    """What was evaluated already, by name."""

    def evaluate(market: NightMarket, names: Sequence[str]) -> Iterator[Evaluated]:
        for name in names:
            yield found[name]

    return evaluate


def evaluate_strategy(market: NightMarket, name: str) -> tuple[dict[str, Any], NDArray[np.int8]]:
    """What is told of the strategy, and its targets (signal sets, rows) in hundredths.

    Raises :class:`BacktestError` as :func:`crypto_bt.backtest.signals.evaluate` does.
    """
    sets = parameter_sets(name, market.spec.strategies[name])
    first = sets[0].strategy
    told = {
        "parameters": first.parameters,
        "timeframe": first.timeframe.value,
        "needs": list(first.needs),
        "warm_up": first.warm_up,
        "content": content_digest(first),
        "parameter_sets": len(sets),
    }
    targets = targets_of_sets(market, sets)
    return told | examine(distinct_signals(sets), market), targets
