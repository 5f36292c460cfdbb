"""The whole comparison of one strategy: which trades are the same, and which only one side made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from crypto_bt.backtest.live.differences import pair_differences
from crypto_bt.backtest.live.matching import match_trades
from crypto_bt.backtest.live.round_trips import RoundTrip


@dataclass(frozen=True, slots=True)
class Period:
    """Trades entered at ``start`` or later and before ``end`` are compared."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of one strategy: ``pairs`` (PAIRS_SCHEMA and ``quantity_scaled``), ``missed`` (the backtest's rows that
    live did not trade) and ``extra`` (live's rows that the backtest did not), each by time.
    ``outside`` counts the live trades that were entered before or after the period.

    ``quantity_ratio`` is the median of live over backtest quantity, None without pairs; ``quantity_scaled``
    of a pair is its own ratio over that.
    """

    strategy: str
    period: Period
    tolerance: timedelta
    pairs: pl.DataFrame
    missed: pl.DataFrame
    extra: pl.DataFrame
    outside: int
    quantity_ratio: float | None


def compare_strategy(
    strategy: str,
    backtest: pl.DataFrame,
    live: pl.DataFrame,
    period: Period,
    tolerance: timedelta,
    opened_before: Sequence[RoundTrip] = (),
) -> Comparison:
    """Match the trades of one strategy, and measure the pairs.

    ``backtest`` in :data:`~crypto_bt.backtest.tables.TRADES_SCHEMA`, ``live`` in
    :data:`~crypto_bt.backtest.live.listed_trades.LIVE_SCHEMA`. Entries up to ``tolerance`` outside the period
    may be the twin of one inside it, but are neither missed nor extra. ``opened_before`` are the live
    positions whose entry is not known: a trade of the backtest that was held then in the same direction is
    not missed.
    """
    ours = _around(backtest, period, tolerance)
    theirs = _around(live, period, tolerance)
    tolerance_ms = tolerance // timedelta(milliseconds=1)
    pairs = match_trades(ours, theirs, tolerance_ms)
    inside = _inside(period)
    touching = (
        ours[pairs["backtest"]].select(inside).to_series() | theirs[pairs["live"]].select(inside).to_series()
    )
    missed = _without(ours, pairs["backtest"]).filter(inside)
    for trip in opened_before:
        held = (
            (pl.col("symbol") == trip.symbol)
            & (pl.col("side") == trip.side)
            & (pl.col("entry_time") <= trip.entry_time)
            & (pl.col("exit_time") >= trip.entry_time - tolerance)
        )
        missed = missed.filter(~held)
    measured = pair_differences(ours, theirs, pairs.filter(touching), tolerance_ms)
    extra = _without(theirs, pairs["live"]).filter(inside)
    ratio = measured["quantity_ratio"].median()
    return Comparison(
        strategy=strategy,
        period=period,
        tolerance=tolerance,
        pairs=measured.with_columns(
            quantity_scaled=pl.col("quantity_ratio") / pl.col("quantity_ratio").median()
        ),
        missed=missed.sort("entry_time", "symbol", "side"),
        extra=extra.sort("entry_time", "symbol", "side"),
        outside=live.height - measured.height - extra.height,
        quantity_ratio=ratio if isinstance(ratio, float) else None,
    )


def _around(trades: pl.DataFrame, period: Period, tolerance: timedelta) -> pl.DataFrame:
    return trades.filter(
        pl.col("entry_time") >= period.start - tolerance, pl.col("entry_time") < period.end + tolerance
    )


def _inside(period: Period) -> pl.Expr:
    return (pl.col("entry_time") >= period.start) & (pl.col("entry_time") < period.end)


def _without(trades: pl.DataFrame, places: pl.Series) -> pl.DataFrame:
    return trades.with_row_index("place").join(places.to_frame("place"), on="place", how="anti").drop("place")
