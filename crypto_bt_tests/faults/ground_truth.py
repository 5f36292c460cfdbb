"""What the market itself gives, as rows of the store: read from its wire rows, past all code under test."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.market import from_milliseconds, to_milliseconds
from crypto_bt.simulator.market import Market, Window
from crypto_bt.store import MarketStore

Row = tuple[Any, ...]
_ALL: Final = 10**6
_KNOWN_AFTER: Final = timedelta(hours=1, minutes=5)
_POSITIONING: Final = {
    "open_interest": ("open_interest", ("sumOpenInterest", "sumOpenInterestValue")),
    "long_short_ratio": ("account_ratio", ("longShortRatio", "longAccount", "shortAccount")),
    "taker_volume": ("taker_volume", ("buyVol", "sellVol", "buySellRatio")),
}


def truth(market: Market, dataset: str, symbol: str, start: datetime, end: datetime) -> list[Row]:
    """Rows of ``symbol`` in [``start``, ``end``) that are closed by the market's clock, oldest first."""
    window = Window(to_milliseconds(start), to_milliseconds(end) - 1, _ALL)
    now = market.now()
    if dataset == "funding_rates":
        return [
            (
                symbol,
                _minute(int(row["fundingTime"])),
                float(row["fundingRate"]),
                float(row["markPrice"]) if row["markPrice"] else None,
            )
            for row in market.funding(symbol, window)
        ]
    if dataset in _POSITIONING:
        method, fields = _POSITIONING[dataset]
        found = []
        for row in getattr(market.positioning, method)(symbol, "1h", window):
            stamp = from_milliseconds(int(row["timestamp"]))
            figures = (float(row[name]) if row[name] != "" else None for name in fields)
            found.append((symbol, stamp, *figures, stamp + _KNOWN_AFTER))
        return found
    timeframe = DATASETS[dataset].timeframe
    assert timeframe is not None
    ask = market.mark_prices if dataset == "mark_price_1h" else market.candles
    rows = [
        (symbol, from_milliseconds(int(str(row[0]))), *(float(str(price)) for price in row[1:5]), row)
        for row in ask(symbol, timeframe, window)
    ]
    closed = [row for row in rows if row[1] + timeframe.delta <= now]
    if dataset == "mark_price_1h":
        return [row[:-1] for row in closed]
    return [
        (*row[:-1], float(row[-1][5]), float(row[-1][7]), row[-1][8], float(row[-1][9])) for row in closed
    ]


def stored(
    store: MarketStore, dataset: str, symbols: Sequence[str], start: datetime, end: datetime
) -> list[Row]:
    """Rows of the newest snapshot in the same form, by symbol and time."""
    return store.read(dataset, symbols=symbols, start=start, end=end).rows()


def _minute(milliseconds: int) -> datetime:
    moment = from_milliseconds(milliseconds)
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=moment.second >= 30)
