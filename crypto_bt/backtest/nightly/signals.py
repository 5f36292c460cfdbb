"""The signals of every parameter set, on the strategy's own bars and placed on those that are traded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    """``held``: targets (signal sets, rows) int8 in hundredths for the rows of ``bars``, or the file that
    holds them, so that only those being read take memory."""

    bars: SignalBars
    held: NDArray[np.int8] | Path

    @property
    def targets(self) -> NDArray[np.int8]:
        """All of them; let go of the array to have its memory back."""
        if isinstance(self.held, Path):
            found: NDArray[np.int8] = np.load(self.held, mmap_mode="r", allow_pickle=False)
            return found
        return self.held

    def on(self, placement: Placement) -> Signals:
        """As the kernel takes them, for the bars that are traded on."""
        rows = placement[self.bars.timeframe]
        known = rows[rows >= 0]
        first, end = (int(known.min()), int(known.max()) + 1) if len(known) else (0, 0)
        near = np.where(rows >= 0, rows - first, -1)
        held = self.targets
        targets = np.empty((len(held), len(rows)), np.int8)
        for number in range(len(held)):
            targets[number] = place(held[number, first:end], near, 0)
        return Signals(targets, atr=place(self.bars.atr[first:end], near, np.nan)[None, :])

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
    bars = market.signal_bars(sets[0].strategy.timeframe)
    return StrategySignals(bars, targets_of_sets(market, sets, advance))


def targets_of_sets(
    market: NightMarket, sets: Sequence[ParameterSet], advance: Callable[[int, int], None] | None = None
) -> NDArray[np.int8]:
    """(signal sets, rows) in hundredths, for the rows of the market's bars of the strategy's timeframe."""
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
    return targets
