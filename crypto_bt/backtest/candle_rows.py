"""A table of candles as plain arrays, checked for what the kernel relies on."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe

DAY_MS = 86_400_000
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class CandleRows:
    """One entry a candle, but ``symbols`` and the offsets: see :class:`crypto_bt.backtest.bars.Bars`."""

    symbols: tuple[str, ...]
    offsets: NDArray[np.int64]
    stretches: NDArray[np.int64]
    stretch_offsets: NDArray[np.int64]
    open_time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]


def candle_rows(candles: pl.DataFrame, timeframe: Timeframe) -> CandleRows:
    """``candles`` (sorted by symbol, open_time; unique) as arrays; raises :class:`BacktestError` else."""
    if candles.is_empty():
        raise BacktestError(
            f"There are no {timeframe} candles to backtest.", "Load some: crypto-bt data backfill."
        )
    keys = candles.select("symbol", open_time=pl.col("open_time").dt.epoch("ms"))
    codes = keys["symbol"].rle_id().to_numpy().astype(np.int64)
    open_time = keys["open_time"].to_numpy().astype(np.int64)
    starts_symbol = np.append(True, np.diff(codes) != 0)
    _require_order(keys, open_time, starts_symbol, timeframe)
    prices = [candles[name].cast(pl.Float64).to_numpy() for name in PRICES]
    _require_prices(keys, prices)
    starts = starts_symbol | (np.diff(open_time, prepend=open_time[0]) != timeframe.milliseconds)
    first_bars = np.flatnonzero(starts_symbol)
    stretches = np.flatnonzero(starts)
    return CandleRows(
        tuple(keys["symbol"].gather(first_bars).to_list()),
        np.append(first_bars, len(open_time)).astype(np.int64),
        np.append(stretches, len(open_time)).astype(np.int64),
        np.append(np.searchsorted(stretches, first_bars), len(stretches)).astype(np.int64),
        open_time,
        prices[0],
        prices[1],
        prices[2],
        prices[3],
        # A copy, because numba compiles once more for arrays that are read-only.
        np.array(candles["volume"].cast(pl.Float64).fill_null(0.0).to_numpy()),
    )


def _require_order(
    keys: pl.DataFrame, open_time: NDArray[np.int64], starts_symbol: NDArray[np.bool_], timeframe: Timeframe
) -> None:
    ordered = np.append(True, np.diff(open_time) > 0) | starts_symbol
    first_symbols = keys["symbol"].filter(pl.Series(starts_symbol))
    if not ordered.all():
        where = keys.row(int(np.flatnonzero(~ordered)[0]))
        raise BacktestError(
            f"{timeframe} candles are not sorted and unique at {where}.", "Sort by symbol, open_time."
        )
    if not first_symbols.is_sorted() or first_symbols.n_unique() != len(first_symbols):
        raise BacktestError(f"{timeframe} candles are not sorted by symbol.", "Sort by symbol, open_time.")
    off_grid = np.flatnonzero(open_time % timeframe.milliseconds)
    if len(off_grid):
        raise BacktestError(f"{keys.row(int(off_grid[0]))} is not the start of a {timeframe} candle.")


def _require_prices(keys: pl.DataFrame, prices: list[NDArray[np.float64]]) -> None:
    for name, values in zip(PRICES, prices, strict=True):
        bad = np.flatnonzero(~(np.isfinite(values) & (values > 0.0)))
        if len(bad):
            raise BacktestError(
                f"{keys.row(int(bad[0]))}: {name} is {values[bad[0]]}, not a positive number."
            )
    open_, high, low, close = prices
    bad = np.flatnonzero((high < np.maximum(open_, close)) | (low > np.minimum(open_, close)))
    if len(bad):
        seen = dict(zip(PRICES, (float(each[bad[0]]) for each in prices), strict=True))
        raise BacktestError(
            f"{keys.row(int(bad[0]))}: the candle contradicts itself: {seen}.",
            "Fetch it anew: crypto-bt data repair.",
        )
