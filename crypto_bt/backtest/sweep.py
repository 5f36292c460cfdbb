"""Many parameter sets at once: every set of signals under every set of rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest import metrics
from crypto_bt.backtest.bars import arrange_bars
from crypto_bt.backtest.contracts import Contract
from crypto_bt.backtest.engine import MAX_SIGNAL_SETS, run
from crypto_bt.backtest.layout import STATISTICS
from crypto_bt.backtest.parameters import parameter_array
from crypto_bt.backtest.rules import Rules
from crypto_bt.backtest.signal_arrays import signals_of, stacked
from crypto_bt.backtest.walk_forward import WalkForward, windows
from crypto_bt.backtest.walk_forward import walk_forward as walk
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import UTC_MS

#: One row a parameter set, in the order tried. Fractions; money in quote, added over the symbols.
SWEEP_SCHEMA: Final[dict[str, pl.DataType]] = {
    "parameter_set": pl.Int32(),
    "signals": pl.String(),
    "rules": pl.Int32(),
    "net_return": pl.Float64(),
    "annual_return": pl.Float64(),
    "sharpe": pl.Float64(),
    "sortino": pl.Float64(),
    "max_drawdown": pl.Float64(),
    "trades": pl.Int64(),
    "win_rate": pl.Float64(),
    "profit_factor": pl.Float64(),
    "commission": pl.Float64(),
    "slippage": pl.Float64(),
    "funding": pl.Float64(),
    "liquidations": pl.Int64(),
    "refused": pl.Int64(),
    "decided_finer": pl.Int64(),
    "decided_by_stop": pl.Int64(),
}
_COUNTS: Final = ("liquidations", "refused", "decided_finer", "decided_by_stop")


@dataclass(frozen=True)
class Sweep:
    """``table`` in :data:`SWEEP_SCHEMA`; ``daily`` (parameter sets, days + 1) float64: equity of all symbols
    in quote, the first column the start, then the end of each of ``days`` (UTC days since 1970)."""

    table: pl.DataFrame
    daily: NDArray[np.float64]
    days: NDArray[np.int64]

    def equity(self, parameter_set: int) -> pl.DataFrame:
        """time and equity (1.0 at the start) of one parameter set, at UTC midnights."""
        marks = self.daily[parameter_set] / self.daily[parameter_set, 0]
        start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=int(self.days[0]))
        times = [start + timedelta(days=day) for day in range(len(marks))]
        return pl.DataFrame({"time": pl.Series(times, dtype=UTC_MS), "equity": marks})


def sweep(
    candles: pl.DataFrame,
    targets: Mapping[str, pl.DataFrame] | Sequence[pl.DataFrame],
    rules: Sequence[Rules],
    *,
    timeframe: Timeframe | str,
    target_timeframe: Timeframe | str | None = None,
    funding_rates: pl.DataFrame | None = None,
    mark_prices: pl.DataFrame | None = None,
    finer: pl.DataFrame | None = None,
    contracts: Mapping[str, Contract] | None = None,
    initial_capital: float = 10_000.0,
    threads: int = 1,
) -> Sweep:
    """Backtest each of ``targets`` (by label, or numbered) under each of ``rules``; targets outer.

    Frames and rules as for :func:`crypto_bt.backtest.simulate`. The result does not depend on ``threads``.
    All figures are in sample: the best row is partly luck, which :func:`walk_forward` and the statistics of
    this package measure. Raises :class:`BacktestError` without targets or rules, and as ``simulate`` does.
    """
    named = dict(targets) if isinstance(targets, Mapping) else {str(n): t for n, t in enumerate(targets)}
    if not named or not rules:
        raise BacktestError(f"A sweep of {len(named)} signals x {len(rules)} rules.", "Give one of each.")
    if initial_capital <= 0.0:
        raise BacktestError(f"The initial capital is {initial_capital}.", "It must be above 0.")
    timeframe = Timeframe(timeframe)
    of_targets = Timeframe(target_timeframe) if target_timeframe else timeframe
    candles = candles.sort("symbol", "open_time")
    bars = arrange_bars(
        candles,
        timeframe,
        funding_rates=funding_rates,
        mark_prices=mark_prices,
        finer=finer,
        contracts=contracts,
    )
    labels = list(named)
    daily = np.zeros((len(labels) * len(rules), bars.days + 1))
    statistics = np.zeros((len(daily), len(STATISTICS)))
    for first in range(0, len(labels), MAX_SIGNAL_SETS):
        part = labels[first : first + MAX_SIGNAL_SETS]
        signals = stacked([signals_of(candles, named[each], timeframe, of_targets) for each in part])
        parameters = parameter_array([(row, each) for row in range(len(part)) for each in rules])
        span = slice(first * len(rules), (first + len(part)) * len(rules))
        of_symbols = run(
            bars,
            signals,
            parameters,
            capital=initial_capital / len(bars.symbols),
            threads=threads,
            daily=daily[span],
        )
        statistics[span] = of_symbols.sum(axis=0)
    rows = [
        _row(number, label, rule, daily[number], statistics[number])
        for number, (label, rule) in enumerate((each, rule) for each in labels for rule in range(len(rules)))
    ]
    days = np.arange(bars.first_day, bars.first_day + bars.days)
    return Sweep(pl.DataFrame(rows, schema=SWEEP_SCHEMA), daily, days)


def walk_forward(
    swept: Sweep,
    *,
    train: int = 90,
    test: int = 30,
    step: int = 15,
    anchored: bool = False,
    purge: int = 1,
    embargo: int = 0,
    switch_cost: float = 0.0,
) -> WalkForward:
    """Choose on ``train`` days, test on the ``test`` days after them, go on by ``step``; lengths in days.

    Each window's best set (by Sharpe ratio) is in charge of the days until the next window's; every day
    counts once. ``switch_cost`` is the share of the equity that a change of the set costs. See
    :func:`crypto_bt.backtest.walk_forward.windows` for purge and embargo. Raises :class:`BacktestError` where
    the history is too short for one window.
    """
    plan = windows(
        len(swept.days), train=train, test=test, step=step, anchored=anchored, purge=purge, embargo=embargo
    )
    return walk(swept.daily, swept.days, plan, fewest_days=min(30, train), switch_cost=switch_cost)


def _row(
    number: int, label: str, rule: int, equity: NDArray[np.float64], statistics: NDArray[np.float64]
) -> dict[str, Any]:
    figure = dict(zip(STATISTICS, statistics.tolist(), strict=True))
    return {
        "parameter_set": number,
        "signals": label,
        "rules": rule,
        "net_return": metrics.net_return(equity),
        "annual_return": metrics.annual_return(equity),
        "sharpe": metrics.sharpe(equity),
        "sortino": metrics.sortino(equity),
        "max_drawdown": metrics.max_drawdown(equity),
        "trades": int(figure["trades"]),
        "win_rate": metrics.win_rate(figure["wins"], figure["closed_trades"]),
        "profit_factor": metrics.profit_factor(figure["profit"], figure["loss"]),
        "commission": figure["commission"],
        "slippage": figure["slippage"],
        "funding": figure["funding"],
        **{name: int(figure[name]) for name in _COUNTS},
    }
