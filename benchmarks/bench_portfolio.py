"""Speed of the portfolio with shared capital: ``python benchmarks/bench_portfolio.py``.

The work: 60 symbols x 6,570 H4 bars (3 years) x 64 parameter sets = 8 signal sets (Donchian channels of 10
to 80 bars) x 8 exit rules, with funding, margin tiers and leverage, on random walks that share a common
factor, so that correlations decide too. "not tripped": the desk's limits without its drawdown stops, which
is the full work. "wide": the same, but up to 40 positions of a small risk each. "tripped daily": the desk's
daily stop as well; "desk": all its defaults, under which a portfolio that has lost 15 % is over. One JSON
object a line; the rate is in million bar-symbol-parameters per CPU second, median of 7, compilation excluded,
the sorting of entries by time included.
"""

import json
import resource
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from crypto_bt.backtest.bars import Bars, arrange_bars
from crypto_bt.backtest.contracts import Contract, contract_tiers
from crypto_bt.backtest.engine import Signals
from crypto_bt.backtest.kernel.shared_layout import SHARED_STATISTICS
from crypto_bt.backtest.portfolio_rules import PortfolioRules
from crypto_bt.backtest.rules import Costs, Distance, Exits, Rules, Sizing
from crypto_bt.backtest.shared_engine import SharedSet, sweep_shared
from crypto_bt.backtest.signal_arrays import signals_of, stacked
from crypto_bt.backtest.signals import targets
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import CANDLE_SCHEMA, FUNDING_SCHEMA
from crypto_bt.strategies import build_strategy

SYMBOLS, BARS, REPEATS = 60, 6_570, 7
CASES = {
    "not tripped": PortfolioRules(daily_drawdown=None, total_drawdown=None),
    "wide": PortfolioRules(
        risk_per_trade=0.001, total_risk=0.04, max_positions=40, daily_drawdown=None, total_drawdown=None
    ),
    "tripped daily": PortfolioRules(total_drawdown=None),
    "desk": PortfolioRules(),
}


def market() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Candles and 8-hourly funding of random walks with a common factor; the same every time."""
    rng = np.random.default_rng(7)
    start = datetime(2023, 1, 1, tzinfo=UTC)
    times = [start + timedelta(hours=4 * index) for index in range(BARS)]
    factor = rng.standard_t(4, BARS) * 0.006
    candles, rates = [], []
    for number in range(SYMBOLS):
        share = 0.3 + 0.02 * number
        close = 100.0 * np.exp(np.cumsum(share * factor + rng.standard_t(4, BARS) * 0.005))
        open_ = np.append(100.0, close[:-1])
        high = np.maximum(open_, close) * (1.0 + np.abs(rng.normal(0.0, 0.004, BARS)))
        low = np.minimum(open_, close) * (1.0 - np.abs(rng.normal(0.0, 0.004, BARS)))
        symbol = f"S{number:02d}USDT"
        rows = {
            "symbol": symbol, "open_time": times, "open": open_, "high": high, "low": low, "close": close,
            "volume": 1e6,
        }  # fmt: skip
        candles.append(pl.DataFrame(rows, schema_overrides={"open_time": CANDLE_SCHEMA["open_time"]}))
        settled = {
            "symbol": symbol,
            "funding_time": times[::2],
            "funding_rate": rng.normal(1e-4, 1e-4, len(times[::2])),
        }
        frame = pl.DataFrame(settled, schema_overrides={"funding_time": FUNDING_SCHEMA["funding_time"]})
        rates.append(frame.with_columns(mark_price=pl.lit(None, pl.Float64)))
    return pl.concat(candles), pl.concat(rates)


def arranged() -> tuple[Bars, Signals]:
    """The market and the signals of all cases."""
    candles, rates = market()
    tiers = contract_tiers(["BTCUSDT"])["BTCUSDT"]
    contracts = dict.fromkeys(candles["symbol"].unique(), Contract(liquidation_fee=0.0125, tiers=tiers))
    bars = arrange_bars(candles, Timeframe.H4, funding_rates=rates, contracts=contracts)
    channels = [build_strategy("donchian_breakout", {"channel": 10 * number}) for number in range(1, 9)]
    return bars, stacked(
        [signals_of(candles, targets(strategy, candles), Timeframe.H4) for strategy in channels]
    )


def sets_of(portfolio: PortfolioRules) -> list[SharedSet]:
    """8 signal sets x 8 stops and targets, at a leverage that lets five positions be held."""
    found = []
    for row in range(8):
        for number in range(8):
            step = 0.02 + 0.02 * number
            exits = Exits(stop_loss=Distance(step), take_profit=Distance(2.0 * step))
            found.append(SharedSet(row, Rules(Costs(), exits, Sizing(leverage=5.0)), portfolio))
    return found


def measure(bars: Bars, signals: Signals, case: str, threads: int) -> dict[str, object]:
    """Median rate of one case."""
    sets = sets_of(CASES[case])
    found = sweep_shared(bars, signals, sets, capital=10_000.0, threads=threads).statistics
    cpu, wall = [], []
    for _ in range(REPEATS):
        before, began = time.process_time(), time.perf_counter()
        sweep_shared(bars, signals, sets, capital=10_000.0, threads=threads)
        cpu.append(time.process_time() - before)
        wall.append(time.perf_counter() - began)
    work = len(bars) * len(sets) / 1e6
    return {
        "benchmark": "portfolio",
        "case": case,
        "work": f"{SYMBOLS} symbols x {BARS} bars x {len(sets)} parameter sets",
        "tool": "crypto_bt",
        "threads": threads,
        **{
            name: int(found[:, SHARED_STATISTICS.index(name)].sum())
            for name in ("trades", "bars_held", "refused", "refused_correlation", "daily_stops", "halted")
        },
        "rate": round(work / statistics.median(cpu), 1),
        "unit": "million bar-symbol-parameters per CPU second",
        "wall_rate": round(work / statistics.median(wall), 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    arrays = arranged()
    for case, threads in (
        ("not tripped", 1), ("not tripped", 2), ("wide", 1), ("tripped daily", 1), ("desk", 1)
    ):  # fmt: skip
        sys.stdout.write(json.dumps(measure(*arrays, case, threads)) + "\n")
