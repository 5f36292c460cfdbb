"""A sweep of 1,000 parameter sets on 60 symbols x 3 years of H1: ``python benchmarks/bench_sweep.py``.

One JSON object a line: on one thread and on two, with a hash of all statistics and daily equity that must be
the same; then the cost of 1, 4 and 16 times the bars, the symbols and the parameter sets. Each case runs in a
process of its own, so that its peak memory is its own.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import time

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.bars import Bars
from crypto_bt.backtest.blocks import blocks_of
from crypto_bt.backtest.candle_rows import DAY_MS
from crypto_bt.backtest.contracts import Contract, contract_tiers
from crypto_bt.backtest.engine import Signals, run
from crypto_bt.backtest.finer_bars import FinerBars
from crypto_bt.backtest.funding import FundingUse
from crypto_bt.backtest.layout import (
    BAR_FIELDS,
    CLOSE,
    HIGH,
    LOW,
    MARK_HIGH,
    MARK_LOW,
    OPEN,
    PAID_AT_END,
    PAID_AT_OPEN,
    TRADES,
)
from crypto_bt.backtest.parameters import parameter_array
from crypto_bt.backtest.rules import Costs, Distance, Exits, Rules, Sizing
from crypto_bt.core.market import Timeframe

SYMBOLS, BARS, SETS, SIGNALS = 60, 26_280, 1_000, 10
#: Symbols in memory at a time; the daily equity of all adds up, as in the night.
GROUP = 12


def arranged(first: int, symbols: int, count: int) -> Bars:
    """H1 bars of random walks with 8-hourly funding, made in place: frames would need memory of their own."""
    lines = np.empty((symbols * count, BAR_FIELDS))
    for number in range(symbols):
        rng = np.random.default_rng(first + number)
        own = lines[number * count : (number + 1) * count]
        own[:, CLOSE] = 100.0 * np.exp(np.cumsum(rng.standard_t(4, count) * 0.004))
        own[0, OPEN], own[1:, OPEN] = 100.0, own[:-1, CLOSE]
        spread = np.abs(rng.normal(0.0, 0.002, (2, count)))
        own[:, HIGH] = np.maximum(own[:, OPEN], own[:, CLOSE]) * (1.0 + spread[0])
        own[:, LOW] = np.minimum(own[:, OPEN], own[:, CLOSE]) * (1.0 - spread[1])
        own[:, MARK_HIGH], own[:, MARK_LOW] = own[:, HIGH], own[:, LOW]
        paid = np.zeros(count)
        paid[::8] = own[::8, OPEN] * rng.normal(1e-4, 1e-4, len(paid[::8]))
        own[:, PAID_AT_OPEN] = own[:, PAID_AT_END] = np.cumsum(paid)
    offsets = np.arange(symbols + 1, dtype=np.int64) * count
    open_time = np.tile(np.arange(count, dtype=np.int64) * Timeframe.H1.milliseconds, symbols)
    contract = Contract(liquidation_fee=0.015, tiers=contract_tiers(["BTCUSDT"])["BTCUSDT"])
    return Bars(
        timeframe=Timeframe.H1,
        symbols=tuple(f"S{number:03d}USDT" for number in range(symbols)),
        offsets=offsets,
        stretches=offsets,
        stretch_offsets=np.arange(symbols + 1, dtype=np.int64),
        open_time=open_time,
        lines=lines,
        volume=np.full(len(lines), 1e6),
        blocks=blocks_of(lines, open_time // DAY_MS, offsets, offsets),
        finer=FinerBars(np.empty((0, BAR_FIELDS)), np.empty(0, np.int64), 0),
        contracts=(contract,) * symbols,
        funding_use=FundingUse(),
        first_day=0,
        days=-(-count // 24),
    )


def signals_of(bars: Bars, sets: int) -> Signals:
    """Donchian channels of 10, 20, ... H4 bars, as in ``bench_kernel.py``, decided every 4 hours."""
    targets = np.zeros((sets, len(bars)), np.int8)
    for row in range(sets):
        window = 10 * (row + 1)
        for number in range(len(bars.symbols)):
            hours = bars.lines[bars.span(number)]
            high = pl.Series(hours[: len(hours) // 4 * 4, HIGH].reshape(-1, 4).max(axis=1))
            low = pl.Series(hours[: len(hours) // 4 * 4, LOW].reshape(-1, 4).min(axis=1))
            close = pl.Series(hours[3::4, CLOSE])
            broken = (close > high.rolling_max(window).shift(1)).cast(pl.Int8) - (
                close < low.rolling_min(window).shift(1)
            ).cast(pl.Int8)
            side = broken.replace(0, None).forward_fill().fill_null(0).to_numpy() * 100
            follows = np.concatenate([np.zeros(3, np.int8), np.repeat(side, 4)])[: len(hours)]
            targets[row, bars.span(number)] = follows
    return Signals(targets)


def parameters_of(sets: int, signal_sets: int) -> NDArray[np.void]:
    """Stops, targets, every third with a trailing stop, leverage 1 to 3."""
    rules = []
    for number in range(sets):
        step = 0.01 + 0.0007 * (number % 100)
        trail = Distance(step) if number % 3 == 2 else None
        exits = Exits(stop_loss=Distance(step), take_profit=Distance(2.0 * step), trail_by=trail)
        rules.append((number % signal_sets, Rules(Costs(), exits, Sizing(exposure=1.0 + number % 3))))
    return parameter_array(rules)


def measure(symbols: int, count: int, sets: int, threads: int) -> dict[str, object]:
    """One case, compilation excluded."""
    daily, digest = np.zeros((sets, -(-count // 24) + 1)), hashlib.sha256()
    parameters = parameters_of(sets, min(SIGNALS, sets))
    cpu = wall = 0.0
    trades = 0
    for first in range(0, symbols, GROUP):
        bars = arranged(first, min(GROUP, symbols - first), count)
        signals = signals_of(bars, min(SIGNALS, sets))
        if first == 0:
            run(bars, signals, parameters[:1])
        before, began = time.process_time(), time.perf_counter()
        statistics = run(bars, signals, parameters, threads=threads, daily=daily)
        cpu += time.process_time() - before
        wall += time.perf_counter() - began
        trades += int(statistics[:, :, TRADES].sum())
        digest.update(statistics.tobytes())
    digest.update(daily.tobytes())
    return {
        "benchmark": "sweep",
        "work": f"{symbols} symbols x {count} bars x {sets} parameter sets",
        "tool": "crypto_bt",
        "threads": threads,
        "rate": round(symbols * count * sets / cpu / 1e6, 1),
        "unit": "million bar-parameters per CPU second",
        "cpu_seconds": round(cpu, 3),
        "seconds": round(wall, 2),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "trades": trades,
        "hash": digest.hexdigest()[:16],
    }


def main() -> None:
    """All cases, or the one that is named."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("case", type=int, nargs="*", help="symbols, bars, parameter sets, threads")
    chosen = arguments.parse_args().case
    if chosen:
        sys.stdout.write(json.dumps(measure(*chosen)) + "\n")
        return
    cases = [(SYMBOLS, BARS, SETS, threads) for threads in (1, 2)]
    for times in (1, 4, 16):
        cases += [(6, 6_576 * times, 100, 1), (6 * times, 6_576, 100, 1), (6, 6_576, 100 * times, 1)]
    for case in cases:
        command = [sys.executable, __file__, *map(str, case)]
        sys.stdout.write(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
