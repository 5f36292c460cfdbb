"""A year of 60 symbols through the loopback exchange, with its limit enforced: one JSON object a line.

    python benchmarks/backfill_year.py [--symbols 60] [--days 365] [--limit 2400] [--share 1.0]

The exchange runs in a process of its own, and its CPU seconds are not counted. The first line is what
fetching and validation took, the second publishing into a new store, the third both.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import polars as pl  # noqa: E402

from crypto_bt.core.datasets import DATASETS  # noqa: E402
from crypto_bt.core.market import STANDARD_TIMEFRAMES  # noqa: E402
from crypto_bt.core.universe import UNIVERSE  # noqa: E402
from crypto_bt.sources import Batch, BinanceUsdm, FetchRequest  # noqa: E402
from crypto_bt.store import SnapshotStore  # noqa: E402

NOW = datetime(2026, 11, 22, tzinfo=UTC)
#: The candles that every home keeps.
KEPT = tuple(timeframe.dataset for timeframe in STANDARD_TIMEFRAMES)


def exchange(symbols: tuple[str, ...], limit: int, ready: "multiprocessing.Queue[str]") -> None:
    """Serve a synthetic market whose clock stands at NOW."""
    from crypto_bt.simulator.serving import serve
    from crypto_bt.simulator.synthetic import SyntheticMarket

    serve(SyntheticMarket(7, symbols, lambda: NOW), weight_limit=limit, on_ready=ready.put)


@contextmanager
def exchange_process(symbols: tuple[str, ...], limit: int) -> Iterator[str]:
    """The address of an exchange in a process of its own, while the block runs."""
    context = multiprocessing.get_context("spawn")
    ready = context.Queue()
    process = context.Process(target=exchange, args=(symbols, limit, ready), daemon=True)
    process.start()
    try:
        yield ready.get(timeout=60)
    finally:
        process.terminate()
        process.join()


async def fetch(source: BinanceUsdm, requests: list[FetchRequest]) -> tuple[str, list[Batch], int]:
    """Identity of the source, the batches, and how many requests failed."""
    batches: list[Batch] = []
    async with source:
        failures = await source.fetch_all(requests, batches.append)
        return await source.identity(), batches, len(failures)


def line(work: str, **figures: float) -> None:
    """One JSON object on a line of its own."""
    rounded = {name: round(value, 3) for name, value in figures.items()}
    sys.stdout.write(json.dumps({"benchmark": "backfill_year", "work": work, **rounded}) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure fetching with validation, then publishing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--symbols", type=int, default=60)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--limit", type=int, default=2400)
    parser.add_argument("--share", type=float, default=1.0)
    options = parser.parse_args()
    symbols = UNIVERSE[: options.symbols]
    start = NOW - timedelta(days=options.days)
    requests = [FetchRequest(name, symbol, start, NOW) for name in KEPT for symbol in symbols]
    with exchange_process(symbols, options.limit) as url, tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        source = BinanceUsdm(url, options.share, check_skew=False)
        identity, batches, failed = asyncio.run(fetch(source, requests))
        fetched = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
        usage = source.usage
        line(
            "fetch and validate",
            **fetched,
            candles=sum(batch.frame.height for batch in batches),
            quarantined=sum(batch.quarantine.height for batch in batches),
            failed=failed,
            requests=usage.requests,
            weight=usage.weight,
            peak_minute_weight=usage.peak_minute_weight,
            responses_429=usage.responses_429,
            retries=usage.retries,
            waited_seconds=usage.waited_seconds,
        )
        wall, cpu = time.perf_counter(), time.process_time()
        changes = {
            name: pl.concat([batch.frame for batch in batches if batch.dataset == name]).sort(
                DATASETS[name].key
            )
            for name in KEPT
        }
        snapshot = SnapshotStore(Path(folder) / "store").publish(
            changes, source=identity, published_by="benchmark", now=NOW
        )
        published = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
        line("publish", **published, megabytes=sum(ref.bytes for ref in snapshot.objects) / 1e6)
        line("in all", **{name: fetched[name] + published[name] for name in fetched})


if __name__ == "__main__":
    main()
