"""A market at a fixed time and a plain HTTP call, for the tests of this room."""

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlencode

from crypto_bt.simulator.synthetic import SyntheticMarket

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
SYMBOLS = ("BTCUSDT", "SUIUSDT", "XMRUSDT", "NEWCOINUSDT")


def market_at(
    now: datetime = NOW, seed: int = 7, symbols: tuple[str, ...] = SYMBOLS, **listing: object
) -> SyntheticMarket:
    return SyntheticMarket(seed, symbols, lambda: now, **listing)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.text)


def get(url: str, path: str, timeout: float = 10, **query: object) -> Answer:
    """One GET; an HTTP error is an answer, a broken connection raises."""
    address = f"{url}{path}?{urlencode(query)}"
    try:
        with urllib.request.urlopen(address, timeout=timeout) as response:
            return Answer(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())
