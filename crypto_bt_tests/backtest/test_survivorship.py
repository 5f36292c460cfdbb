"""The universe known at each day's start, and what trading only it changes."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.backtest.nightly.survivorship import Places, empty_places, members, most_liquid_by_day
from crypto_bt.core.schemas import UNIVERSE_SCHEMA
from crypto_bt.core.universe_history import most_liquid

FIRST = 20_000
SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")


def at(day: int, hours: float = 0.0) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day, hours=hours)


def universe(seed: int, days: int) -> pl.DataFrame:
    """Rows that become known at midnight or during the day, with gaps, delistings and missing turnovers."""
    rng = random.Random(seed)
    rows = []
    for symbol in SYMBOLS:
        for day in range(FIRST - 3, FIRST + days):
            if rng.random() < 0.3:
                continue
            volume = None if rng.random() < 0.2 else rng.choice([1.0, 2.0, rng.uniform(0.0, 5.0)])
            row = dict.fromkeys(UNIVERSE_SCHEMA) | {
                "symbol": symbol, "day": at(day), "tradable": rng.random() < 0.8, "status": "TRADING",
                "quote_volume_30d": volume, "quote_volume_24h": rng.choice([None, 0.05]),
                "available_at": at(day, rng.choice([0.0, 7.5])),
            }  # fmt: skip
            rows.append(row)
    return pl.DataFrame(rows, schema=UNIVERSE_SCHEMA)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 5))
def test_members_are_the_most_liquid_known_at_each_days_start(seed: int, count: int) -> None:
    days = (FIRST, FIRST + 11)
    known = universe(seed, 12)
    found = most_liquid_by_day(known, count, days)
    for day in range(days[0], days[1] + 1):
        expected = most_liquid(known, count, at(day))
        assert found.filter(day=day)["symbol"].to_list() == expected, f"seed {seed}, day {day}"


def test_members_of_an_unknown_universe_are_none() -> None:
    nothing = pl.DataFrame(schema=UNIVERSE_SCHEMA)
    assert not members(nothing, SYMBOLS, (FIRST, FIRST + 5), 3).any()


def test_members_do_not_know_of_what_comes_later() -> None:
    known = universe(3, 12)
    cut = known.filter(pl.col("available_at") <= at(FIRST + 6))
    days = (FIRST, FIRST + 6)
    assert (members(known, SYMBOLS, days, 2) == members(cut, SYMBOLS, days, 2)).all()


def test_a_place_of_a_symbol_without_candles_is_counted_as_empty() -> None:
    """LUNAUSDT was the most liquid until it was delisted; the night has no candles of it."""
    rows = [
        dict.fromkeys(UNIVERSE_SCHEMA)
        | {
            "symbol": symbol, "day": at(FIRST + day), "available_at": at(FIRST + day), "status": "TRADING",
            "tradable": symbol != "LUNAUSDT" or day < 6, "quote_volume_30d": volume,
        }
        for day in range(10)
        for symbol, volume in (("LUNAUSDT", 9.0), ("AAAUSDT", 2.0), ("BBBUSDT", 1.0))
    ]  # fmt: skip
    known = pl.DataFrame(rows, schema=UNIVERSE_SCHEMA)
    days = np.arange(FIRST, FIRST + 10)
    chosen = most_liquid_by_day(known, 2, (FIRST, FIRST + 9))
    followed = ("AAAUSDT", "BBBUSDT")
    assert empty_places(chosen, followed, days, 2) == Places(0.6, 0.6, ("LUNAUSDT",))
    assert empty_places(chosen, followed, days[6:], 2) == Places(0.0, 0.0, ())
    of_three = most_liquid_by_day(known, 3, (FIRST, FIRST + 9))
    assert empty_places(of_three, followed, days, 3) == Places(1.0, 0.6, ("LUNAUSDT",))
