"""One update of the series that belong to no symbol: every source by itself, one publish.

A source that is down costs its own series and nothing else: the last good values stay.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Final

import polars as pl

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import SourceError, SourceUnavailable
from crypto_bt.core.market import Timeframe
from crypto_bt.core.series import revised_rows
from crypto_bt.defs.changes import Window, count_by_dataset
from crypto_bt.sources import Batch, FetchRequest, SeriesSource
from crypto_bt.store import MarketStore, Snapshot

#: First day that is kept of any series; the exchange opened in 2019, and regimes look back.
SERIES_BEGIN: Final = datetime(2018, 1, 1, tzinfo=UTC)
#: How far back a series is asked again: monthly figures come late, and most are revised once or twice.
ASKED_AGAIN: Final = timedelta(days=75)


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """What an update of series did: ``rows`` are new or revised values by dataset, ``newest`` by series."""

    snapshot: Snapshot
    seconds: float
    requests: int
    answered: Mapping[str, int]
    rows: Mapping[str, int]
    quarantined: Mapping[str, int]
    newest: Mapping[str, datetime]
    failed: Mapping[str, str]


async def ingest_series(
    sources: Sequence[SeriesSource],
    store: MarketStore,
    *,
    datasets: Sequence[str],
    window: Window,
    identity: str,
    now: datetime,
    published_by: str,
) -> SeriesReport:
    """Ask every source of ``datasets`` for its series up to now and publish what is new.

    A series that is not stored yet is asked from its beginning. Raises SourceUnavailable when no series at
    all could be had.
    """
    began = perf_counter()
    chosen = [source for source in sources if source.dataset in datasets]
    stored = {name: store.read(name) for name in datasets}
    answers = await asyncio.gather(*(_ask(source, stored[source.dataset], window, now) for source in chosen))
    batches = [batch for found, _ in answers for batch in found]
    failed = {series: why for _, reasons in answers for series, why in reasons.items()}
    if not batches:
        raise SourceUnavailable(
            f"No source of {', '.join(datasets)} answered; the first: {next(iter(failed.values()))}",
            "The stored values stay; see the sources' status, then run the update again.",
        )
    changes = {
        name: revised_rows(
            stored[name],
            pl.concat([DATASETS[name].empty(), *(b.frame for b in batches if b.dataset == name)]),
            now,
        )
        for name in datasets
    }
    refused = pl.concat([DATASETS["quarantine"].empty(), *(batch.quarantine for batch in batches)])
    snapshot = store.publish(
        {**changes, "quarantine": refused}, source=identity, published_by=published_by, now=now
    )
    newest = pl.concat([*stored.values(), *changes.values()]).group_by("series").agg(pl.max("observed_at"))
    return SeriesReport(
        snapshot=snapshot,
        seconds=perf_counter() - began,
        requests=sum(source.usage.requests for source in chosen),
        answered={name: sum(batch.dataset == name for batch in batches) for name in datasets},
        rows={name: frame.height for name, frame in changes.items()},
        quarantined=count_by_dataset(refused, datasets),
        newest=dict(newest.sort("series").iter_rows()),
        failed=failed,
    )


async def _ask(
    source: SeriesSource, stored: pl.DataFrame, window: Window, now: datetime
) -> tuple[list[Batch], dict[str, str]]:
    """The answers of one source, and why there is none, by series."""
    batches, failed = [], {}
    newest = dict(stored.group_by("series").agg(pl.max("observed_at")).iter_rows())
    async with source:
        for series in source.series:
            known = newest.get(series)
            start = SERIES_BEGIN if known is None else min(known, window.start) - ASKED_AGAIN
            # A snapshot of now is of today, though the days asked for have ended.
            end = max(window.end, Timeframe.D1.floor(now) + timedelta(days=1))
            request = FetchRequest(source.dataset, series, max(start, SERIES_BEGIN), end)
            try:
                batches.append(await source.fetch(request, now))
            except SourceError as error:
                failed[series] = str(error)
    return batches, failed
