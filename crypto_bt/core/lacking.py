"""Which closed candles a store lacks, one by one: what a repair sets out to fill, and what it could not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from crypto_bt.core.datasets import CANDLE_DATASETS
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import UTC_MS

FUNDING, MARK_PRICES = "funding_rates", "mark_price_1h"
#: What can be told to be lacking from what is stored.
HEALED: Final = (*CANDLE_DATASETS, FUNDING, MARK_PRICES)
#: Columns of what is lacking: the row's dataset, symbol and open time (of a settlement: its time).
LACKING_SCHEMA: Final[dict[str, pl.DataType]] = {
    "dataset": pl.String(),
    "symbol": pl.String(),
    "open_time": UTC_MS,
}


@dataclass(frozen=True, slots=True)
class MissingRange:
    """Whole UTC days from ``start`` to ``end`` (exclusive) in which rows of all these are missing."""

    start: datetime
    end: datetime
    datasets: tuple[str, ...]
    symbols: tuple[str, ...]


def lacking(
    keys: pl.DataFrame,
    timeframe: Timeframe,
    begins: Mapping[str, datetime],
    start: datetime,
    end: datetime,
) -> pl.DataFrame:
    """The candles of [``start``, ``end``) that ``keys`` (symbol, open_time; sorted by both) does not have.

    Expected of each symbol of ``begins`` are those that open at or after its moment there (its listing) and
    close by ``end``. Sorted by symbol and open_time, in ``LACKING_SCHEMA``.
    """
    step, last = timeframe.delta, timeframe.floor(end)
    firsts = {symbol: _ceiling(max(begin, start), timeframe) for symbol, begin in begins.items()}
    spans = pl.DataFrame(
        [(symbol, first, last) for symbol, first in firsts.items() if first < last],
        schema={"symbol": pl.String(), "first": UTC_MS, "last": UTC_MS},
        orient="row",
    )
    candles = pl.datetime_ranges("start", "end", step, closed="left").cast(pl.List(UTC_MS))
    return (
        _holes(keys, spans, step)
        .select(pl.lit(timeframe.dataset).alias("dataset"), "symbol", candles.alias("open_time"))
        .explode("open_time")
        .sort("symbol", "open_time")
    )


def _holes(keys: pl.DataFrame, spans: pl.DataFrame, step: timedelta) -> pl.DataFrame:
    """Where nothing is stored within the span of each symbol: symbol, start, end (exclusive).

    Only these are spread out into candles: they are few, what is stored is much.
    """
    symbol, opened = pl.col("symbol"), pl.col("open_time")
    new = symbol.ne_missing(symbol.shift(1))
    before = keys.select("symbol", start=pl.when(~new).then(opened.shift(1) + step), end=opened)
    after = keys.filter(symbol.ne_missing(symbol.shift(-1)))
    found = [
        before.filter(pl.col("start").ne_missing(pl.col("end"))),
        after.select("symbol", start=opened + step, end=pl.lit(None, dtype=UTC_MS)),
        spans.join(keys, on="symbol", how="anti").select("symbol", start="first", end="last"),
    ]
    bounded = (
        pl.concat(found)
        .join(spans, on="symbol")
        # Without a start (or end) a hole reaches to that of the span.
        .select("symbol", start=pl.max_horizontal("start", "first"), end=pl.min_horizontal("end", "last"))
    )
    return bounded.filter(pl.col("start") < pl.col("end"))


def ranges_of(lack: pl.DataFrame) -> list[MissingRange]:
    """The days of ``lack`` (see :func:`lacking`) as contiguous ranges, oldest first.

    Of one symbol all datasets count together, and symbols with the same days are one range: what was missed
    while nothing ran is one range, and one symbol's long history does not pull the others along.
    """
    day, step = timedelta(days=1), pl.col("day").diff().over("symbol")
    days = lack.with_columns(day=pl.col("open_time").dt.truncate("1d")).sort("symbol", "day")
    stretches = (
        days.with_columns(stretch=(step > day).fill_null(value=True).cum_sum())
        .group_by("symbol", "stretch")
        .agg(start=pl.col("day").min(), end=pl.col("day").max() + day, datasets=pl.col("dataset").unique())
        .group_by("start", "end")
        .agg(pl.col("symbol").unique().sort(), pl.col("datasets").explode().unique())
        .sort("start", "end")
    )
    return [
        MissingRange(start, end, tuple(name for name in HEALED if name in datasets), tuple(symbols))
        for start, end, symbols, datasets in stretches.iter_rows()
    ]


def _ceiling(moment: datetime, timeframe: Timeframe) -> datetime:
    floor = timeframe.floor(moment)
    return floor if floor == moment else floor + timeframe.delta


def rows_called(datasets: Iterable[str]) -> str:
    """The word for rows of all these datasets together."""
    return "candles" if set(datasets) <= set(CANDLE_DATASETS) else "rows"
