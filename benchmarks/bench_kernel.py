"""Speed of the kernel: ``python benchmarks/kernel.py`` prints one JSON object a line.

The work: 60 symbols x 6,570 H4 bars (3 years) x 64 parameter sets = 8 signal sets (Donchian channels of 10
to 80 bars) x 8 exit rules, with funding, slippage, leverage, margin tiers and all statistics, on a
random walk with fat tails. The rate is in million bar-parameters per CPU second, median of 7, compilation
excluded.
"""

import json
import resource
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from crypto_bt.backtest.bars import arrange_bars
from crypto_bt.backtest.contracts import Contract, contract_tiers
from crypto_bt.backtest.engine import run
from crypto_bt.backtest.parameters import parameter_array
from crypto_bt.backtest.rules import Costs, Distance, Exits, Rules, Sizing
from crypto_bt.backtest.signal_arrays import signals_of, stacked
from crypto_bt.backtest.signals import targets
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import CANDLE_SCHEMA, FUNDING_SCHEMA
from crypto_bt.strategies import build_strategy

SYMBOLS, BARS, REPEATS = 60, 6_570, 7


def market() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Candles and 8-hourly funding of a random walk; the same every time."""
    rng = np.random.default_rng(7)
    start = datetime(2023, 1, 1, tzinfo=UTC)
    times = [start + timedelta(hours=4 * index) for index in range(BARS)]
    candles, rates = [], []
    for number in range(SYMBOLS):
        close = 100.0 * np.exp(np.cumsum(rng.standard_t(4, BARS) * 0.008))
        open_ = np.append(100.0, close[:-1])
        high = np.maximum(open_, close) * (1.0 + np.abs(rng.normal(0.0, 0.004, BARS)))
        low = np.minimum(open_, close) * (1.0 - np.abs(rng.normal(0.0, 0.004, BARS)))
        symbol = f"S{number:02d}USDT"
        rows = {
            "symbol": symbol,
            "open_time": times,
            "open": open_,
            "high": high,
            "low": low,
            "close": close,
            "volume": 1e6,
        }
        candles.append(pl.DataFrame(rows, schema_overrides={"open_time": CANDLE_SCHEMA["open_time"]}))
        settled = {
            "symbol": symbol,
            "funding_time": times[::2],
            "funding_rate": rng.normal(1e-4, 1e-4, len(times[::2])),
        }
        frame = pl.DataFrame(settled, schema_overrides={"funding_time": FUNDING_SCHEMA["funding_time"]})
        rates.append(frame.with_columns(mark_price=pl.lit(None, pl.Float64)))
    return pl.concat(candles), pl.concat(rates)


def exits_of(case: str, number: int) -> Exits:
    """The ``number``-th of 8 ways to leave, by case."""
    step = 0.02 + 0.02 * number
    if case == "no stops":
        return Exits()
    if case == "trailing":
        return Exits(stop_loss=Distance(step), trail_after=Distance(step), trail_by=Distance(step))
    return Exits(stop_loss=Distance(step), take_profit=Distance(2.0 * step))


def measure(case: str, threads: int) -> dict[str, object]:
    """Median rate of one case."""
    candles, rates = market()
    tiers = contract_tiers(["BTCUSDT"])["BTCUSDT"]
    contracts = dict.fromkeys(candles["symbol"].unique(), Contract(liquidation_fee=0.0125, tiers=tiers))
    bars = arrange_bars(candles, Timeframe.H4, funding_rates=rates, contracts=contracts)
    channels = [build_strategy("donchian_breakout", {"channel": 10 * number}) for number in range(1, 9)]
    signals = stacked(
        [signals_of(candles, targets(strategy, candles), Timeframe.H4) for strategy in channels]
    )
    parameters = parameter_array(
        [
            (row, Rules(Costs(), exits_of(case, number), Sizing(exposure=1.0 + number % 3)))
            for row in range(8)
            for number in range(8)
        ]
    )
    output = run(bars, signals, parameters, threads=threads)
    cpu, wall = [], []
    for _ in range(REPEATS):
        before, began = time.process_time(), time.perf_counter()
        run(bars, signals, parameters, threads=threads)
        cpu.append(time.process_time() - before)
        wall.append(time.perf_counter() - began)
    work = len(bars) * len(parameters) / 1e6
    return {
        "benchmark": "kernel",
        "case": case,
        "work": f"{SYMBOLS} symbols x {BARS} bars x {len(parameters)} parameter sets",
        "tool": "crypto_bt",
        "threads": threads,
        "trades": int(output[:, :, 1].sum()),
        "rate": round(work / statistics.median(cpu), 1),
        "unit": "million bar-parameters per CPU second",
        "wall_rate": round(work / statistics.median(wall), 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    for case, threads in (("stops", 1), ("stops", 2), ("no stops", 1), ("trailing", 1)):
        sys.stdout.write(json.dumps(measure(case, threads)) + "\n")
