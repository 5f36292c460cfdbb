"""Candles that are possible but odd: kept in the store, flagged for a person to look at."""

from typing import Final

import polars as pl

from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import UTC_MS

STALE_RUN: Final = "stale run"
JUMP: Final = "jump"
STALE_CANDLES: Final = 3
JUMP_WINDOW: Final = 168
JUMP_SCALES: Final = 20.0
#: Moves below this say nothing, however calm the market was before.
JUMP_LEAST: Final = 0.05
#: Makes the median absolute deviation of a normal variable its standard deviation.
_MAD_TO_SIGMA: Final = 1.4826
_LEAST_HISTORY: Final = 24
#: So many candles before a candle decide whether it is a jump: two windows, one of each median.
JUMP_HISTORY: Final = 2 * JUMP_WINDOW + 1

#: ``value``: length of the run in candles, or the log return from close to close.
FLAG_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "open_time": UTC_MS,
    "flag": pl.String(),
    "value": pl.Float64(),
}


def flag_candles(frame: pl.DataFrame, timeframe: Timeframe) -> pl.DataFrame:
    """The odd candles of ``frame`` (candles sorted by symbol and open_time), in ``FLAG_SCHEMA``.

    A *stale run* is three or more equal candles in a row that claim to have traded; its first candle is
    flagged. A *jump* is a log return of more than 20 robust standard deviations (of the 168 returns before
    it: 1.4826 times their median absolute deviation) and of at least 5 %; a gap before it makes none.
    """
    found = jumps(frame, timeframe).select("symbol", "open_time", pl.lit(JUMP).alias("flag"), "value")
    return pl.concat([_stale_runs(frame), found]).sort("symbol", "open_time", "flag")


def jumps(frame: pl.DataFrame, timeframe: Timeframe) -> pl.DataFrame:
    """The jumps of ``frame`` alone: symbol, open_time, ``value`` (log return) and ``least``.

    ``least`` is the absolute log return from which a candle is a jump there. What is found depends on the
    ``JUMP_HISTORY`` candles before it.
    """

    def median(column: str) -> pl.Expr:
        rolling = pl.col(column).rolling_median(JUMP_WINDOW, min_samples=_LEAST_HISTORY)
        return rolling.shift(1).over("symbol")

    adjacent = pl.col("open_time").diff().over("symbol") == timeframe.delta
    change = pl.col("close").log().diff().over("symbol")
    return (
        frame.select("symbol", "open_time", value=pl.when(adjacent).then(change))
        .filter(pl.col("value").is_not_null())
        .with_columns(off=(pl.col("value") - median("value")).abs())
        .with_columns(scales=median("off") * (_MAD_TO_SIGMA * JUMP_SCALES))
        .filter(pl.col("off") > pl.col("scales"), pl.col("value").abs() >= JUMP_LEAST)
        .select("symbol", "open_time", "value", least=pl.max_horizontal("scales", pl.lit(JUMP_LEAST)))
    )


def _stale_runs(frame: pl.DataFrame) -> pl.DataFrame:
    content = pl.struct("symbol", "open", "high", "low", "close", "volume")
    return (
        frame.with_columns(run=content.rle_id())
        .group_by("run", maintain_order=True)
        .agg(pl.first("symbol", "open_time", "volume"), value=pl.len().cast(pl.Float64))
        .filter(pl.col("value") >= STALE_CANDLES, pl.col("volume") > 0)
        .select("symbol", "open_time", pl.lit(STALE_RUN).alias("flag"), "value")
    )
