"""Small markets for the engine's tests: tables of bars by hand, and random ones by seed."""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import (
    CANDLE_SCHEMA,
    FUNDING_SCHEMA,
    LONG_SHORT_SCHEMA,
    OPEN_INTEREST_SCHEMA,
    REGIME_SCHEMA,
    TAKER_SCHEMA,
    UTC_MS,
)

START = datetime(2025, 1, 6, tzinfo=UTC)
H4 = timedelta(hours=4)
Ohlc = tuple[float, float, float, float]


def candles(bars: Mapping[str, Sequence[Ohlc | None]], timeframe: Timeframe = Timeframe.H4) -> pl.DataFrame:
    """Candles from (open, high, low, close) by symbol; None is a missing candle."""
    rows = [
        (symbol, START + timeframe.delta * index, *bar, 1.0, None, None, None)
        for symbol, row in sorted(bars.items())
        for index, bar in enumerate(row)
        if bar is not None
    ]
    return pl.DataFrame(rows, schema=CANDLE_SCHEMA, orient="row")


def wanted(targets: Mapping[str, Sequence[int]], timeframe: Timeframe = Timeframe.H4) -> pl.DataFrame:
    """Targets by symbol, one for each bar from START on."""
    rows = [
        (symbol, START + timeframe.delta * index, value)
        for symbol, row in targets.items()
        for index, value in enumerate(row)
    ]
    schema = {"symbol": pl.String, "open_time": UTC_MS, "target": pl.Int8}
    return pl.DataFrame(rows, schema=schema, orient="row")


def funding(rows: Sequence[tuple[str, datetime, float, float | None]]) -> pl.DataFrame:
    """Funding rows of (symbol, time, rate, mark price)."""
    return pl.DataFrame(rows, schema=FUNDING_SCHEMA, orient="row")


def random_bars(
    rng: random.Random, count: int, *, wild: float = 0.02, gaps: float = 0.0, start: float | None = None
) -> list[Ohlc | None]:
    """A random walk with jumps between bars, some flat bars and, with probability ``gaps``, missing ones."""
    bars: list[Ohlc | None] = []
    close = start or rng.choice([0.00042, 1.7, 100.0, 64_000.0])
    for _ in range(count):
        open_ = close * (1.0 + (rng.gauss(0.0, wild) if rng.random() < 0.3 else 0.0))
        if rng.random() < 0.05:
            bars.append((open_, open_, open_, open_))
            continue
        move = rng.gauss(0.0, wild) * (8.0 if rng.random() < 0.03 else 1.0)
        close = open_ * max(0.2, 1.0 + move)
        high = max(open_, close) * (1.0 + abs(rng.gauss(0.0, wild / 2)))
        low = min(open_, close) * (1.0 - min(0.8, abs(rng.gauss(0.0, wild / 2))))
        bars.append(None if rng.random() < gaps else (open_, high, low, close))
    if all(bar is None for bar in bars):
        bars[0] = (close, close, close, close)
    return bars


def random_targets(rng: random.Random, count: int, *, change: float = 0.2) -> list[int]:
    """Targets that change with probability ``change`` a bar."""
    value, values = 0, []
    for _ in range(count):
        if rng.random() < change:
            value = rng.choice([-1, 0, 1])
        values.append(value)
    return values


def random_funding(
    rng: random.Random, symbol: str, hours: int
) -> list[tuple[str, datetime, float, float | None]]:
    """Settlements whose interval changes between 8, 4 and 1 hours, some without a mark price."""
    rows: list[tuple[str, datetime, float, float | None]] = []
    hour = rng.randrange(8)
    while hour < hours:
        rows.append((symbol, START + timedelta(hours=hour), rng.gauss(0.0, 0.003), None))
        hour += rng.choice([8, 8, 4, 1])
    return rows


def random_regime(rng: random.Random, count: int) -> pl.DataFrame:
    """Regime rows of ``count`` bars, each known at its close; regimes last some bars, some are unknown."""
    rows, state = [], {}
    for index in range(count):
        row = {"symbol": "AAAUSDT", "open_time": START + H4 * index, "available_at": START + H4 * (index + 1)}
        for column in REGIME_SCHEMA.keys() - row.keys():
            if index == 0 or rng.random() < 0.1:
                drawn = rng.choice([-1, 0, 0, 1]) if column.endswith("_regime") else rng.gauss(0.0, 1.0)
                state[column] = None if rng.random() < 0.05 else drawn
        rows.append({**row, **state})
    return pl.DataFrame(rows, schema=REGIME_SCHEMA)


def random_positioning(rng: random.Random, symbols: Sequence[str], hours: int) -> dict[str, pl.DataFrame]:
    """Open interest, account ratio and taker volume by the hour, each known a while after."""
    found: dict[str, pl.DataFrame] = {}
    for name, schema in (
        ("open_interest", OPEN_INTEREST_SCHEMA),
        ("long_short_ratio", LONG_SHORT_SCHEMA),
        ("taker_volume", TAKER_SCHEMA),
    ):
        rows = [
            (
                symbol,
                at,
                *(rng.uniform(0.1, 10.0) for _ in range(len(schema) - 3)),
                at + timedelta(minutes=65),
            )
            for symbol in symbols
            for at in (START + timedelta(hours=hour) for hour in range(hours))
        ]
        found[name] = pl.DataFrame(rows, schema=schema, orient="row")
    return found
