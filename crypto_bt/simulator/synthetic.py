"""The synthetic market: rows in wire shape out of the hourly paths."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np

from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.simulator.bars import HOUR, Bars, aggregate, bars_of, texts
from crypto_bt.simulator.funding import FundingTable, funding_table
from crypto_bt.simulator.listings import OPENING, SyntheticListing, listing_of
from crypto_bt.simulator.market import CandleRow, FundingRow, SymbolInfo, Window, wall_clock
from crypto_bt.simulator.path import CommonFactor, HourlyPath

_OPENING: Final = to_milliseconds(OPENING)
_QUOTE_PER_TRADE: Final = 1_500


class SyntheticMarket:
    """An invented market that goes on for ever; see :mod:`crypto_bt.simulator.path` for how it moves."""

    def __init__(self, seed: int, symbols: Sequence[str], clock: Callable[[], datetime] = wall_clock) -> None:
        self.source = f"simulated:seed={seed}"
        self._seed = seed
        self._clock = clock
        factor = CommonFactor(seed)
        self._paths = {symbol: HourlyPath(seed, listing_of(symbol), factor) for symbol in symbols}
        self._funding: dict[str, FundingTable] = {}

    def now(self) -> datetime:
        """The clock's time."""
        return self._clock()

    def symbols(self) -> list[SymbolInfo]:
        """The symbols as given; one that the clock has not reached yet is pending."""
        now = self.now()
        return [_describe(path.listing, now) for path in self._paths.values()]

    def candles(self, symbol: str, timeframe: Timeframe, window: Window) -> list[CandleRow]:
        """See :class:`~crypto_bt.simulator.market.Market`."""
        bars = self._bars(symbol, timeframe, window)
        if bars is None:
            return []
        listing, hours, starts = self._paths[symbol].listing, bars.hours, bars.starts
        taker = np.rint(hours.volume * hours.taker.astype(np.float64)).astype(np.int64)
        middle = (hours.open.astype(np.int64) + hours.high + hours.low + hours.close) / 4
        cents_per_lot = middle * 10.0 ** (2 - listing.price_decimals - listing.quantity_decimals)
        quote = np.rint(hours.volume * cents_per_lot).astype(np.int64)
        taker_quote = np.rint(taker * cents_per_lot).astype(np.int64)
        trades = quote // (100 * _QUOTE_PER_TRADE) + (hours.volume > 0)
        price, lot = listing.price_decimals, listing.quantity_decimals
        opens, highs, lows, closes = aggregate(hours.open, hours.high, hours.low, hours.close, starts)
        times = bars.times.tolist()
        return list(
            zip(
                times,
                texts(opens, price),
                texts(highs, price),
                texts(lows, price),
                texts(closes, price),
                texts(np.add.reduceat(hours.volume, starts), lot),
                (bars.times + (timeframe.milliseconds - 1)).tolist(),
                texts(np.add.reduceat(quote, starts), 2),
                np.add.reduceat(trades, starts).tolist(),
                texts(np.add.reduceat(taker, starts), lot),
                texts(np.add.reduceat(taker_quote, starts), 2),
                ["0"] * len(times),
                strict=True,
            )
        )

    def mark_prices(self, symbol: str, timeframe: Timeframe, window: Window) -> list[CandleRow]:
        """See :class:`~crypto_bt.simulator.market.Market`; an index that hugs the last price."""
        bars = self._bars(symbol, timeframe, window)
        if bars is None:
            return []
        hours = bars.hours
        close = np.rint(hours.close * (1 + hours.basis.astype(np.float64)))
        before = np.rint(bars.before.close * (1 + bars.before.basis.astype(np.float64)))
        opened = np.concatenate((before if len(before) else hours.open[:1], close[:-1]))
        top, bottom = np.maximum(opened, close), np.minimum(opened, close)
        # The index averages several venues: it sees a wick, but not all of it.
        high = np.rint(top + 0.7 * np.maximum(hours.high - top, 0))
        low = np.rint(bottom - 0.7 * np.maximum(bottom - hours.low, 0))
        columns = aggregate(opened, high, low, close, bars.starts)
        decimals = self._paths[symbol].listing.price_decimals
        span = timeframe.milliseconds - 1
        prices = zip(*(texts(column, decimals) for column in columns), strict=True)
        return [
            (time, *ohlc, "0", time + span, "0", 0, "0", "0", "0")
            for time, ohlc in zip(bars.times.tolist(), prices, strict=True)
        ]

    def funding(self, symbol: str, window: Window) -> list[FundingRow]:
        """See :class:`~crypto_bt.simulator.market.Market`."""
        path = self._paths[symbol]
        now = to_milliseconds(self.now())
        hour = (now - _OPENING) // HOUR
        if hour < path.first_hour:
            return []
        hours = path.through(hour)
        table = self._funding.get(symbol)
        if table is None or table.hours != len(hours):
            table = self._funding[symbol] = funding_table(self._seed, path, hours)
        last = now if window.end is None else min(now, window.end)
        part = replace(window, end=last).pick(table.times)
        marks = texts(table.marks[part], path.listing.price_decimals)
        return [
            {"symbol": symbol, "fundingTime": time, "fundingRate": f"{rate:.8f}", "markPrice": mark}
            for time, rate, mark in zip(
                table.times[part].tolist(), table.rates[part].tolist(), marks, strict=True
            )
        ]

    def _bars(self, symbol: str, timeframe: Timeframe, window: Window) -> Bars | None:
        return bars_of(self._paths[symbol], timeframe, window, to_milliseconds(self.now()))


def _describe(listing: SyntheticListing, now: datetime) -> SymbolInfo:
    status = "TRADING" if listing.onboard <= now else "PENDING_TRADING"
    return SymbolInfo(
        listing.symbol, listing.onboard, listing.price_decimals, listing.quantity_decimals, status
    )
