"""Candles of the synthetic market in whole ticks, lots and cents, before they are written as decimals.

Whole numbers add up without rounding: so candles of any timeframe are exact aggregates of shorter ones.
"""

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crypto_bt.simulator.listings import SyntheticListing
from crypto_bt.simulator.market import IntArray
from crypto_bt.simulator.path import Hours

Whole = NDArray[np.signedinteger[Any]]
_QUOTE_PER_TRADE: Final = 1_500


@dataclass(frozen=True, slots=True)
class WholeCandles:
    """Consecutive candles: prices in ticks, volumes in lots, quote volumes in cents of the quote asset."""

    open: Whole
    high: Whole
    low: Whole
    close: Whole
    volume: Whole
    quote: Whole
    trades: Whole
    taker: Whole
    taker_quote: Whole

    def __getitem__(self, part: slice) -> "WholeCandles":
        return WholeCandles(*(getattr(self, field.name)[part] for field in fields(self)))

    def __add__(self, later: "WholeCandles") -> "WholeCandles":
        pairs = ((getattr(self, field.name), getattr(later, field.name)) for field in fields(self))
        return WholeCandles(*(np.concatenate(pair) for pair in pairs))

    def grouped(self, starts: IntArray) -> "WholeCandles":
        """One candle of each group that begins at one of ``starts``."""
        sums = (self.volume, self.quote, self.trades, self.taker, self.taker_quote)
        prices = aggregate(self.open, self.high, self.low, self.close, starts)
        return WholeCandles(*prices, *(np.add.reduceat(column, starts) for column in sums))

    def begun(self, passed: float) -> "WholeCandles":
        """What is seen of these candles after the fraction ``passed`` of each (0 < passed < 1)."""
        high, low, close = (
            self.open + np.rint((column - self.open) * passed).astype(np.int64)
            for column in (self.high, self.low, self.close)
        )
        # Below 1 the floor is always less than the whole: an unfinished candle never looks finished.
        sums = (self.volume, self.quote, self.trades, self.taker, self.taker_quote)
        return WholeCandles(
            self.open, high, low, close, *(np.floor(column * passed).astype(np.int64) for column in sums)
        )


def whole_candles(hours: Hours, listing: SyntheticListing) -> WholeCandles:
    """The candles of ``hours``: what the path leaves open, such as turnover, follows from it."""
    taker = np.rint(hours.volume * hours.taker.astype(np.float64)).astype(np.int64)
    middle = (hours.open.astype(np.int64) + hours.high + hours.low + hours.close) / 4
    cents_per_lot = middle * 10.0 ** (2 - listing.price_decimals - listing.quantity_decimals)
    quote = np.rint(hours.volume * cents_per_lot).astype(np.int64)
    return WholeCandles(
        open=hours.open,
        high=hours.high,
        low=hours.low,
        close=hours.close,
        volume=hours.volume,
        quote=quote,
        trades=quote // (100 * _QUOTE_PER_TRADE) + (hours.volume > 0),
        taker=taker,
        taker_quote=np.rint(taker * cents_per_lot).astype(np.int64),
    )


def aggregate(
    opened: Whole, high: Whole, low: Whole, close: Whole, starts: IntArray
) -> tuple[Whole, Whole, Whole, Whole]:
    """First, highest, lowest and last of each group of hours that begins at one of ``starts``."""
    ends = np.append(starts[1:], len(close)) - 1
    return opened[starts], np.maximum.reduceat(high, starts), np.minimum.reduceat(low, starts), close[ends]


def texts(units: Whole, decimals: int) -> list[str]:
    """Whole ``units`` of 10**-decimals as decimal texts; exact below 2**53."""
    form = f"%.{decimals}f"
    return [form % value for value in (units / 10**decimals).tolist()]
