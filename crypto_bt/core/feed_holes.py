"""Holes in what comes beside the candles, settlements and mark prices, found by the steps between rows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.lacking import FUNDING, LACKING_SCHEMA, MARK_PRICES
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import UTC_MS

_MOMENT: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Feed:
    """``step``: the longest time between two rows that lack nothing; ``daily``: it comes with whole days."""

    step: timedelta
    daily: bool


#: No symbol settles more seldom than every 8 hours, though many do more often, and intervals change.
FEEDS: Final[Mapping[str, Feed]] = {
    FUNDING: Feed(timedelta(hours=8), daily=False),
    MARK_PRICES: Feed(timedelta(hours=1), daily=True),
}


def feed_holes(stored: Mapping[str, pl.DataFrame], symbols: Collection[str], until: datetime) -> pl.DataFrame:
    """What is lacking of these feeds up to ``until``: one row for each step that nothing was stored for.

    ``stored``: of each feed of ``FEEDS`` the symbol and time of its rows, sorted by both. Holes are between
    two rows of one of ``symbols``, or after its last. Nothing is expected before its first row: when the
    exchange began to tell of it is not known. In ``LACKING_SCHEMA``, ``open_time`` being the row's time.
    """
    found = [pl.DataFrame(schema=LACKING_SCHEMA)]
    for name, rows in stored.items():
        feed, symbol = FEEDS[name], pl.col("symbol")
        # A settlement is told at its time, a mark price when its hour is over; both bounds are exclusive.
        end = Timeframe.D1.floor(until) if feed.daily else until + _MOMENT
        times = pl.datetime_ranges("start", "end", feed.step, closed="left").cast(pl.List(UTC_MS))
        found.append(
            rows.filter(symbol.is_in(list(symbols)))
            .select("symbol", time=DATASETS[name].time)
            .with_columns(
                start=pl.col("time") + feed.step,
                end=pl.col("time").shift(-1).over("symbol").fill_null(pl.lit(end, dtype=UTC_MS)),
            )
            .filter(pl.col("start") < pl.col("end"))
            .select(pl.lit(name).alias("dataset"), "symbol", times.alias("open_time"))
            .explode("open_time")
        )
    return pl.concat(found).filter(pl.col("open_time") <= until)
