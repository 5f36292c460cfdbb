"""Truncate and compare: a target must not change when what came after it is taken away."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from crypto_bt.backtest.needs import NEEDS
from crypto_bt.backtest.signals import evaluate, strategy_frame
from crypto_bt.strategies import Strategy


@dataclass(frozen=True, slots=True)
class Leak:
    """The first target that changed: ``full`` with all data, ``honest`` with what was known at ``cut``."""

    strategy: str
    cut: datetime
    symbol: str
    open_time: datetime
    full: int
    honest: int

    def __str__(self) -> str:
        return (
            f"{self.strategy} looks ahead: {self.symbol} at {self.open_time:%Y-%m-%d %H:%M} has the target "
            f"{self.full} with all data, but {self.honest} with data up to {self.cut:%Y-%m-%d %H:%M}."
        )


def find_lookahead(
    strategy: Strategy,
    candles: pl.DataFrame,
    extras: Mapping[str, pl.DataFrame] | None = None,
    *,
    cuts: int = 8,
    seed: int = 7,
) -> Leak | None:
    """Compare the targets of all data with those of data cut at ``cuts`` random closes; None if none differs.

    Candles count up to the cut by their close, extra rows by the moment they are known. The same ``seed``
    cuts at the same times.
    """
    found = find_lookaheads([strategy], candles, extras, cuts=cuts, seed=seed)
    return found[0]


def find_lookaheads(
    strategies: Sequence[Strategy],
    candles: pl.DataFrame,
    extras: Mapping[str, pl.DataFrame] | None = None,
    *,
    cuts: int = 8,
    seed: int = 7,
) -> list[Leak | None]:
    """:func:`find_lookahead` of each of ``strategies``, which see the same timeframe and needs: each cut of
    the data is made once for all. No cut is in the warm-up of all, where every target is flat."""
    frame = strategy_frame(candles, strategies[0], extras)
    full = [evaluate(strategy, frame)["target"] for strategy in strategies]
    close_time = frame["close_time"]
    found: list[Leak | None] = [None] * len(strategies)
    del frame  # it is as large as the candles, and the cuts need as much again
    flat = min(strategy.warm_up for strategy in strategies)
    closes = close_time.unique().sort().to_list()[flat:]
    for cut in sorted(random.Random(seed).sample(closes, min(cuts, len(closes)))):
        known = close_time <= cut
        past = candles.filter(pl.col("open_time") + strategies[0].timeframe.delta <= cut)
        seen = strategy_frame(past, strategies[0], _known_by(cut, extras or {}))
        del past
        for number, strategy in enumerate(strategies):
            if found[number] is None:
                honest = evaluate(strategy, seen)
                found[number] = _leak(strategy.name, cut, honest, full[number].filter(known))
    return found


def _leak(name: str, cut: datetime, honest: pl.DataFrame, full: pl.Series) -> Leak | None:
    changed = honest.with_columns(full=full).filter(pl.col("full") != pl.col("target"))
    if changed.is_empty():
        return None
    row = changed.sort("open_time", "symbol").row(0, named=True)
    return Leak(name, cut, row["symbol"], row["open_time"], row["full"], row["target"])


def _known_by(cut: datetime, extras: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    moments = {need.dataset: (need.known, need.delay) for need in NEEDS.values()}
    known = dict(extras)
    for dataset, (column, delay) in moments.items():
        if dataset in known:
            known[dataset] = known[dataset].filter(pl.col(column) + delay <= cut)
    return known
