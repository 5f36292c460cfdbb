"""The signals of every parameter set, on the strategy's own bars and placed on those that are traded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.engine import Signals
from crypto_bt.backtest.needs import datasets_needed
from crypto_bt.backtest.nightly.market import NightMarket, Placement, SignalBars
from crypto_bt.backtest.nightly.parameter_sets import ParameterSet
from crypto_bt.backtest.signal_arrays import place
from crypto_bt.backtest.signals import evaluate, hundredths, strategy_frame


@dataclass(frozen=True)
class StrategySignals:
    """``targets`` (signal sets, rows) int8 in hundredths, for the rows of ``bars``."""

    bars: SignalBars
    targets: NDArray[np.int8]

    def on(self, placement: Placement) -> Signals:
        """As the kernel takes them, for the bars that are traded on."""
        rows = placement[self.bars.timeframe]
        targets = np.empty((len(self.targets), len(rows)), np.int8)
        for number, values in enumerate(self.targets):
            targets[number] = place(values, rows, 0)
        return Signals(targets, atr=place(self.bars.atr, rows, np.nan)[None, :])

    def newest(self, signal_set: int) -> pl.DataFrame:
        """symbol, open_time, target, close_time, valid_until of each symbol's last bar.

        A target counts from its bar's close until the next bar closes.
        """
        targets = self.bars.rows.with_columns(
            pl.col("symbol").cast(pl.String),
            target=pl.Series(self.targets[signal_set]).cast(pl.Float64) / 100,
        )
        return (
            targets.group_by("symbol", maintain_order=True)
            .last()
            .select(
                "symbol",
                "open_time",
                "target",
                "close_time",
                valid_until=pl.col("close_time") + self.bars.timeframe.delta,
            )
            .sort("symbol")
        )


def signals_of_sets(
    market: NightMarket, sets: Sequence[ParameterSet], advance: Callable[[int, int], None] | None = None
) -> StrategySignals:
    """Evaluate each distinct signal of ``sets``; raises :class:`BacktestError` as :func:`evaluate` does.

    ``advance`` is told how many signals are done, and of how many.
    """
    strategies = {each.signal_set: each.strategy for each in sets}
    first = strategies[0]
    extras = {dataset: market.needed(dataset) for dataset in sorted(datasets_needed(first.needs))}
    frame = strategy_frame(market.candles(first.timeframe), first, extras)
    targets = np.empty((len(strategies), len(frame)), np.int8)
    for number, strategy in sorted(strategies.items()):
        found = evaluate(strategy, frame)
        targets[number] = found.select(hundredths(pl.col("target")))["target"].to_numpy()
        if advance:
            advance(number + 1, len(strategies))
    return StrategySignals(market.signal_bars(first.timeframe), targets)
