"""DefiLlama's supply of all stablecoins by day."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from crypto_bt.core.market import Timeframe
from crypto_bt.sources.series_client import json_of
from crypto_bt.sources.series_http import HttpSeriesSource, Rows
from crypto_bt.sources.source import Batch, FetchRequest

URL = "https://stablecoins.llama.fi"


class DefiLlama(HttpSeriesSource):
    """``/stablecoincharts/all``: US dollars in circulation, times in seconds as text, ascending."""

    name = "DefiLlama"
    dataset = "macro_series"
    series = ("stablecoin_supply",)

    async def fetch(self, request: FetchRequest, now: datetime) -> Batch:
        """See :class:`~crypto_bt.sources.series_source.SeriesSource`; leaves out the day that is not over."""
        ended = replace(request, end=min(request.end, Timeframe.D1.floor(now)))
        return await super().fetch(ended, now)

    async def rows(self, request: FetchRequest) -> Rows:
        """All days there are."""
        return await self._client.get("/stablecoincharts/all", {}, _read)


def _read(body: bytes) -> Rows | None:
    answer = json_of(body)
    if not isinstance(answer, list) or not answer:
        return None
    return [(item.get("date"), _supply(item)) if isinstance(item, dict) else (None, item) for item in answer]


def _supply(item: Mapping[str, object]) -> object:
    total = item.get("totalCirculatingUSD")
    return total.get("peggedUSD") if isinstance(total, dict) else total
