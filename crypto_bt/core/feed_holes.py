"""Holes in what comes beside the candles, settlements and mark prices, found by the steps between rows."""

from collections.abc import Mapping
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
    """``step``: the longest time between two rows that lack nothing; ``daily``: it comes with whole days.

    ``varies``: many steps are shorter, and what is usual changes by symbol and time.
    """

    step: timedelta
    daily: bool = False
    varies: bool = False


#: No symbol settles more seldom than every 8 hours, though many do more often, and intervals change.
FEEDS: Final[Mapping[str, Feed]] = {
    FUNDING: Feed(timedelta(hours=8), varies=True),
    MARK_PRICES: Feed(timedelta(hours=1), daily=True),
}


def feed_holes(
    stored: Mapping[str, pl.DataFrame], begins: Mapping[str, datetime], until: datetime
) -> pl.DataFrame:
    """What is lacking of these feeds up to ``until``: one row for each step that nothing was stored for.

    ``stored``: of each feed of ``FEEDS`` the symbol and time of its rows, sorted by both. ``begins``: the
    symbols that should have rows, and since when each is traded. Holes are between two rows of a symbol or
    after its last; a symbol without any lacks all since the first row of the feed. Before a symbol's first
    row nothing is expected: when the exchange began to tell of it is not known. Where the step varies, one
    that is longer than both beside it lacks rows. In ``LACKING_SCHEMA``, ``open_time`` being the row's time.
    """
    found = [pl.DataFrame(schema=LACKING_SCHEMA)]
    for name, rows in stored.items():
        feed = FEEDS[name]
        # A settlement is told at its time, a mark price when its hour is over; both bounds are exclusive.
        end = Timeframe.D1.floor(until) if feed.daily else until + _MOMENT
        # Settlements come some milliseconds late.
        own = rows.filter(pl.col("symbol").is_in(list(begins))).select(
            "symbol", time=pl.col(DATASETS[name].time).dt.truncate("1h")
        )
        spans = pl.concat([_between(own, feed, end), _absent(own, feed, begins)]).with_columns(
            end=pl.col("end").fill_null(pl.lit(end, dtype=UTC_MS))
        )
        times = pl.datetime_ranges("start", "end", "1h", closed="left").cast(pl.List(UTC_MS))
        since = (pl.col("open_time") - pl.col("start")).dt.total_hours()
        found.append(
            spans.filter(pl.col("start") < pl.col("end"))
            .select("symbol", "start", "hours", times.alias("open_time"))
            .explode("open_time")
            .filter(since % pl.col("hours") == 0)
            .select(pl.lit(name).alias("dataset"), "symbol", "open_time")
        )
    return pl.concat(found).filter(pl.col("open_time") <= until)


def _between(own: pl.DataFrame, feed: Feed, end: datetime) -> pl.DataFrame:
    """Per row what should follow it: symbol, start, end (null after the last row), hours of a step."""
    usual = pl.lit(feed.step, dtype=pl.Duration("ms"))
    gap = pl.col("time").diff().over("symbol")
    step = usual
    if feed.varies:
        beside = pl.max_horizontal("before", pl.col("after"))
        known = pl.col("before").is_not_null() & pl.col("after").is_not_null()
        step = pl.when(known).then(pl.min_horizontal(beside, usual)).otherwise(usual)
    return (
        own.with_columns(before=gap)
        .with_columns(after=gap.shift(-2).over("symbol"), end=pl.col("time").shift(-1).over("symbol"))
        .with_columns(step=step)
        .select("symbol", start=pl.col("time") + pl.col("step"), end="end", hours=_hours("step"))
    )


def _absent(own: pl.DataFrame, feed: Feed, begins: Mapping[str, datetime]) -> pl.DataFrame:
    """Likewise for symbols without a row, while others have some."""
    first = own["time"].min()
    missing = sorted(set(begins) - set(own["symbol"])) if isinstance(first, datetime) else []
    hours = feed.step // timedelta(hours=1)
    starts = [(symbol, max(begins[symbol], first), None, hours) for symbol in missing]  # type: ignore[type-var]
    return pl.DataFrame(
        starts,
        schema={"symbol": pl.String(), "start": UTC_MS, "end": UTC_MS, "hours": pl.Int64()},
        orient="row",
    ).with_columns((pl.col("start") + (feed.step - _MOMENT)).dt.truncate(f"{hours}h"))


def _hours(name: str) -> pl.Expr:
    return pl.col(name).dt.total_hours()
