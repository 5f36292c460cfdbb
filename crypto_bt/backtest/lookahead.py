"""Truncate and compare: a target must not change when what came after it is taken away."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from crypto_bt.backtest.needs import NEEDS
from crypto_bt.backtest.signals import targets
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
    full = targets(strategy, candles, extras)
    closes = full["close_time"].unique().sort().to_list()
    for cut in sorted(random.Random(seed).sample(closes, min(cuts, len(closes)))):
        past = candles.filter(pl.col("open_time") + strategy.timeframe.delta <= cut)
        honest = targets(strategy, past, _known_by(cut, extras or {}))
        changed = (
            full.filter(pl.col("close_time") <= cut)
            .with_columns(honest=honest["target"])
            .filter(pl.col("target") != pl.col("honest"))
        )
        if not changed.is_empty():
            row = changed.sort("open_time", "symbol").row(0, named=True)
            return Leak(strategy.name, cut, row["symbol"], row["open_time"], row["target"], row["honest"])
    return None


def _known_by(cut: datetime, extras: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    moments = {need.dataset: (need.known, need.delay) for need in NEEDS.values()}
    known = dict(extras)
    for dataset, (column, delay) in moments.items():
        if dataset in known:
            known[dataset] = known[dataset].filter(pl.col(column) + delay <= cut)
    return known
