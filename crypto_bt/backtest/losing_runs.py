"""Losses in a row: those of each test window, and how many chance alone would bring.

A strategy that trades often enough meets any limit on them some day, however good it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from crypto_bt.backtest.trade_metrics import closed, losing_streak
from crypto_bt.core.errors import BacktestError

#: A further term of the expected longest run below this changes no digit that is shown.
_NEGLIGIBLE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class WindowLosses:
    """Closed trades of one test window, how many of them lost, and the most lost ones in a row."""

    closed_trades: int
    lost: int
    longest: int


def window_losses(
    trades: pl.DataFrame, spans: Sequence[tuple[datetime, datetime]]
) -> tuple[WindowLosses, ...]:
    """The losses of ``trades`` (exit_time, exit_reason, net_pnl, symbol, entry_time) in each span.

    A trade belongs to the span [start, end) that holds its exit; a net result of 0 counts as lost, as in
    :func:`crypto_bt.backtest.trade_metrics.losing_streak`.
    """
    ended = closed(trades)
    found = []
    for start, end in spans:
        inside = (pl.col("exit_time") >= start) & (pl.col("exit_time") < end)
        results = ended.filter(inside)["net_pnl"].to_numpy()
        found.append(WindowLosses(len(results), int((results <= 0.0).sum()), losing_streak(results)))
    return tuple(found)


def chance_of_run(trades: Sequence[int], loss_rate: float, run: int) -> float:
    """The probability that ``run`` losses in a row, or more, occur in any of several windows.

    Trades are taken for independent, each lost with the probability ``loss_rate``; ``trades`` is their
    number in each window. Exact, by the recursion for the probability of no such run,
    Q(n) = Q(n - 1) - (1 - p) p^r Q(n - r - 1), Q(n < r) = 1, Q(r) = 1 - p^r (de Moivre 1738; Feller 1968,
    XIII.7), multiplied over the windows. Raises BacktestError for a rate outside [0, 1] or a run below 1.
    """
    if not 0.0 <= loss_rate <= 1.0 or run < 1:
        raise BacktestError(
            f"A run of {run} losses at the loss rate {loss_rate}.", "Give a rate from 0 to 1 and a run of 1."
        )
    power = loss_rate**run
    without = [1.0] * min(run, max(trades, default=0) + 1)
    for count in range(run, max(trades, default=0) + 1):
        before = without[count - run - 1] if count > run else 1.0
        step = power if count == run else (1.0 - loss_rate) * power * before
        without.append(max(0.0, without[-1] - step))
    return 1.0 - math.prod(without[count] for count in trades)


def expected_longest_run(trades: Sequence[int], loss_rate: float) -> float:
    """The longest run of losses to be expected in any of several windows: the sum over r of
    :func:`chance_of_run`, which is about ln(n (1 - p)) / ln(1 / p) for one window of n (Schilling 1990)."""
    total = 0.0
    for run in range(1, max(trades, default=0) + 1):
        chance = chance_of_run(trades, loss_rate, run)
        total += chance
        if chance < _NEGLIGIBLE:
            break
    return total
