"""Fetching many requests at once: one failure stops nothing, a refused address stops all."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from crypto_bt.core.errors import SourceError, SourceUnavailable
from crypto_bt.sources.answers import AddressRefused
from crypto_bt.sources.source import Batch, Failure, FetchRequest

#: So many requests without an answer, with none answered between them, mean that all would fail.
GIVE_UP_AFTER: Final = 8


async def fetch_each(
    fetch: Callable[[FetchRequest], Awaitable[Batch]],
    requests: Sequence[FetchRequest],
    on_batch: Callable[[Batch], None],
    concurrency: int,
) -> list[Failure]:
    """Run ``fetch`` for each of ``requests``, ``concurrency`` at a time; failures in the order of requests.

    Once GIVE_UP_AFTER requests in a row got no answer at all, the rest is not asked and fails as well:
    with an exchange that is down every one of them would take two minutes of waits.
    """
    waiting = iter(enumerate(requests))
    failures: dict[int, Failure] = {}
    unanswered = 0

    async def work() -> None:
        nonlocal unanswered
        for index, request in waiting:
            if unanswered >= GIVE_UP_AFTER:
                what = f"{request.symbol} {request.dataset}: not asked, {unanswered} requests had no answer."
                failures[index] = Failure(request, SourceUnavailable(what, "Run the update again later."))
                continue
            try:
                batch = await fetch(request)
            except AddressRefused:
                raise
            except SourceError as error:
                failures[index] = Failure(request, error)
                unanswered = unanswered + 1 if isinstance(error, SourceUnavailable) else 0
                continue
            unanswered = 0
            on_batch(batch)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(requests))):
                group.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [failures[index] for index in sorted(failures)]
