"""What the series sources share: a client, and rows that are validated into a batch."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from crypto_bt.core.errors import SourceRefused
from crypto_bt.core.series import validate_series
from crypto_bt.sources.series_client import SeriesClient
from crypto_bt.sources.source import Batch, FetchRequest, Usage

Rows = Sequence[tuple[object, object]]


class HttpSeriesSource(ABC):
    """Base of the series sources: a subclass names itself and turns one request into rows."""

    name: str
    dataset: str
    series: tuple[str, ...]

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
        """See :class:`~crypto_bt.sources.series_source.SeriesSource`."""
        if request.symbol not in self.series or request.dataset != self.dataset:
            raise SourceRefused(
                f"{self.name} has no series {request.symbol} of {request.dataset}.",
                f"Of {self.dataset} it has {', '.join(self.series)}.",
            )
        valid = validate_series(
            await self.rows(request),
            dataset=self.dataset,
            series=request.symbol,
            start=request.start,
            end=request.end,
            now=now,
        )
        return Batch(request, valid.frame, valid.quarantine)

    @abstractmethod
    async def rows(self, request: FetchRequest) -> Rows:
        """The rows (time, value) that the source gives for ``request``; it may give more than was asked."""
