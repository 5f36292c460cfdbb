"""Which closed candles a store lacks, one by one: what a repair sets out to fill, and what it could not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from crypto_bt.core.datasets import CANDLE_DATASETS
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import UTC_MS

#: Columns of what is lacking: the candle's dataset, symbol and open time.
LACKING_SCHEMA = {"dataset": pl.String(), "symbol": pl.String(), "open_time": UTC_MS}


def lacking(
    keys: pl.DataFrame,
    timeframe: Timeframe,
    begins: Mapping[str, datetime],
    start: datetime,
    end: datetime,
) -> pl.DataFrame:
    """The candles of [``start``, ``end``) that ``keys`` (symbol, open_time) does not have.

    Expected of each symbol of ``begins`` are those that open at or after its moment there (its listing) and
    close by ``end``. Sorted by symbol and open_time, in ``LACKING_SCHEMA``.
    """
    step, last = timeframe.delta, timeframe.floor(end)
    firsts = {symbol: _ceiling(max(begin, start), timeframe) for symbol, begin in begins.items()}
    firsts = {symbol: first for symbol, first in firsts.items() if first < last}
    if not firsts:
        return pl.DataFrame(schema=LACKING_SCHEMA)
    expected = (
        pl.DataFrame({"symbol": list(firsts), "first": list(firsts.values())})
        .with_columns(open_time=pl.datetime_ranges("first", last, step, closed="left").cast(pl.List(UTC_MS)))
        .explode("open_time")
        .select("symbol", "open_time")
    )
    return (
        expected.join(keys, on=["symbol", "open_time"], how="anti")
        .select(pl.lit(timeframe.dataset).alias("dataset"), "symbol", "open_time")
        .sort("symbol", "open_time")
    )


def _ceiling(moment: datetime, timeframe: Timeframe) -> datetime:
    floor = timeframe.floor(moment)
    return floor if floor == moment else floor + timeframe.delta


@dataclass(frozen=True, slots=True)
class MissingRange:
    """Whole UTC days from ``start`` to ``end`` (exclusive) in which candles of all these are missing."""

    start: datetime
    end: datetime
    datasets: tuple[str, ...]
    symbols: tuple[str, ...]


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
        MissingRange(start, end, tuple(name for name in CANDLE_DATASETS if name in datasets), tuple(symbols))
        for start, end, symbols, datasets in stretches.iter_rows()
    ]
