"""Candles as the kernel's arrays: all symbols one after the other, cut where candles are missing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.funding import FundingUse, funding_of_bars
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe

DAY_MS = 86_400_000
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Bars:
    """Bars of ``symbols`` (sorted), concatenated; symbol ``s`` owns ``offsets[s]`` to ``offsets[s + 1]``.

    ``prices`` is (open, high, low, close), ``funding`` (settled at the bar's open, settled inside it) in
    quote paid by a long per unit of quantity; all float64 of one length. ``day`` counts UTC days since
    1970. ``stretches`` holds the first bar of every unbroken stretch plus the total, and symbol ``s`` owns
    the stretches ``stretch_offsets[s]`` to ``stretch_offsets[s + 1]``.
    """

    timeframe: Timeframe
    symbols: tuple[str, ...]
    offsets: Integers
    stretches: Integers
    stretch_offsets: Integers
    open_time: Integers
    day: Integers
    prices: tuple[Floats, Floats, Floats, Floats]
    funding: tuple[Floats, Floats]
    funding_use: FundingUse

    def __len__(self) -> int:
        return len(self.open_time)

    def span(self, symbol: int) -> slice:
        """The bars of the symbol at this index."""
        return slice(int(self.offsets[symbol]), int(self.offsets[symbol + 1]))


def arrange_bars(
    candles: pl.DataFrame,
    timeframe: Timeframe,
    *,
    funding_rates: pl.DataFrame | None = None,
    mark_prices: pl.DataFrame | None = None,
) -> Bars:
    """Arrange ``candles`` (columns symbol, open_time, open, high, low, close; sorted, unique).

    ``funding_rates`` and ``mark_prices`` have the schemas of those datasets; without rates no position
    pays funding. Raises :class:`BacktestError` for no candles, disorder, prices that are not positive
    numbers, or open times off the timeframe's grid.
    """
    if candles.is_empty():
        raise BacktestError(
            f"There are no {timeframe} candles to backtest.", "Load some: crypto-bt data backfill."
        )
    keys = candles.select("symbol", open_time=pl.col("open_time").dt.epoch("ms"))
    codes = keys["symbol"].rle_id().to_numpy().astype(np.int64)
    open_time = keys["open_time"].to_numpy().astype(np.int64)
    starts_symbol = np.append(True, np.diff(codes) != 0)
    _require_order(keys, open_time, starts_symbol, timeframe)
    names = ("open", "high", "low", "close")
    # copies, because numba compiles once more for arrays that are read-only
    prices = [np.array(candles[name].to_numpy(), dtype=np.float64) for name in names]
    _require_prices(keys, names, prices)
    starts = starts_symbol | (np.diff(open_time, prepend=open_time[0]) != timeframe.milliseconds)
    first_bars = np.flatnonzero(starts_symbol)
    stretches = np.flatnonzero(starts)
    funding, use = funding_of_bars(candles, timeframe, funding_rates, mark_prices)
    return Bars(
        timeframe=timeframe,
        symbols=tuple(keys["symbol"].gather(first_bars).to_list()),
        offsets=np.append(first_bars, len(open_time)).astype(np.int64),
        stretches=np.append(stretches, len(open_time)).astype(np.int64),
        stretch_offsets=np.append(np.searchsorted(stretches, first_bars), len(stretches)).astype(np.int64),
        open_time=open_time,
        day=open_time // DAY_MS,
        prices=(prices[0], prices[1], prices[2], prices[3]),
        funding=funding,
        funding_use=use,
    )


def _require_order(
    keys: pl.DataFrame, open_time: Integers, starts_symbol: NDArray[np.bool_], timeframe: Timeframe
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


def _require_prices(keys: pl.DataFrame, names: Sequence[str], prices: Sequence[Floats]) -> None:
    for name, values in zip(names, prices, strict=True):
        bad = np.flatnonzero(~(np.isfinite(values) & (values > 0.0)))
        if len(bad):
            raise BacktestError(
                f"{keys.row(int(bad[0]))}: {name} is {values[bad[0]]}, not a positive number."
            )
