"""One update of the market store: ask the exchange, judge the rows, publish once.

No Dagster here: the asset hands over the window and turns the report into metadata.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter, process_time

from crypto_bt.core.candle_flags import JUMP, STALE_RUN
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import SourceUnavailable
from crypto_bt.core.market import EPOCH, Timeframe
from crypto_bt.core.universe import UniverseReport, check_universe
from crypto_bt.defs.asking import Progress, ask_all
from crypto_bt.defs.changes import Window, build_changes, count_by_dataset, flags_of
from crypto_bt.defs.kept_pages import uncontradicted
from crypto_bt.defs.requests import archived_requests, requests_for
from crypto_bt.defs.universe_changes import UNIVERSE_DATASET, ask_tickers, universe_changes
from crypto_bt.sources import MarketSource, MetricsArchive, Usage
from crypto_bt.store import MarketStore, PageJournal, Snapshot


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
    withheld: Mapping[str, int]
    resumed: int = 0
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
    journal: PageJournal | None = None,
    archive: MetricsArchive | None = None,
) -> IngestReport:
    """Fetch ``datasets`` for the tradable ones of ``symbols`` over ``window`` and publish all at once.

    What the exchange says of every symbol of ``universe`` is published with them. A symbol that fails is
    reported and the others go on; raises SourceUnavailable when every symbol failed, and SourceRefused
    when the exchange does not serve this address at all. With a ``journal`` a later call goes on where one
    that was killed left off; with an ``archive`` positioning older than the exchange keeps comes from there.
    """
    wall, cpu = perf_counter(), process_time()
    async with source:
        identity = await source.identity()
        now = await source.server_time()
        listings = await source.listings()
        report = check_universe(symbols, listings)
        # A symbol that has just been delisted traded to its last hour.
        ended = [s for s in report.delisted if (listings[s].delisting or EPOCH) > window.start]
        asked = [*report.tradable, *ended]
        requests = [
            request
            for dataset in datasets
            if dataset != UNIVERSE_DATASET
            for request in requests_for(store, dataset, asked, window, now)
        ]
        answers = await ask_all(
            source,
            requests,
            identity=identity,
            now=now,
            journal=journal,
            usable=partial(uncontradicted, store),
            progress=progress,
        )
        batches, failures = answers.batches, answers.failures
        tickers, without = await ask_tickers(source, datasets)
    if archive is not None:
        old = archived_requests(datasets, report.tradable, window, now)
        async with archive:
            failures += await archive.fetch_all(old, batches.append, now)
    if requests and not batches:
        raise SourceUnavailable(
            f"None of {len(requests)} requests to {identity} succeeded; the first: {failures[0].reason}",
            "The stored data is unchanged; see the exchange's status, then run the update again.",
        )
    changes = build_changes(store, datasets, batches, window, now)
    changes[UNIVERSE_DATASET] = universe_changes(
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
    if journal is not None:
        journal.clear()
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
        withheld=count_by_dataset(changes["quarantine"].filter(reason=JUMP), datasets),
        resumed=answers.resumed,
        failed={f"{f.request.symbol} {f.request.dataset}": f.reason for f in failures} | without,
    )
