"""The exchange's public archive of metrics: hourly positioning from before the 30 days that its API keeps."""

import asyncio
import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

import polars as pl

from crypto_bt.core.errors import SourceError, SourceRefused, SourceUnavailable
from crypto_bt.core.market import SYMBOL_PATTERN, Timeframe
from crypto_bt.core.metrics_rows import FIGURES, Line, has_midnight, validate_metrics
from crypto_bt.core.schemas import QUARANTINE_SCHEMA
from crypto_bt.sources.budget import Sleep
from crypto_bt.sources.metrics_files import read_digest, read_zip, unpacked
from crypto_bt.sources.series_client import TIMEOUT_SECONDS, NotThere, SeriesClient
from crypto_bt.sources.source import Batch, Failure, FetchRequest, Usage

URL: Final = "https://data.binance.vision"
FOLDER: Final = "/data/futures/um/daily/metrics"
#: Files asked at once; the archive is another host than the exchange's and has no request weight.
CONCURRENCY: Final = 8
#: After so many symbols in a row without an answer the rest is not asked: each takes minutes to give up.
GIVE_UP_AFTER: Final = 2
UNREADABLE: Final = "unreadable file"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Span:
    """What one reading of files answers: ``symbol`` over [``start``, ``end``)."""

    symbol: str
    start: datetime
    end: datetime


class MetricsArchive:
    """One zip for each symbol and day, verified by its published checksum: an async context manager.

    Carries open_interest and long_short_ratio, hour by hour. A day without a file leaves a gap. A file that
    is not what its name or checksum says leaves one too, and a row in the quarantine with the reason.
    """

    name: Final = "Binance public archive"

    def __init__(self, client: SeriesClient) -> None:
        self._client = client

    @property
    def usage(self) -> Usage:
        """What was used so far."""
        return self._client.usage

    async def __aenter__(self) -> Self:
        """Open the session; nothing is asked yet."""
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._client.__aexit__(kind, error, trace)

    async def fetch(self, request: FetchRequest, now: datetime) -> Batch:
        """The hours of ``request``, until the last day that is over at ``now``.

        Raises SourceUnavailable when every try failed, and SourceRefused when asking again cannot help.
        """
        (batch,) = await self._read(_span(request), [request.dataset], now)
        return batch

    async def fetch_all(
        self, requests: Sequence[FetchRequest], on_batch: Callable[[Batch], None], now: datetime
    ) -> list[Failure]:
        """Fetch many; ``on_batch`` gets each as it comes. Failed ones are in the returned list.

        Both datasets are read from the same files: requests of one symbol and window are answered together.
        """
        spans: dict[_Span, list[FetchRequest]] = {}
        failures: list[Failure] = []
        for request in requests:
            try:
                spans.setdefault(_span(request), []).append(request)
            except SourceRefused as error:
                failures.append(Failure(request, error))
        unanswered = 0
        for span, asked in spans.items():
            try:
                if unanswered >= GIVE_UP_AFTER:
                    raise SourceUnavailable(
                        f"{span.symbol}: not asked, {unanswered} symbols had no answer.",
                        "Run it again later.",
                    )
                for batch in await self._read(span, [request.dataset for request in asked], now):
                    on_batch(batch)
                unanswered = 0
            except SourceError as error:
                unanswered += isinstance(error, SourceUnavailable)
                failures += [Failure(request, error) for request in asked]
        return failures

    async def _read(self, span: _Span, datasets: Sequence[str], now: datetime) -> list[Batch]:
        first, until = Timeframe.D1.floor(span.start), min(span.end, Timeframe.D1.floor(now))
        days = [first + n * _DAY for n in range(max(0, -(-(until - first) // _DAY)))]
        files = await self._files(span.symbol, days)
        if days and span.start == first and not has_midnight(_lines(files[first]), first):
            # Older files begin at 0:05 and end with the next midnight.
            files |= await self._files(span.symbol, [first - _DAY])
        good = {day: lines for day, lines in files.items() if not isinstance(lines, str)}
        bad = {max(day, span.start): why for day, why in files.items() if isinstance(why, str)}
        batches = []
        for dataset in datasets:
            valid = validate_metrics(
                good, dataset=dataset, symbol=span.symbol, start=span.start, end=span.end, now=now
            )
            refused = pl.DataFrame(
                [(dataset, span.symbol, day, UNREADABLE, why, now) for day, why in sorted(bad.items())],
                schema=QUARANTINE_SCHEMA,
                orient="row",
            )
            request = FetchRequest(dataset, span.symbol, span.start, span.end)
            batches.append(Batch(request, valid.frame, pl.concat([valid.quarantine, refused])))
        return batches

    async def _files(self, symbol: str, days: Sequence[datetime]) -> dict[datetime, list[Line] | str]:
        """The lines of each day, or why its file cannot be read; no lines where there is no file."""
        found: dict[datetime, list[Line] | str] = {}
        waiting = iter(days)

        async def work() -> None:
            for day in waiting:
                found[day] = await self._file(f"{symbol}-metrics-{day:%Y-%m-%d}", symbol)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(CONCURRENCY, len(days))):
                    group.create_task(work())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return found

    async def _file(self, name: str, symbol: str) -> list[Line] | str:
        path = f"{FOLDER}/{symbol}/{name}.zip"
        # A file may be replaced between the two questions: then both are asked once more.
        for _ in range(2):
            try:
                digest = await self._client.get(
                    f"{path}.CHECKSUM", {}, lambda body: read_digest(body, f"{name}.zip")
                )
                content = await self._client.get(path, {}, read_zip)
            except NotThere:
                return []
            if hashlib.sha256(content).hexdigest() == digest:
                return unpacked(content, f"{name}.csv")
        return f"{name}.zip: its sha256 is not that of {name}.zip.CHECKSUM"


def metrics_archive(
    base_url: str | None = None,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
    sleep: Sleep = asyncio.sleep,
    chance: Callable[[], float] = random.random,
) -> MetricsArchive:
    """The archive, or what serves its paths at ``base_url``; opens nothing. The rest is for tests."""
    return MetricsArchive(
        SeriesClient(
            MetricsArchive.name,
            base_url or URL,
            timeout_seconds=timeout_seconds,
            sleep=sleep,
            chance=chance,
        )
    )


def _span(request: FetchRequest) -> _Span:
    """What ``request`` asks, or SourceRefused for what the archive does not have."""
    if request.dataset not in FIGURES:
        raise SourceRefused(
            f"{request.symbol} {request.dataset}: the public archive does not carry it.",
            f"It carries {', '.join(FIGURES)}; of takers it has a ratio alone, no volumes.",
        )
    if not SYMBOL_PATTERN.fullmatch(request.symbol):
        raise SourceRefused(f"{request.symbol!r} is not a symbol.", "Ask for one such as BTCUSDT.")
    return _Span(request.symbol, request.start, request.end)


def _lines(file: list[Line] | str) -> list[Line]:
    return [] if isinstance(file, str) else file
