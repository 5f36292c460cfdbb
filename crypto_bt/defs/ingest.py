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
from crypto_bt.core.errors import SourceError, SourceUnavailable
from crypto_bt.core.market import Listing, Timeframe
from crypto_bt.core.universe import UniverseReport, check_universe
from crypto_bt.core.universe_history import VOLUME_DAYS, changed_rows, derived_rows, observed_rows
from crypto_bt.defs.changes import Window, build_changes, count_by_dataset, flags_of
from crypto_bt.sources import Batch, FetchRequest, MarketSource, Usage
from crypto_bt.store import MarketStore, Snapshot

UNIVERSE_DATASET: Final = "universe"
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
            if dataset != UNIVERSE_DATASET
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
        tickers, without = await _tickers(source, datasets)
    if requests and not batches:
        raise SourceUnavailable(
            f"None of {len(requests)} requests to {identity} succeeded; the first: {failures[0].reason}",
            "The stored data is unchanged; see the exchange's status, then run the update again.",
        )
    changes = build_changes(store, datasets, batches, window, now)
    changes[UNIVERSE_DATASET] = _universe_changes(
        store,
        changes.get(Timeframe.D1.dataset, DATASETS[Timeframe.D1.dataset].empty()),
        listings,
        tickers,
        followed=list(dict.fromkeys((*universe, *symbols))),
        window=window,
        now=now,
        whole=UNIVERSE_DATASET in datasets,
    )
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
        failed={f"{f.request.symbol} {f.request.dataset}": f.reason for f in failures} | without,
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


async def _tickers(source: MarketSource, datasets: Sequence[str]) -> tuple[dict[str, float], dict[str, str]]:
    """Turnovers for the universe, and why there are none; they are worth no failed update."""
    if UNIVERSE_DATASET not in datasets:
        return {}, {}
    try:
        return await source.tickers(), {}
    except SourceError as error:
        return {}, {f"tickers {UNIVERSE_DATASET}": str(error)}


def _universe_changes(
    store: MarketStore,
    fresh: pl.DataFrame,
    listings: Mapping[str, Listing],
    tickers: Mapping[str, float],
    *,
    followed: Sequence[str],
    window: Window,
    now: datetime,
    whole: bool,
) -> pl.DataFrame:
    """Rows of the universe: all of them if it was asked for (``whole``), else those whose status changed."""
    stored = store.read(UNIVERSE_DATASET)
    since = min(window.start, Timeframe.D1.floor(now)) - timedelta(days=VOLUME_DAYS)
    known = store.read(Timeframe.D1.dataset, start=since)
    daily = pl.concat([known.join(fresh, on=["symbol", "open_time"], how="anti"), fresh])
    observed = observed_rows(listings, tickers, daily, stored, followed=followed, now=now)
    if not whole:
        return changed_rows(observed, stored)
    end = min(window.end, Timeframe.D1.floor(now))
    derived = derived_rows(listings, daily, stored, followed=followed, start=window.start, end=end)
    return pl.concat([derived, observed])
