"""The synthetic market: rows in wire shape out of the hourly paths."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.simulator.bars import HOUR, OPENING_MS, candles_of, mark_prices_of
from crypto_bt.simulator.funding import FundingTable, funding_table
from crypto_bt.simulator.listings import OPENING, SyntheticListing, listing_of
from crypto_bt.simulator.market import CandleRow, FundingRow, SymbolInfo, Window, wall_clock
from crypto_bt.simulator.path import CommonFactor, HourlyPath
from crypto_bt.simulator.synthetic_positioning import SyntheticPositioning
from crypto_bt.simulator.synthetic_series import SyntheticSeries
from crypto_bt.simulator.whole_candles import texts


class SyntheticMarket:
    """An invented market that goes on for ever; see :mod:`crypto_bt.simulator.path` for how it moves.

    ``onboard`` and ``delisted`` say when trading of a symbol begins and ends, where that is not what its
    listing says; both are read in whole hours. Raises :class:`UsageError` for a symbol that would end before
    it begins, or begin before the market does.
    """

    def __init__(
        self,
        seed: int,
        symbols: Sequence[str],
        clock: Callable[[], datetime] = wall_clock,
        *,
        onboard: Mapping[str, datetime] | None = None,
        delisted: Mapping[str, datetime] | None = None,
    ) -> None:
        self.source = f"simulated:seed={seed}"
        self._seed = seed
        self._clock = clock
        factor = CommonFactor(seed)
        listings = [_listed(listing_of(symbol), onboard or {}, delisted or {}) for symbol in symbols]
        self._paths = {listing.symbol: HourlyPath(seed, listing, factor) for listing in listings}
        self._funding: dict[str, FundingTable] = {}
        self.positioning = SyntheticPositioning(seed, self._paths, clock)
        self.series = SyntheticSeries(seed)

    def now(self) -> datetime:
        """The clock's time."""
        return self._clock()

    def symbols(self) -> list[SymbolInfo]:
        """The symbols as given: pending before their time, settling after it."""
        now = self.now()
        return [_describe(path.listing, now) for path in self._paths.values()]

    def candles(self, symbol: str, timeframe: Timeframe, window: Window) -> list[CandleRow]:
        """See :class:`~crypto_bt.simulator.market.Market`."""
        path = self._paths[symbol]
        found = candles_of(self._seed, path, timeframe, window, to_milliseconds(self.now()))
        if found is None:
            return []
        times, candles = found
        price, lot = path.listing.price_decimals, path.listing.quantity_decimals
        return list(
            zip(
                times.tolist(),
                texts(candles.open, price),
                texts(candles.high, price),
                texts(candles.low, price),
                texts(candles.close, price),
                texts(candles.volume, lot),
                (times + (timeframe.milliseconds - 1)).tolist(),
                texts(candles.quote, 2),
                candles.trades.tolist(),
                texts(candles.taker, lot),
                texts(candles.taker_quote, 2),
                ["0"] * len(times),
                strict=True,
            )
        )

    def mark_prices(self, symbol: str, timeframe: Timeframe, window: Window) -> list[CandleRow]:
        """See :class:`~crypto_bt.simulator.market.Market`; an index that hugs the last price."""
        path = self._paths[symbol]
        found = mark_prices_of(self._seed, path, timeframe, window, to_milliseconds(self.now()))
        if found is None:
            return []
        times, columns = found
        span = timeframe.milliseconds - 1
        prices = zip(*(texts(column, path.listing.price_decimals) for column in columns), strict=True)
        return [
            (time, *ohlc, "0", time + span, "0", 0, "0", "0", "0")
            for time, ohlc in zip(times.tolist(), prices, strict=True)
        ]

    def funding(self, symbol: str, window: Window) -> list[FundingRow]:
        """See :class:`~crypto_bt.simulator.market.Market`."""
        path = self._paths[symbol]
        now = min(to_milliseconds(self.now()), path.closing)
        hour = (now - OPENING_MS) // HOUR
        if hour < path.opened_hour:
            return []
        hours = path.through(hour)
        table = self._funding.get(symbol)
        if table is None or table.hours != len(hours):
            table = self._funding[symbol] = funding_table(self._seed, path, hours)
        first = OPENING_MS + path.opened_hour * HOUR
        begun = window.start if window.start is None else max(window.start, first)
        last = now if window.end is None else min(now, window.end)
        part = replace(window, start=begun, end=last).pick(table.times)
        marks = texts(table.marks[part], path.listing.price_decimals)
        return [
            {"symbol": symbol, "fundingTime": time, "fundingRate": f"{rate:.8f}", "markPrice": mark}
            for time, rate, mark in zip(
                table.times[part].tolist(), table.rates[part].tolist(), marks, strict=True
            )
            if time >= first
        ]


def _listed(
    listing: SyntheticListing, onboard: Mapping[str, datetime], delisted: Mapping[str, datetime]
) -> SyntheticListing:
    begins = onboard.get(listing.symbol, listing.onboard)
    ends = delisted.get(listing.symbol)
    if begins < OPENING or (ends is not None and ends <= begins):
        raise UsageError(
            f"{listing.symbol} would be traded from {begins:%Y-%m-%d %H:%M} to {ends or 'ever'}.",
            f"Let it begin at {OPENING:%Y-%m-%d} or later, and end after that.",
        )
    return replace(listing, onboard=begins, delisting=ends)


def _describe(listing: SyntheticListing, now: datetime) -> SymbolInfo:
    status = "TRADING" if listing.onboard <= now else "PENDING_TRADING"
    if listing.delisting is not None and listing.delisting <= now:
        status = "SETTLING"
    return SymbolInfo(
        listing.symbol,
        listing.onboard,
        listing.price_decimals,
        listing.quantity_decimals,
        status,
        listing.delisting,
    )
