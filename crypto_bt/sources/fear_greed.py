"""The fear & greed index of alternative.me: the whole history in one answer."""

from crypto_bt.sources.series_client import json_of
from crypto_bt.sources.series_http import HttpSeriesSource, Rows
from crypto_bt.sources.source import FetchRequest

URL = "https://api.alternative.me"


class FearGreed(HttpSeriesSource):
    """``/fng/``: values 0 to 100 by day, times in seconds as text, newest first."""

    name = "alternative.me"
    dataset = "fear_greed"
    series = ("fear_greed",)

    async def rows(self, request: FetchRequest) -> Rows:
        """All days there are."""
        return await self._client.get("/fng/", {"limit": "0"}, _read)


def _read(body: bytes) -> Rows | None:
    answer = json_of(body)
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not data:
        return None
    return [
        (item.get("timestamp"), item.get("value")) if isinstance(item, dict) else (None, item)
        for item in data
    ]
