"""Open interest, accounts and taker volumes of the synthetic market, as the exchange would list them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Final

import numpy as np

from crypto_bt.core.market import Timeframe, from_milliseconds, to_milliseconds
from crypto_bt.simulator.bars import HOUR, OPENING_MS, candles_of
from crypto_bt.simulator.holdings import SLOT, SLOTS, Held, Holdings
from crypto_bt.simulator.market import IntArray, Window
from crypto_bt.simulator.path import HourlyPath
from crypto_bt.simulator.positioning import KEPT, PERIODS, PositioningRow, taker_row
from crypto_bt.simulator.whole_candles import texts

_WIRE_DECIMALS: Final = 8


class SyntheticPositioning:
    """Positioning on the paths of a synthetic market: taker volumes are those of its candles."""

    def __init__(self, seed: int, paths: Mapping[str, HourlyPath], clock: Callable[[], datetime]) -> None:
        self._seed = seed
        self._paths = paths
        self._clock = clock
        self._holdings = {symbol: Holdings(seed, path) for symbol, path in paths.items()}

    def open_interest(self, symbol: str, period: str, window: Window) -> list[PositioningRow]:
        """See :class:`~crypto_bt.simulator.positioning.Positioning`."""
        stamps = self._stamps(symbol, period, window)
        amounts = self._amounts(symbol, self._holdings[symbol].at(stamps))
        return [
            {"symbol": symbol, "sumOpenInterest": lots, "sumOpenInterestValue": value, "timestamp": stamp}
            for stamp, lots, value in zip(stamps.tolist(), *amounts, strict=True)
        ]

    def account_ratio(self, symbol: str, period: str, window: Window) -> list[PositioningRow]:
        """See :class:`~crypto_bt.simulator.positioning.Positioning`."""
        stamps = self._stamps(symbol, period, window)
        ratio = self._holdings[symbol].at(stamps).ratio
        long = np.rint(1e4 * ratio / (ratio + 10_000)).astype(np.int64)
        columns = (texts(units, 4) for units in (long, ratio, 10_000 - long))
        names = ("longAccount", "longShortRatio", "shortAccount")
        return [
            {"symbol": symbol, **dict(zip(names, row, strict=True)), "timestamp": stamp}
            for stamp, *row in zip(stamps.tolist(), *columns, strict=True)
        ]

    def taker_volume(self, symbol: str, period: str, window: Window) -> list[PositioningRow]:
        """See :class:`~crypto_bt.simulator.positioning.Positioning`; 5m is shorter than any candle: empty."""
        stamps, length = self._stamps(symbol, period, window), PERIODS[period]
        if length < Timeframe.M15.milliseconds or not len(stamps):
            return []
        timeframe = Timeframe.H1 if length >= HOUR else Timeframe.M15
        path, start, end = self._paths[symbol], int(stamps[0]), int(stamps[-1]) + length
        parts = Window(start, end - 1, (end - start) // timeframe.milliseconds)
        found = candles_of(self._seed, path, timeframe, parts, end)
        if found is None:
            return []
        times, candles = found
        grouped = candles.grouped(np.searchsorted(times, stamps))
        lot = path.listing.quantity_decimals
        bought, sold = texts(grouped.taker, lot), texts(grouped.volume - grouped.taker, lot)
        return [taker_row(*row) for row in zip(stamps.tolist(), bought, sold, strict=True)]

    def archived(self, symbol: str, day: date) -> Sequence[Sequence[str]] | None:
        """See :class:`~crypto_bt.simulator.positioning.Positioning`; whole days only, until yesterday."""
        path = self._paths.get(symbol)
        start = to_milliseconds(datetime.combine(day, time(), UTC))
        end = start + SLOTS * SLOT
        if path is None or start < _opened(path) or end > min(to_milliseconds(self._clock()), path.closing):
            return None
        stamps = np.arange(start, end, SLOT, dtype=np.int64)
        held = self._holdings[symbol].at(stamps)
        hour = (start - OPENING_MS) // HOUR
        taker = path.through(hour + 23)[hour - path.first_hour : hour - path.first_hour + 24].taker
        pressure = np.repeat(taker.astype(np.float64) / (1 - taker), 12) * np.exp(0.3 * held.noise[:, 0])
        by_account = held.ratio * np.exp(0.02 + 0.01 * held.noise[:, 1])
        by_position = 1e4 * np.exp(0.1) * (held.ratio / 1e4) ** 0.3
        ratios = (
            [f"{text}0000" for text in texts(np.rint(units).astype(np.int64), 4)]
            for units in (by_account, by_position, held.ratio, 1e4 * pressure)
        )
        moments = [f"{from_milliseconds(stamp):%Y-%m-%d %H:%M:%S}" for stamp in stamps.tolist()]
        return list(zip(moments, [symbol] * SLOTS, *self._amounts(symbol, held), *ratios, strict=True))

    def _stamps(self, symbol: str, period: str, window: Window) -> IntArray:
        """Stamps in ``window`` of all periods that the exchange still keeps, ascending."""
        path, length, now = self._paths[symbol], PERIODS[period], to_milliseconds(self._clock())
        first = -(-max(now - KEPT, _opened(path)) // length) * length
        stamps = np.arange(first, min(now, path.closing) - length + 1, length, dtype=np.int64)
        return stamps[window.pick(stamps)]

    def _amounts(self, symbol: str, held: Held) -> tuple[list[str], list[str]]:
        """Open interest and its value as texts with the exchange's eight decimals."""
        listing = self._paths[symbol].listing
        lot = listing.quantity_decimals
        return _eight(held.lots, lot), _eight(held.value, listing.price_decimals + lot)


def _opened(path: HourlyPath) -> int:
    return OPENING_MS + path.opened_hour * HOUR


def _eight(units: IntArray, decimals: int) -> list[str]:
    zeros = "0" * (_WIRE_DECIMALS - decimals)
    return [(text if decimals else f"{text}.") + zeros for text in texts(units, decimals)]
