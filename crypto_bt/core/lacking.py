"""Which closed candles a store lacks, one by one: what a repair sets out to fill, and what it could not."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

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
