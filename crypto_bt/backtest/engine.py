"""Runs the kernel: parameter sets in, statistics and daily equity out; the same bits on any threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest.bars import Bars
from crypto_bt.backtest.layout import ACCOUNT_DTYPE, STATISTICS, TRADE_FIELDS
from crypto_bt.backtest.parameters import (
    contract_array,
    largest_notionals,
    parameter_array,
    tier_arrays,
)
from crypto_bt.backtest.rules import Rules
from crypto_bt.core.errors import BacktestError

#: Signal sets of one run; more would push a symbol's signals out of the processor's cache.
MAX_SIGNAL_SETS: Final = 32
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Signals:
    """``targets`` (sets, bars) int8: the target seen at each bar's close, in hundredths from -100 to 100.

    What a strategy may give with a target: ``stop_prices`` and ``target_prices`` (sets, bars), and ``atr``
    (sets or 1, bars), in quote, NaN where there is none; each may be empty (0, 0).
    """

    targets: NDArray[np.int8]
    stop_prices: Floats = field(default_factory=lambda: np.empty((0, 0)))
    target_prices: Floats = field(default_factory=lambda: np.empty((0, 0)))
    atr: Floats = field(default_factory=lambda: np.empty((0, 0)))


class KernelMarket(NamedTuple):
    """The kernel's view of :class:`Bars` and :class:`Signals`."""

    bars: Floats
    volume: Floats
    blocks: Floats
    block_first: NDArray[np.int64]
    block_day: NDArray[np.int64]
    block_of: NDArray[np.int32]
    stretches: NDArray[np.int64]
    stretch_offsets: NDArray[np.int64]
    days: int
    finer: Floats
    first_finer: NDArray[np.int64]
    finer_count: int
    stop_prices: Floats
    target_prices: Floats
    atr: Floats


@dataclass(frozen=True)
class Recording:
    """One parameter set in full: ``statistics`` (symbols, 19); ``trades`` (n, 13) in the order of symbol and
    time, with ``trade_symbol`` (n); ``daily`` (symbols, days + 1) equity in quote at the start and at each
    UTC midnight; ``equity`` (bars) in quote, marked at each bar's close (empty where it was not wanted)."""

    statistics: Floats
    trades: Floats
    trade_symbol: NDArray[np.int64]
    daily: Floats
    equity: Floats


def run(
    bars: Bars,
    signals: Signals,
    parameters: NDArray[np.void],
    *,
    capital: float = 1.0,
    threads: int = 1,
    daily: Floats | None = None,
) -> Floats:
    """Statistics (symbols, parameter sets, 19) of one account of ``capital`` per symbol and parameter set.

    ``daily`` (parameter sets, days + 1), if given, gets the equity of all symbols added to it, at the start
    and at each UTC midnight. Raises :class:`BacktestError` where the arrays do not fit one another.
    """
    statistics = np.zeros((len(bars.symbols), len(parameters), len(STATISTICS)))
    nothing = np.empty((0, len(TRADE_FIELDS))), np.zeros(len(bars.symbols) + 1, np.int64), np.empty(0)
    matrix = np.empty((0, 0, 0)) if daily is None else daily[None]
    run_range = _prepared(bars, signals, parameters, capital, statistics, matrix, *nothing)
    spread(run_range, len(parameters), threads)
    return statistics


def spread(run_range: Callable[[int, int], None], sets: int, threads: int) -> None:
    """Run the parameter sets 0 to ``sets`` (exclusive) on ``threads`` threads, each range on one."""
    if threads <= 1:
        run_range(0, sets)
        return
    run_range(0, 0)  # compile once, before the threads need it
    ends = np.linspace(0, sets, min(sets, 4 * threads) + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(run_range, first, last) for first, last in pairwise(ends)]:
            done.result()


def record(
    bars: Bars, signals: Signals, rules: Rules, *, capital: float = 1.0, every_bar: bool = True
) -> Recording:
    """Trades and equity of the first signal set under one set of rules, by the same code as :func:`run`.

    ``every_bar``: whether the equity of every bar is wanted.
    """
    statistics = np.zeros((len(bars.symbols), 1, len(STATISTICS)))
    offsets = _most_trades(bars, signals.targets[0])
    trades = np.empty((int(offsets[-1]) + 1, len(TRADE_FIELDS)))
    equity = np.full(len(bars) if every_bar else 0, np.nan)
    daily = np.zeros((len(bars.symbols), 1, bars.days + 1))
    parameters = parameter_array([(0, rules)])
    run_range = _prepared(bars, signals, parameters, capital, statistics, daily, trades, offsets, equity)
    run_range(0, 1)
    counts = statistics[:, 0, STATISTICS.index("trades")].astype(np.int64)
    kept = [trades[start : start + count] for start, count in zip(offsets[:-1], counts, strict=True)]
    for symbol in range(len(bars.symbols) if every_bar else 0):
        _carry_forward(equity[bars.span(symbol)], capital)
    return Recording(
        statistics=statistics[:, 0, :],
        trades=np.concatenate(kept),
        trade_symbol=np.repeat(np.arange(len(counts)), counts),
        daily=daily[:, 0, :],
        equity=equity,
    )


def _prepared(
    bars: Bars,
    signals: Signals,
    parameters: NDArray[np.void],
    capital: float,
    statistics: Floats,
    daily: Floats,
    trades: Floats,
    trade_offsets: NDArray[np.int64],
    equity: Floats,
) -> Callable[[int, int], None]:
    """A function that runs the parameter sets from the first to the last (exclusive) index."""
    from crypto_bt.backtest.kernel.accounts import run_parameters

    require_fit(bars, signals, parameters, capital, daily)
    market = kernel_market(bars, signals)
    contracts = contract_array(bars.contracts)
    tiers, tier_offsets = tier_arrays(bars.contracts)
    largest = largest_notionals(bars.contracts, parameters)

    longest = int(np.diff(bars.offsets).max())

    def run_range(first: int, last: int) -> None:
        sets = len(signals.targets)
        scratch = (
            np.zeros(1, ACCOUNT_DTYPE)[0],
            np.empty((sets, longest + 1), np.int64),
            np.empty(sets, np.int64),
        )
        run_parameters(
            first, last, market, contracts, tiers, tier_offsets, largest, signals.targets, parameters,
            float(capital), statistics, daily, trades, trade_offsets, equity, scratch,
        )  # fmt: skip

    return run_range


def kernel_market(bars: Bars, signals: Signals) -> KernelMarket:
    """``bars`` and ``signals`` as the kernel takes them."""
    return KernelMarket(
        bars.lines, bars.volume, bars.blocks.lines, bars.blocks.first, bars.blocks.day, bars.blocks.of,
        bars.stretches, bars.stretch_offsets, bars.days,
        bars.finer.lines, bars.finer.first, bars.finer.count,
        signals.stop_prices, signals.target_prices, signals.atr,
    )  # fmt: skip


def require_fit(
    bars: Bars, signals: Signals, parameters: NDArray[np.void], capital: float, daily: Floats
) -> None:
    """Raise :class:`BacktestError` where these arrays do not fit one another."""
    targets = signals.targets
    if targets.dtype != np.int8 or targets.ndim != 2 or targets.shape[1] != len(bars):
        raise BacktestError(
            f"Targets are {targets.dtype} {targets.shape}.",
            f"They must be int8 of shape (sets, {len(bars)}).",
        )
    if len(targets) > MAX_SIGNAL_SETS:
        raise BacktestError(
            f"{len(targets)} signal sets in one run.", f"Run at most {MAX_SIGNAL_SETS} at a time."
        )
    given: tuple[tuple[str, Any, tuple[int, ...]], ...] = (
        ("stop_prices", signals.stop_prices, (0, len(targets))),
        ("target_prices", signals.target_prices, (len(signals.stop_prices),)),
        ("atr", signals.atr, (0, 1, len(targets))),
    )
    for name, values, rows in given:
        if len(values) not in rows or (len(values) and values.shape[1] != len(bars)):
            raise BacktestError(
                f"{name} are {values.shape}.", f"They must be of shape (sets, {len(bars)}), or empty."
            )
    follows = int(parameters["signal_set"].max(initial=0))
    if follows >= len(targets):
        raise BacktestError(f"A parameter set follows signal row {follows} of {len(targets)}.")
    if capital <= 0.0:
        raise BacktestError(f"The capital of an account is {capital}.", "It must be above 0.")
    if daily.size and daily.shape[1:] != (len(parameters), bars.days + 1):
        raise BacktestError(
            f"The equity matrix is {daily.shape[1:]}.", f"It must be {(len(parameters), bars.days + 1)}."
        )


def _most_trades(bars: Bars, targets: NDArray[np.int8]) -> NDArray[np.int64]:
    """Where each symbol's trades begin in the recording: each needs a change to a target that is not flat."""
    starts = np.zeros(len(bars), np.bool_)
    starts[bars.stretches[:-1]] = True
    sign = np.sign(targets)
    entries = (sign != 0) & (starts | np.append(True, sign[1:] != sign[:-1]))
    return np.append(0, np.cumsum(entries))[bars.offsets].astype(np.int64)


def _carry_forward(equity: Floats, capital: float) -> None:
    """Fill the bars on which nothing could change (flat, no order) with the equity before them."""
    known = np.where(np.isnan(equity), -1, np.arange(len(equity)))
    last = np.maximum.accumulate(known)
    equity[:] = np.where(last >= 0, equity[np.maximum(last, 0)], capital)
