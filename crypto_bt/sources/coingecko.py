"""CoinGecko's picture of the whole market: a snapshot of now, so its history begins with the home's."""

from typing import Final

from crypto_bt.sources.series_client import json_of
from crypto_bt.sources.series_http import HttpSeriesSource, Rows
from crypto_bt.sources.source import FetchRequest

URL: Final = "https://api.coingecko.com"
#: Where each series stands in the answer.
FIELDS: Final = {
    "btc_dominance": ("market_cap_percentage", "btc"),
    "total_market_cap": ("total_market_cap", "usd"),
}


class CoinGecko(HttpSeriesSource):
    """``/api/v3/global``: share of BTC in percent, capitalisation of all coins in US dollars."""

    name = "CoinGecko"
    dataset = "btc_dominance"
    series = tuple(FIELDS)

    async def rows(self, request: FetchRequest) -> Rows:
        """The one value there is, at the source's own time."""
        wanted = request.symbol
        return await self._client.get("/api/v3/global", {}, lambda body: _read(body, wanted))


def _read(body: bytes, series: str) -> Rows | None:
    answer = json_of(body)
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        return None
    field, coin = FIELDS[series]
    figures = data.get(field)
    if not isinstance(figures, dict) or "updated_at" not in data:
        return None
    return [(data["updated_at"], figures.get(coin))]
