"""All sources of series, ready to be opened."""

import asyncio
import random
from collections.abc import Callable

from crypto_bt.sources import coingecko, defillama, fear_greed, fred
from crypto_bt.sources.budget import Sleep
from crypto_bt.sources.series_client import TIMEOUT_SECONDS, SeriesClient
from crypto_bt.sources.series_source import SeriesSource


def series_sources(
    base_url: str | None = None,
    fred_key: str | None = None,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
    sleep: Sleep = asyncio.sleep,
    chance: Callable[[], float] = random.random,
) -> tuple[SeriesSource, ...]:
    """Fear & greed, FRED, CoinGecko and DefiLlama; opens nothing.

    ``base_url`` (a mirror or the loopback exchange) takes the place of every source's own host, under the
    same paths. With ``fred_key`` FRED is read as JSON, else as CSV. The rest is for tests.
    """

    def client(name: str, url: str) -> SeriesClient:
        return SeriesClient(
            name, base_url or url, timeout_seconds=timeout_seconds, sleep=sleep, chance=chance
        )

    macro: SeriesSource = (
        fred.FredApi(client("FRED", fred.API_URL), fred_key)
        if fred_key
        else fred.FredCsv(client("FRED", fred.CSV_URL))
    )
    return (
        fear_greed.FearGreed(client("alternative.me", fear_greed.URL)),
        macro,
        coingecko.CoinGecko(client("CoinGecko", coingecko.URL)),
        defillama.DefiLlama(client("DefiLlama", defillama.URL)),
    )
