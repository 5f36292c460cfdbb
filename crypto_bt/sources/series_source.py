"""What every source of series offers: values that belong to no symbol, one series a request."""

from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from crypto_bt.sources.source import Batch, FetchRequest, Usage


class SeriesSource(Protocol):
    """A source of one or more series of one dataset: an async context manager, open for one session."""

    @property
    def name(self) -> str:
        """What a person calls it."""

    @property
    def dataset(self) -> str:
        """The dataset that its series belong to."""

    @property
    def series(self) -> tuple[str, ...]:
        """The series it carries."""

    @property
    def usage(self) -> Usage:
        """What was used so far; still there after the session."""

    async def __aenter__(self) -> Self:
        """Open the session; nothing is asked yet."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""

    async def fetch(self, request: FetchRequest, now: datetime) -> Batch:
        """Observations of the series ``request.symbol`` in its window; ``now`` decides what is future.

        Raises SourceUnavailable when every try failed, SourceRefused when asking again cannot help.
        """
