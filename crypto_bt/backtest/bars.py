"""Candles as the kernel's arrays: all symbols one after the other, cut where candles are missing."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.blocks import Blocks, blocks_of
from crypto_bt.backtest.candle_rows import DAY_MS, candle_rows
from crypto_bt.backtest.contracts import Contract
from crypto_bt.backtest.finer_bars import FinerBars, finer_bars
from crypto_bt.backtest.funding import FundingUse, funding_of_bars
from crypto_bt.backtest.layout import (
    BAR_FIELDS,
    CLOSE,
    HIGH,
    LOW,
    MARK_HIGH,
    MARK_LOW,
    OPEN,
    PAID_AT_END,
    PAID_AT_OPEN,
)
from crypto_bt.backtest.mark_extremes import mark_extremes
from crypto_bt.core.market import Timeframe

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Bars:
    """Bars of ``symbols`` (sorted), concatenated; symbol ``s`` owns ``offsets[s]`` to ``offsets[s + 1]``.

    ``lines`` (bars, 8) float64 has the columns of :mod:`crypto_bt.backtest.layout`; ``volume`` (bars) is in
    units of the base asset. ``stretches`` holds the first bar of every unbroken stretch plus the total, and
    symbol ``s`` owns the stretches ``stretch_offsets[s]`` to ``stretch_offsets[s + 1]``. ``blocks`` are the
    UTC days of each stretch. ``contracts`` has one entry for each symbol. Equity is kept for ``days`` UTC
    days from ``first_day`` (counted from 1970) on.
    """

    timeframe: Timeframe
    symbols: tuple[str, ...]
    offsets: Integers
    stretches: Integers
    stretch_offsets: Integers
    open_time: Integers
    lines: Floats
    volume: Floats
    blocks: Blocks
    finer: FinerBars
    contracts: tuple[Contract, ...]
    funding_use: FundingUse
    first_day: int
    days: int

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
    finer: pl.DataFrame | None = None,
    contracts: Mapping[str, Contract] | None = None,
    days: tuple[int, int] | None = None,
) -> Bars:
    """Arrange ``candles`` (columns symbol, open_time, open, high, low, close, volume; sorted, unique).

    ``funding_rates`` and ``mark_prices`` have the schemas of those datasets; without rates no position pays
    funding. ``finer`` are candles of a finer timeframe for rule 21. A symbol without an entry in
    ``contracts`` has no tick, lot or margin tiers. ``days`` are the first and the last UTC day of the equity
    (counted from 1970), where these symbols are only a part of more. Raises :class:`BacktestError` for no
    candles, disorder, prices that are not positive numbers or contradict one another, or open times off the
    timeframe's grid.
    """
    rows = candle_rows(candles, timeframe)
    mark_high, mark_low = mark_extremes(candles, timeframe, mark_prices)
    (at_open, inside), use = funding_of_bars(candles, timeframe, funding_rates, mark_prices)
    lines = np.empty((len(rows.open_time), BAR_FIELDS))
    for column, values in (
        (OPEN, rows.open), (HIGH, rows.high), (LOW, rows.low), (CLOSE, rows.close),
        (MARK_HIGH, mark_high), (MARK_LOW, mark_low),
    ):  # fmt: skip
        lines[:, column] = values
    for first, last in zip(rows.offsets[:-1], rows.offsets[1:], strict=True):
        # Each symbol from zero: what others paid would cost it digits.
        paid = np.cumsum(np.column_stack([at_open[first:last], inside[first:last]]).ravel())
        lines[first:last, PAID_AT_OPEN] = paid[0::2]
        lines[first:last, PAID_AT_END] = paid[1::2]
    known = contracts or {}
    day = rows.open_time // DAY_MS
    first_day, last_day = days or (int(day.min()), int(day.max()))
    return Bars(
        timeframe=timeframe,
        symbols=rows.symbols,
        offsets=rows.offsets,
        stretches=rows.stretches,
        stretch_offsets=rows.stretch_offsets,
        open_time=rows.open_time,
        lines=lines,
        volume=rows.volume,
        blocks=blocks_of(lines, day - first_day, rows.stretches, rows.offsets),
        finer=finer_bars(candles, timeframe, finer, mark_prices),
        contracts=tuple(known.get(symbol, Contract()) for symbol in rows.symbols),
        funding_use=use,
        first_day=first_day,
        days=last_day - first_day + 1,
    )
