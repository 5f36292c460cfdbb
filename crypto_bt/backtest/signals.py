"""Evaluates strategies: one long frame in, the target at each bar's close out."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.needs import join_needs
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.strategies import Strategy


def strategy_frame(
    candles: pl.DataFrame, strategy: Strategy, extras: Mapping[str, pl.DataFrame] | None = None
) -> pl.DataFrame:
    """What ``strategy`` sees: ``candles`` of its timeframe with close_time and its needs.

    ``extras`` maps dataset name to rows. Sorted by symbol, open_time; look-back counts rows, so a window that
    spans a gap is masked by the warm-up after it.
    """
    frame = candles.sort("symbol", "open_time", maintain_order=True).with_columns(
        close_time=pl.col("open_time") + strategy.timeframe.delta
    )
    return join_needs(frame, strategy.needs, extras or {})


def evaluate(strategy: Strategy, frame: pl.DataFrame) -> pl.DataFrame:
    """Columns symbol, open_time, close_time, target (Int8), one row per row of ``frame``; null becomes 0.

    The first ``warm_up`` bars of each symbol, and of every stretch after missing candles, are flat. Raises
    :class:`BacktestError` if the expression fails or gives anything but -1, 0, 1 or null.
    """
    try:
        raw = frame.select("symbol", "open_time", "close_time", target=strategy.target())
    except (Exception, pl.exceptions.PanicException) as error:
        reason = str(error).strip().split("\n")[0]
        raise BacktestError(f"Strategy {strategy.name} failed: {type(error).__name__}: {reason}.") from error
    if not (raw["target"].dtype.is_numeric() or raw["target"].dtype == pl.Null):
        raise BacktestError(
            f"Strategy {strategy.name} gives a target of type {raw['target'].dtype}.",
            "It must be -1, 0 or 1.",
        )
    wrong = raw.filter(~_is_target(pl.col("target")))
    if not wrong.is_empty():
        symbol, open_time, _, value = wrong.row(0)
        raise BacktestError(
            f"Strategy {strategy.name} gives the target {value} for {symbol} at {open_time:%Y-%m-%d %H:%M}.",
            "It must be -1, 0 or 1 (null is flat).",
        )
    warm = bars_since_gap(raw, strategy.timeframe) >= strategy.warm_up
    return raw.with_columns(
        target=pl.when(warm).then(pl.col("target").fill_null(0)).otherwise(0).cast(pl.Int8)
    )


def targets(
    strategy: Strategy, candles: pl.DataFrame, extras: Mapping[str, pl.DataFrame] | None = None
) -> pl.DataFrame:
    """:func:`evaluate` on :func:`strategy_frame`."""
    return evaluate(strategy, strategy_frame(candles, strategy, extras))


def _is_target(value: pl.Expr) -> pl.Expr:
    """-1, 0, 1 or null; NaN is none of them."""
    return value.is_null() | (value == -1) | (value == 0) | (value == 1)


def bars_since_gap(frame: pl.DataFrame, timeframe: Timeframe) -> pl.Series:
    """For each row of a frame sorted by symbol and open_time: bars before it without a missing candle."""
    new_symbol = pl.col("symbol") != pl.col("symbol").shift(1)
    after_gap = pl.col("open_time").diff() != timeframe.delta
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    start = pl.when((new_symbol | after_gap).fill_null(True)).then(row).otherwise(None).forward_fill()
    return frame.select(bars=row - start)["bars"]


def signal_array(candles: pl.DataFrame, wanted: pl.DataFrame) -> NDArray[np.int8]:
    """``wanted`` (symbol, open_time, target) in the rows of ``candles`` as the kernel takes it; absent is 0.

    Raises :class:`BacktestError` for a target outside -1, 0, 1, or given twice for one bar.
    """
    if not wanted.select(_is_target(pl.col("target")).all()).item():
        raise BacktestError("A target is not -1, 0 or 1.", "Give short, flat or long.")
    twice = wanted.select("symbol", "open_time").is_duplicated()
    if twice.any():
        symbol, open_time = wanted.filter(twice).select("symbol", "open_time").row(0)
        raise BacktestError(
            f"{symbol} has two targets at {open_time:%Y-%m-%d %H:%M}.", "Give one for each bar."
        )
    joined = candles.select("symbol", "open_time").join(
        wanted.select("symbol", "open_time", "target"),
        on=["symbol", "open_time"],
        how="left",
        maintain_order="left",
    )
    return joined["target"].fill_null(0).cast(pl.Int8).to_numpy().copy()
