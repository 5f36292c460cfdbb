"""Tables of targets as the kernel's arrays, in the rows of the candles they are traded on (rules 4 and 6)."""

from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.engine import Signals
from crypto_bt.backtest.signals import hundredths, is_target
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe

_Number = TypeVar("_Number", bound=np.generic)
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
    rows = followed_rows(candles, wanted, timeframe, target_timeframe or timeframe)
    targets = place(wanted.select(hundredths(pl.col("target")))["target"].to_numpy(), rows, 0)[None, :]
    stops, limits, atr = (_level(wanted, name, rows) for name in LEVELS)
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


def followed_rows(
    candles: pl.DataFrame, wanted: pl.DataFrame, timeframe: Timeframe, target_timeframe: Timeframe
) -> NDArray[np.int64]:
    """For each of ``candles`` (sorted by symbol, open_time) the row of ``wanted`` that it follows, or -1.

    A bar follows the newest target whose bar closed by its own close, for one step of the targets.
    """
    if target_timeframe.delta < timeframe.delta:
        raise BacktestError(
            f"Targets of {target_timeframe} bars cannot be traded on {timeframe} bars.",
            "Give candles of the targets' timeframe or a finer one.",
        )
    known = wanted.select(
        "symbol",
        known_at=pl.col("open_time") + target_timeframe.delta,
        row=pl.int_range(pl.len(), dtype=pl.Int64),
    ).sort("symbol", "known_at")
    closes = candles.select("symbol", close_time=pl.col("open_time") + timeframe.delta)
    joined = closes.join_asof(
        known, left_on="close_time", right_on="known_at", by="symbol", strategy="backward",
        check_sortedness=False,
    )  # fmt: skip
    fresh = pl.col("close_time") - pl.col("known_at") < target_timeframe.delta
    rows = joined.select(pl.when(fresh).then(pl.col("row")).otherwise(-1).fill_null(-1))
    return rows.to_series().to_numpy()


def place(values: NDArray[_Number], rows: NDArray[np.int64], absent: float) -> NDArray[_Number]:
    """``values`` at ``rows``; ``absent`` where the row is -1."""
    placed: NDArray[_Number] = np.append(values, np.array(absent, values.dtype))[rows]
    return placed


def _level(wanted: pl.DataFrame, name: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(1, bars) with NaN where nothing was given; empty where no row has one."""
    if name not in wanted.columns or wanted[name].null_count() == len(wanted):
        return np.empty((0, 0))
    values = wanted[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return place(values, rows, np.nan)[None, :]
