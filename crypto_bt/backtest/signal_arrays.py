"""Tables of targets as the kernel's arrays, in the rows of the candles they are traded on (rules 4 and 6)."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.engine import Signals
from crypto_bt.backtest.signals import hundredths, is_target
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe

#: What a table of targets may say beside symbol, open_time and target.
LEVELS = ("stop_price", "target_price", "atr")


def signals_of(
    candles: pl.DataFrame,
    wanted: pl.DataFrame,
    timeframe: Timeframe,
    target_timeframe: Timeframe | None = None,
) -> Signals:
    """``wanted`` (symbol, open_time, target; optionally stop_price, target_price, atr) as one signal set.

    ``candles`` are sorted by symbol, open_time; a bar without a target is flat. Targets of a coarser
    ``target_timeframe`` count from their bar's close for one of its steps. Raises :class:`BacktestError` for
    a target outside -1 to 1 or given twice, a level that is not a positive number, or a
    ``target_timeframe`` finer than ``timeframe``.
    """
    _require_sound(wanted)
    placed = _placed(candles, wanted, timeframe, target_timeframe or timeframe)
    targets = placed.select(hundredths(pl.col("target")))["target"].to_numpy()[None, :].copy()
    stops, limits, atr = (_level(placed, name) for name in LEVELS)
    if len(stops) or len(limits):
        absent = np.full((1, len(candles)), np.nan)
        stops, limits = (values if len(values) else absent for values in (stops, limits))
    return Signals(targets, stops, limits, atr)


def stacked(sets: list[Signals]) -> Signals:
    """Signal sets of one market as one; they must all have levels, or none."""

    def joined(name: str) -> NDArray[np.float64]:
        values = [getattr(each, name) for each in sets]
        return np.ascontiguousarray(np.concatenate(values)) if len(values[0]) else values[0]

    targets = np.ascontiguousarray(np.concatenate([each.targets for each in sets]))
    return Signals(targets, joined("stop_prices"), joined("target_prices"), joined("atr"))


def _require_sound(wanted: pl.DataFrame) -> None:
    if not wanted.select(is_target(pl.col("target")).all()).item():
        raise BacktestError("A target is not from -1 to 1.", "Give short, flat or long, or a fraction.")
    twice = wanted.select("symbol", "open_time").is_duplicated()
    if twice.any():
        symbol, open_time = wanted.filter(twice).select("symbol", "open_time").row(0)
        raise BacktestError(
            f"{symbol} has two targets at {open_time:%Y-%m-%d %H:%M}.", "Give one for each bar."
        )
    for name in LEVELS:
        if name in wanted.columns:
            bad = wanted.filter(
                pl.col(name).is_not_null() & ~(pl.col(name).is_finite() & (pl.col(name) > 0.0))
            )
            if not bad.is_empty():
                symbol, open_time, value = bad.select("symbol", "open_time", name).row(0)
                raise BacktestError(
                    f"{symbol} has the {name} {value} at {open_time:%Y-%m-%d %H:%M}.",
                    "It must be a positive number, or null.",
                )


def _placed(
    candles: pl.DataFrame, wanted: pl.DataFrame, timeframe: Timeframe, target_timeframe: Timeframe
) -> pl.DataFrame:
    """One row for each candle: the target it follows at its close, with its levels."""
    columns = ["symbol", "open_time", "target", *(name for name in LEVELS if name in wanted.columns)]
    if target_timeframe is timeframe:
        return candles.select("symbol", "open_time").join(
            wanted.select(columns), on=["symbol", "open_time"], how="left", maintain_order="left"
        )
    if target_timeframe.delta < timeframe.delta:
        raise BacktestError(
            f"Targets of {target_timeframe} bars cannot be traded on {timeframe} bars.",
            "Give candles of the targets' timeframe or a finer one.",
        )
    known = (
        wanted.select(columns)
        .with_columns(known_at=pl.col("open_time") + target_timeframe.delta)
        .drop("open_time")
        .sort("symbol", "known_at")
    )
    closes = candles.select("symbol", close_time=pl.col("open_time") + timeframe.delta)
    joined = closes.join_asof(
        known, left_on="close_time", right_on="known_at", by="symbol", strategy="backward",
        check_sortedness=False,
    )  # fmt: skip
    fresh = pl.col("close_time") - pl.col("known_at") < target_timeframe.delta
    return joined.with_columns(
        pl.when(fresh).then(pl.col(name)).otherwise(None).alias(name) for name in columns[2:]
    )


def _level(placed: pl.DataFrame, name: str) -> NDArray[np.float64]:
    """(1, bars) with NaN where nothing was given; empty where no row has one."""
    if name not in placed.columns or placed[name].null_count() == len(placed):
        return np.empty((0, 0))
    return placed[name].cast(pl.Float64).fill_null(np.nan).to_numpy()[None, :].copy()
