"""Asking a source for many requests, page by page where a journal keeps what has come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from crypto_bt.sources import Batch, Failure, FetchRequest, MarketSource
from crypto_bt.store import KeptPage, PageJournal, split

#: Called with (requests done, requests in all, rows so far).
Progress = Callable[[int, int, int], None]
#: Of kept pages those that may be published.
Usable = Callable[[list[KeptPage]], list[KeptPage]]


@dataclass(frozen=True, slots=True)
class Answers:
    """What came, what failed, and how many of the batches an earlier, killed backfill had fetched."""

    batches: list[Batch]
    failures: list[Failure]
    resumed: int = 0


async def ask_all(
    source: MarketSource,
    requests: Sequence[FetchRequest],
    *,
    identity: str,
    now: datetime,
    journal: PageJournal | None = None,
    usable: Usable = list,
    progress: Progress | None = None,
) -> Answers:
    """The answers of ``source``, open, to ``requests``; ``now`` is its clock.

    With a ``journal`` requests are cut into pages, each kept as it comes, and those that are kept already,
    and are still ``usable``, are not asked again. The caller clears the journal once everything is published.
    """
    batches: list[Batch] = []
    if journal is not None:
        pages = split([(r.dataset, r.symbol, r.start, r.end) for r in requests])
        kept = {page.asked: page for page in usable(journal.take(identity, pages, now))}
        batches = [Batch(FetchRequest(*page.asked), page.frame, page.quarantine) for page in kept.values()]
        requests = [FetchRequest(*page) for page in pages if page not in kept]
    resumed = len(batches)
    total = resumed + len(requests)

    def collect(batch: Batch) -> None:
        batches.append(batch)
        tell()

    def tell() -> None:
        if progress is not None:
            progress(len(batches), total, sum(batch.frame.height for batch in batches))

    tell()
    keep = collect if journal is None else _keeping(journal, identity, now, collect)
    failures = await source.fetch_all(requests, keep)
    return Answers(batches, failures, resumed)


def _keeping(
    journal: PageJournal, identity: str, now: datetime, collect: Callable[[Batch], None]
) -> Callable[[Batch], None]:
    def keep(batch: Batch) -> None:
        request = batch.request
        journal.put(
            identity,
            request.dataset,
            request.symbol,
            request.start,
            request.end,
            fetched_at=now,
            frame=batch.frame,
            quarantine=batch.quarantine,
        )
        collect(batch)

    return keep
