"""Evaluates strategies: one long frame in, the target at each bar's close out."""

from collections.abc import Mapping

import polars as pl

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
    """Columns symbol, open_time, close_time, target (-1 to 1 in hundredths) for each row of ``frame``.

    Null becomes 0. The first ``warm_up`` bars of each symbol, and of every stretch after missing candles, are
    flat. Raises :class:`BacktestError` if the expression fails or gives anything but -1 to 1 or null.
    """
    try:
        raw = frame.select("symbol", "open_time", "close_time", target=strategy.target())
    except BacktestError:
        raise
    except (Exception, pl.exceptions.PanicException) as error:
        reason = str(error).strip().split("\n")[0]
        raise BacktestError(f"Strategy {strategy.name} failed: {type(error).__name__}: {reason}.") from error
    if not (raw["target"].dtype.is_numeric() or raw["target"].dtype == pl.Null):
        raise BacktestError(
            f"Strategy {strategy.name} gives a target of type {raw['target'].dtype}.",
            "It must be from -1 to 1.",
        )
    wrong = raw.filter(~is_target(pl.col("target")))
    if not wrong.is_empty():
        symbol, open_time, _, value = wrong.row(0)
        raise BacktestError(
            f"Strategy {strategy.name} gives the target {value} for {symbol} at {open_time:%Y-%m-%d %H:%M}.",
            "It must be from -1 (short) to 1 (long); null is flat.",
        )
    warm = bars_since_gap(raw, strategy.timeframe) >= strategy.warm_up
    return raw.with_columns(target=pl.when(warm).then(hundredths(pl.col("target")) / 100).otherwise(0.0))


def targets(
    strategy: Strategy, candles: pl.DataFrame, extras: Mapping[str, pl.DataFrame] | None = None
) -> pl.DataFrame:
    """:func:`evaluate` on :func:`strategy_frame`."""
    return evaluate(strategy, strategy_frame(candles, strategy, extras))


def is_target(value: pl.Expr) -> pl.Expr:
    """Whether a value is from -1 to 1, or null; NaN is not."""
    return value.is_null() | value.cast(pl.Float64).is_between(-1.0, 1.0)


def hundredths(target: pl.Expr) -> pl.Expr:
    """A target as a whole number (Int8) of hundredths, rounded half to even; null is 0 (rules 3 and 4)."""
    return (target.cast(pl.Float64) * 100).round(mode="half_to_even").fill_null(0).cast(pl.Int8)


def bars_since_gap(frame: pl.DataFrame, timeframe: Timeframe) -> pl.Series:
    """For each row of a frame sorted by symbol and open_time: bars before it without a missing candle."""
    new_symbol = pl.col("symbol") != pl.col("symbol").shift(1)
    after_gap = pl.col("open_time").diff() != timeframe.delta
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    start = pl.when((new_symbol | after_gap).fill_null(True)).then(row).otherwise(None).forward_fill()
    return frame.select(bars=row - start)["bars"]
