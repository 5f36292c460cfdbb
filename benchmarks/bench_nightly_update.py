"""The nightly update with all feeds of the exchange, 150 ms to and fro: one JSON object a line.

    python benchmarks/bench_nightly_update.py [--latency 0.15] [--limit 2400]

First 60 symbols within the scheduled share of 20 %, with every promise checked: under 30 s, under 10 CPU
seconds for fetching, validating and publishing, at most 480 weight in any minute. Then 60, 120 and 240
symbols with the whole limit, which shows what one more symbol costs. The exchange runs in a process of its
own, a new one for each line, and its CPU seconds are not counted. The store holds the day before.
Exits with 1 if a promise is broken.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import ccxt.async_support  # noqa: E402, F401  (its import takes seconds, once for all lines)
import polars as pl  # noqa: E402

from crypto_bt.core.datasets import DATASETS, POSITIONING_DATASETS  # noqa: E402
from crypto_bt.core.market import STANDARD_TIMEFRAMES  # noqa: E402
from crypto_bt.core.universe import UNIVERSE  # noqa: E402
from crypto_bt.defs.changes import Window  # noqa: E402
from crypto_bt.defs.ingest import IngestReport, ingest  # noqa: E402
from crypto_bt.sources import BinanceUsdm  # noqa: E402
from crypto_bt.store import SnapshotStore  # noqa: E402

NOW = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)
YESTERDAY = Window(datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))
CANDLES = tuple(timeframe.dataset for timeframe in STANDARD_TIMEFRAMES)
FEEDS = (*CANDLES, "mark_price_1h", "funding_rates", *POSITIONING_DATASETS)
SCHEDULED, WHOLE = 0.2, 1.0
PROMISED = {"seconds": 30.0, "cpu_seconds": 10.0, "peak_minute_weight": 480}


def exchange(
    symbols: tuple[str, ...], limit: int, latency: float, ready: "multiprocessing.Queue[str]"
) -> None:
    """Serve a synthetic market whose clock stands at NOW; its paths are drawn before it is ready."""
    from crypto_bt.core.market import Timeframe
    from crypto_bt.simulator import market as markets
    from crypto_bt.simulator.serving import serve
    from crypto_bt.simulator.synthetic import SyntheticMarket

    market, latest = SyntheticMarket(7, symbols, lambda: NOW), markets.Window(None, None, 1)
    for symbol in symbols:
        market.candles(symbol, Timeframe.H1, latest)
        market.funding(symbol, latest)
        market.positioning.open_interest(symbol, "1h", latest)
    serve(market, weight_limit=limit, on_ready=ready.put, latency_seconds=latency)


@contextmanager
def exchange_process(symbols: tuple[str, ...], limit: int, latency: float) -> Iterator[str]:
    """The address of an exchange in a process of its own, while the block runs."""
    context = multiprocessing.get_context("spawn")
    ready = context.Queue()
    process = context.Process(target=exchange, args=(symbols, limit, latency, ready), daemon=True)
    process.start()
    try:
        yield ready.get(timeout=300)
    finally:
        process.terminate()
        process.join()


def names(count: int) -> tuple[str, ...]:
    """The first ``count`` symbols of the universe, and invented ones beyond it."""
    return (*UNIVERSE, *(f"MORE{number}USDT" for number in range(count - len(UNIVERSE))))[:count]


def day_before(symbols: tuple[str, ...]) -> dict[str, pl.DataFrame]:
    """The last hour of positioning before the window: who has it does not ask for 30 days."""
    hour = YESTERDAY.start - timedelta(hours=1)
    changes = {}
    for name in POSITIONING_DATASETS:
        schema = DATASETS[name].schema
        row = dict.fromkeys(schema, 1.0) | {"observed_at": hour, "available_at": YESTERDAY.start}
        changes[name] = pl.DataFrame([row | {"symbol": symbol} for symbol in sorted(symbols)], schema=schema)
    return changes


def measure(symbols: tuple[str, ...], share: float, limit: int, latency: float) -> IngestReport:
    """One update into a new store that holds the day before."""
    with exchange_process(symbols, limit, latency) as url, tempfile.TemporaryDirectory() as folder:
        store = SnapshotStore(Path(folder) / "store")
        store.publish(
            day_before(symbols), source="simulated:seed=7", published_by="benchmark", now=YESTERDAY.start
        )
        source = BinanceUsdm(url, share, ledger=Path(folder) / "request_budget.log", check_skew=False)
        return asyncio.run(
            ingest(
                source,
                store,
                datasets=FEEDS,
                symbols=symbols,
                universe=symbols,
                window=YESTERDAY,
                published_by="benchmark",
            )
        )


def line(work: str, report: IngestReport, **more: object) -> dict[str, float]:
    """One JSON object on a line of its own; the figures that something was promised of."""
    usage = report.usage
    figures = {
        "seconds": round(report.seconds, 2),
        "cpu_seconds": round(report.cpu_seconds, 2),
        "peak_minute_weight": usage.peak_minute_weight,
    }
    counted = {
        "rows": sum(report.rows.values()),
        "failed": len(report.failed),
        "quarantined": sum(report.quarantined.values()),
        "requests": usage.requests,
        "weight": usage.weight,
        "responses_429": usage.responses_429,
        "waited_seconds": round(usage.waited_seconds, 2),
    }
    found = {"benchmark": "nightly_update", "work": work, **more, **figures, **counted}
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    return figures


def main() -> None:
    """Check the promises, then measure how the cost grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latency", type=float, default=0.15)
    parser.add_argument("--limit", type=int, default=2400)
    options = parser.parse_args()
    broken = []
    for count, share in ((60, SCHEDULED), (60, WHOLE), (120, WHOLE), (240, WHOLE)):
        report = measure(names(count), share, options.limit, options.latency)
        figures = line("nightly update", report, symbols=count, share=share)
        if report.failed or set(report.symbols.values()) != {count}:
            broken.append(f"{count} symbols: {len(report.failed)} requests failed, {dict(report.symbols)}")
        if share == SCHEDULED:
            broken += [
                f"{what} is {figures[what]}, promised {most}"
                for what, most in PROMISED.items()
                if figures[what] > most
            ]
    sys.stdout.writelines(f"{one}\n" for one in broken)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
