"""Runs the kernel: parameter sets in, statistics out, on one or more threads with the same bits."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest.bars import Bars
from crypto_bt.backtest.layout import PARAMETER_DTYPE, STATISTICS, TRADE_FIELDS
from crypto_bt.backtest.rules import Rules
from crypto_bt.core.errors import BacktestError

#: Signal sets of one run; more would push a symbol's signals out of the processor's cache.
MAX_SIGNAL_SETS: Final = 32


@dataclass(frozen=True)
class Recording:
    """One parameter set in full: ``statistics`` (symbols, 16); ``trades`` (n, 12) in the order of symbol and
    time, with ``trade_symbol`` (n); ``equity`` (bars) in quote, marked at each bar's close."""

    statistics: NDArray[np.float64]
    trades: NDArray[np.float64]
    trade_symbol: NDArray[np.int64]
    equity: NDArray[np.float64]


def parameter_array(rules: Sequence[tuple[int, Rules]]) -> NDArray[np.void]:
    """The kernel's parameter sets from pairs of (row of the signals, rules)."""
    array = np.zeros(len(rules), PARAMETER_DTYPE)
    for line, (signal_set, rule) in zip(array, rules, strict=True):
        line["signal_set"] = signal_set
        line["stop_loss"] = rule.stop_loss or 0.0
        line["take_profit"] = rule.take_profit or 0.0
        line["leverage"] = rule.leverage
        line["commission"] = rule.costs.commission
        line["slippage"] = rule.costs.slippage
    return array


def run(
    bars: Bars,
    signals: NDArray[np.int8],
    parameters: NDArray[np.void],
    *,
    capital: float = 1.0,
    threads: int = 1,
) -> NDArray[np.float64]:
    """Statistics (symbols, parameter sets, 16) of one account of ``capital`` per symbol and parameter set.

    ``signals`` is (sets, bars) of -1, 0, 1: the target seen at each bar's close.
    """
    output = np.zeros((len(bars.symbols), len(parameters), len(STATISTICS)))
    nothing = np.empty((0, len(TRADE_FIELDS))), np.zeros(len(bars.symbols) + 1, np.int64), np.empty(0)
    _run(bars, signals, parameters, capital, threads, output, *nothing)
    return output


def record(
    bars: Bars, signal: NDArray[np.int8], rules: Rules, *, capital: float = 1.0, threads: int = 1
) -> Recording:
    """Trades and equity of one parameter set, by the same code as :func:`run`. ``signal`` is (bars,)."""
    output = np.zeros((len(bars.symbols), 1, len(STATISTICS)))
    offsets = _most_trades(bars, signal)
    trades = np.empty((int(offsets[-1]) + 1, len(TRADE_FIELDS)))
    equity = np.full(len(bars), np.nan)
    _run(
        bars,
        signal[None, :],
        parameter_array([(0, rules)]),
        capital,
        threads,
        output,
        trades,
        offsets,
        equity,
    )
    counts = output[:, 0, STATISTICS.index("trades")].astype(np.int64)
    kept = [trades[start : start + count] for start, count in zip(offsets[:-1], counts, strict=True)]
    for symbol in range(len(bars.symbols)):
        _carry_forward(equity[bars.span(symbol)], capital)
    return Recording(
        statistics=output[:, 0, :],
        trades=np.concatenate(kept),
        trade_symbol=np.repeat(np.arange(len(counts)), counts),
        equity=equity,
    )


def _run(
    bars: Bars,
    signals: NDArray[np.int8],
    parameters: NDArray[np.void],
    capital: float,
    threads: int,
    output: NDArray[np.float64],
    trades: NDArray[np.float64],
    trade_offsets: NDArray[np.int64],
    equity: NDArray[np.float64],
) -> None:
    from crypto_bt.backtest.kernel import run_symbols

    if signals.dtype != np.int8 or signals.ndim != 2 or signals.shape[1] != len(bars):
        raise BacktestError(
            f"Signals are {signals.dtype} {signals.shape}.",
            f"They must be int8 of shape (sets, {len(bars)}).",
        )
    if len(signals) > MAX_SIGNAL_SETS:
        raise BacktestError(
            f"{len(signals)} signal sets in one run.", f"Run at most {MAX_SIGNAL_SETS} at a time."
        )
    follows = int(parameters["signal_set"].max(initial=0))
    if follows >= len(signals):
        raise BacktestError(f"A parameter set follows signal row {follows} of {len(signals)}.")
    if capital <= 0.0:
        raise BacktestError(f"The capital of an account is {capital}.", "It must be above 0.")

    def run_range(first: int, last: int) -> None:
        run_symbols(
            first, last, bars.prices, bars.funding, bars.day, bars.stretches, bars.stretch_offsets,
            signals, parameters, float(capital), output, trades, trade_offsets, equity,
        )  # fmt: skip

    count = len(bars.symbols)
    if threads <= 1:
        run_range(0, count)
        return
    run_range(0, 0)  # compile once, before the threads need it
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(run_range, symbol, symbol + 1) for symbol in range(count)]:
            done.result()


def _most_trades(bars: Bars, signal: NDArray[np.int8]) -> NDArray[np.int64]:
    """Where each symbol's trades begin in the recording: each needs a change to a target that is not flat."""
    starts = np.zeros(len(bars), np.bool_)
    starts[bars.stretches[:-1]] = True
    entries = (signal != 0) & (starts | np.append(True, signal[1:] != signal[:-1]))
    return np.append(0, np.cumsum(entries))[bars.offsets].astype(np.int64)


def _carry_forward(equity: NDArray[np.float64], capital: float) -> None:
    """Fill the bars on which nothing could change (flat, no order) with the equity before them."""
    known = np.where(np.isnan(equity), -1, np.arange(len(equity)))
    last = np.maximum.accumulate(known)
    equity[:] = np.where(last >= 0, equity[np.maximum(last, 0)], capital)
