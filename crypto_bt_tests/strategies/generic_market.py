"""The made-up market that every strategy is tested on: jumps, gaps, flat bars, all that may be needed."""

import random
from functools import cache

import polars as pl

from crypto_bt_tests.backtest.markets import (
    H4,
    START,
    candles,
    funding,
    random_bars,
    random_funding,
    random_positioning,
    random_regime,
)

SYMBOLS = ("AAAUSDT", "BBBUSDT", "BTCUSDT")


def market(count: int) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """``count`` bars of three symbols, and the datasets of the needs."""
    bars, extras = _market(1000 * -(-count // 1000))
    return bars.filter(pl.col("open_time") < START + H4 * count), dict(extras)


@cache
def _market(count: int) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    rng = random.Random(17)
    bars = candles({symbol: random_bars(rng, count, gaps=0.004) for symbol in SYMBOLS})
    rates = funding([row for symbol in SYMBOLS for row in random_funding(rng, symbol, 4 * count)])
    return bars, {
        "funding_rates": rates,
        "market_regime": random_regime(rng, count),
        **random_positioning(rng, SYMBOLS, 4 * count),
    }
