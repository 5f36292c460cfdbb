"""The whole night on 60 symbols x 3 years: ``python benchmarks/bench_night.py [--threads N] [--days N]``.

Publishes an invented market (random walks with fat tails, 8-hourly funding) into a store of its own, runs the
night's child process on all strategies, and prints one JSON object a line. The store is made anew each time.
"""

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.night import cutoff_of
from crypto_bt.core.stopping import Limits
from crypto_bt.core.universe import UNIVERSE
from crypto_bt.defs.night_process import Watch, run_night_process
from crypto_bt.store import SnapshotStore
from crypto_bt.strategies import strategy_names

START = datetime(2023, 1, 1, tzinfo=UTC)


def hourly(symbol: str, hours: int, seed: int) -> pl.DataFrame:
    """H1 candles of one random walk."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.standard_t(4, hours) * 0.004))
    open_ = np.append(100.0, close[:-1])
    high = np.maximum(open_, close) * (1.0 + np.abs(rng.normal(0.0, 0.002, hours)))
    low = np.minimum(open_, close) * (1.0 - np.abs(rng.normal(0.0, 0.002, hours)))
    times = pl.datetime_range(START, START + timedelta(hours=hours - 1), "1h", eager=True)
    volume = rng.uniform(1e5, 1e6, hours)
    return pl.DataFrame(
        {
            "symbol": symbol, "open_time": times, "open": open_, "high": high, "low": low, "close": close,
            "volume": volume, "quote_volume": volume * close, "trades": rng.integers(1, 10_000, hours),
            "taker_buy_volume": volume * rng.uniform(0.3, 0.7, hours),
        }
    )  # fmt: skip


def coarser(bars: pl.DataFrame, every: str) -> pl.DataFrame:
    """Candles of a coarser timeframe."""
    return bars.group_by_dynamic("open_time", every=every, group_by="symbol").agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(),
        pl.col("volume", "quote_volume", "trades", "taker_buy_volume").sum(),
    )  # fmt: skip


def market(days: int, symbols: int) -> dict[str, pl.DataFrame]:
    """Every dataset that a night trades on."""
    found: dict[str, list[pl.DataFrame]] = {}
    for number, symbol in enumerate(UNIVERSE[:symbols]):
        bars = hourly(symbol, 24 * days, number)
        rng = np.random.default_rng(1_000 + number)
        settled = bars.gather_every(8).select(
            "symbol", funding_time="open_time", mark_price="open",
            funding_rate=pl.Series(rng.normal(1e-4, 1e-4, 3 * days)),
        )  # fmt: skip
        parts = {
            "candles_1h": bars, "candles_4h": coarser(bars, "4h"), "candles_1d": coarser(bars, "1d"),
            "mark_price_1h": bars.select("symbol", "open_time", "open", "high", "low", "close"),
            "funding_rates": settled,
        }  # fmt: skip
        for name, frame in parts.items():
            found.setdefault(name, []).append(frame)
    return {
        name: pl.concat(frames).select(pl.col(n).cast(t) for n, t in DATASETS[name].schema.items())
        for name, frames in found.items()
    }


def main() -> None:
    """Make the store, run the night, print the line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--days", type=int, default=1_095)
    arguments.add_argument("--symbols", type=int, default=60)
    arguments.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    arguments.add_argument("--store", type=Path, help="keep the store here, and use it if it is there")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="crypto_bt-bench-") as folder:
        root = chosen.store or Path(folder) / "store"
        store = SnapshotStore(root)
        snapshot = store.current() or store.publish(
            market(chosen.days, chosen.symbols), source="simulated:seed=0", published_by="benchmark",
            now=datetime.now(UTC),
        )  # fmt: skip
        for threads in chosen.threads:
            sys.stdout.write(json.dumps(night(root, snapshot.id, chosen, threads, Path(folder))) + "\n")


def night(
    root: Path, snapshot: str, chosen: argparse.Namespace, threads: int, folder: Path
) -> dict[str, object]:
    """One run of the child process."""
    last = (START + timedelta(days=chosen.days - 1)).date()
    spec = NightSpec(
        store=str(root), snapshot=snapshot, night=last, cutoff=cutoff_of(last),
        symbols=tuple(sorted(UNIVERSE[: chosen.symbols])), strategies={name: {} for name in strategy_names()},
        threads=threads,
    )  # fmt: skip
    work = folder / f"night-{threads}-{random.randrange(10**9)}"
    work.mkdir()
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out, told = run_night_process(spec, work, Watch(Limits(3_600.0, 8_000.0, 200)), None)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    trades = pl.read_parquet(out / "trades.parquet").height
    return {
        "benchmark": "night",
        "work": f"{chosen.symbols} symbols x {chosen.days} days of H1, {len(spec.strategies)} strategies",
        "tool": "crypto_bt",
        "threads": threads,
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_rss_mb": told["peak_mb"],
        "trades": trades,
    }


if __name__ == "__main__":
    main()
