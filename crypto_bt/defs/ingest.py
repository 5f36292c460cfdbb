"""One update of the market store: ask the exchange, judge the rows, publish once.

No Dagster here: the asset hands over the window and turns the report into metadata.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter, process_time
from typing import Final

import polars as pl

from crypto_bt.core.candle_flags import JUMP, STALE_RUN
from crypto_bt.core.datasets import DATASETS, POSITIONING_DATASETS
from crypto_bt.core.errors import SourceUnavailable
from crypto_bt.core.market import Listing, Timeframe
from crypto_bt.core.universe import UniverseReport, check_universe
from crypto_bt.defs.changes import Window, build_changes, count_by_dataset, flags_of
from crypto_bt.sources import Batch, FetchRequest, MarketSource, Usage
from crypto_bt.store import MarketStore, Snapshot

#: Called with (requests done, requests in all, rows so far).
Progress = Callable[[int, int, int], None]
#: The exchange keeps so much of what it says hourly of open interest and positions.
POSITIONING_KEPT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an update did, counted by dataset.

    ``stale_runs`` and ``jumps`` are candles that are possible but odd (see ``core.candle_flags``): stored,
    and reported for a person to look at.
    """

    snapshot: Snapshot
    universe: UniverseReport
    usage: Usage
    seconds: float
    cpu_seconds: float
    rows: Mapping[str, int]
    symbols: Mapping[str, int]
    quarantined: Mapping[str, int]
    revised: Mapping[str, int]
    stale_runs: Mapping[str, int]
    jumps: Mapping[str, int]
    failed: Mapping[str, str] = field(default_factory=dict)


async def ingest(
    source: MarketSource,
    store: MarketStore,
    *,
    datasets: Sequence[str],
    symbols: Sequence[str],
    universe: Sequence[str],
    window: Window,
    published_by: str,
    progress: Progress | None = None,
) -> IngestReport:
    """Fetch ``datasets`` for the tradable ones of ``symbols`` over ``window`` and publish all at once.

    What the exchange says of every symbol of ``universe`` is published with them. A symbol that fails is
    reported and the others go on; raises SourceUnavailable when every symbol failed, and SourceRefused
    when the exchange does not serve this address at all.
    """
    wall, cpu = perf_counter(), process_time()
    async with source:
        identity = await source.identity()
        now = await source.server_time()
        listings = await source.listings()
        report = check_universe(symbols, listings)
        requests = [
            request
            for dataset in datasets
            for request in requests_for(store, dataset, report.tradable, window, now)
        ]
        batches: list[Batch] = []

        def collect(batch: Batch) -> None:
            batches.append(batch)
            if progress is not None:
                progress(len(batches), len(requests), sum(b.frame.height for b in batches))

        if progress is not None:
            progress(0, len(requests), 0)
        failures = await source.fetch_all(requests, collect)
    if requests and not batches:
        raise SourceUnavailable(
            f"None of {len(requests)} requests to {identity} succeeded; the first: {failures[0].reason}",
            "The stored data is unchanged; see the exchange's status, then run the update again.",
        )
    changes = build_changes(store, datasets, batches, window, now)
    changes["universe"] = universe_rows(list(dict.fromkeys((*universe, *symbols))), listings, now)
    snapshot = store.publish(changes, source=identity, published_by=published_by, now=now)
    flags = {name: flags_of(name, changes[name]) for name in datasets}
    return IngestReport(
        snapshot=snapshot,
        universe=report,
        usage=source.usage,
        seconds=perf_counter() - wall,
        cpu_seconds=process_time() - cpu,
        rows={name: changes[name].height for name in datasets},
        symbols={name: changes[name]["symbol"].n_unique() for name in datasets},
        quarantined=count_by_dataset(changes["quarantine"], datasets),
        revised=count_by_dataset(changes["revisions"], datasets),
        stale_runs={name: found.count(STALE_RUN) for name, found in flags.items()},
        jumps={name: found.count(JUMP) for name, found in flags.items()},
        failed={f"{f.request.symbol} {f.request.dataset}": f.reason for f in failures},
    )


def requests_for(
    store: MarketStore, dataset: str, symbols: Sequence[str], window: Window, now: datetime
) -> list[FetchRequest]:
    """What to ask of ``dataset`` for each of ``symbols`` over ``window``.

    What the exchange keeps for 30 days only is asked from each symbol's newest stored hour on, where that
    is earlier: an hour missed today cannot be had next month.
    """
    starts = dict.fromkeys(symbols, window.start)
    if dataset in POSITIONING_DATASETS:
        kept = now - POSITIONING_KEPT
        times = store.read(dataset, symbols=symbols, start=kept, columns=["symbol", "observed_at"])
        newest = dict(times.group_by("symbol").agg(pl.col("observed_at").max()).iter_rows())
        starts = {symbol: max(kept, min(window.start, newest.get(symbol, kept))) for symbol in symbols}
    return [FetchRequest(dataset, symbol, start, window.end) for symbol, start in starts.items()]


def universe_rows(symbols: Sequence[str], listings: Mapping[str, Listing], now: datetime) -> pl.DataFrame:
    """What the exchange says of each symbol today, one row each."""
    day = Timeframe.D1.floor(now)
    known = [listings.get(symbol) for symbol in symbols]
    return pl.DataFrame(
        {
            "symbol": list(symbols),
            "day": [day] * len(symbols),
            "onboard_time": [listing.onboard if listing else None for listing in known],
            "delisted_time": [None] * len(symbols),
            "status": [listing.status if listing else "MISSING" for listing in known],
            "tradable": [bool(listing and listing.tradable) for listing in known],
            "followed": [True] * len(symbols),
            "observed": [True] * len(symbols),
            "quote_volume_24h": [None] * len(symbols),
            "quote_volume_30d": [None] * len(symbols),
            "available_at": [now] * len(symbols),
        },
        schema=DATASETS["universe"].schema,
    ).sort("symbol")
