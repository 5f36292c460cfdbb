"""The part of a synthetic path that makes up the candles of one answer.

4h and 1d candles are added up from the hours in whole ticks, lots and cents, 15m candles are cut out of
them, so all agree to the last digit. The unfinished candle shows the part of its last hour (or quarter of an
hour) that has passed, and always less volume than it will end with.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.simulator.listings import OPENING
from crypto_bt.simulator.market import IntArray, Window
from crypto_bt.simulator.path import HourlyPath, Hours
from crypto_bt.simulator.quarters import PER_HOUR, quarter_candles, quarter_draws, quarter_prices
from crypto_bt.simulator.whole_candles import Whole, WholeCandles, aggregate, whole_candles

HOUR: Final = 3_600_000
OPENING_MS: Final = to_milliseconds(OPENING)
_QUARTER: Final = Timeframe.M15.milliseconds


@dataclass(frozen=True, slots=True)
class Bars:
    """The hours that make up whole candles: ``starts`` holds the first hour of each candle.

    ``first_hour`` counts from the market's opening; ``before`` is the hour before them, if there is one.
    """

    times: IntArray
    starts: IntArray
    hours: Hours
    before: Hours
    first_hour: int


def candles_of(
    seed: int, path: HourlyPath, timeframe: Timeframe, window: Window, now: int
) -> tuple[IntArray, WholeCandles] | None:
    """Open times (ms) and candles in ``window`` that opened before ``now`` (ms); None when there are none."""
    now = min(now, path.closing)
    if timeframe is Timeframe.M15:
        picked = _quarters(path, window, now)
        if picked is None:
            return None
        bars, part, passed = picked
        draws = quarter_draws(seed, path.listing.symbol, bars.first_hour, len(bars.hours))
        cut = quarter_candles(whole_candles(bars.hours, path.listing), draws)[part]
        return bars.times, cut if passed == 1 else cut[:-1] + cut[-1:].begun(passed)
    found = bars_of(path, timeframe, window, now)
    if found is None:
        return None
    return found.times, whole_candles(found.hours, path.listing).grouped(found.starts)


def mark_prices_of(
    seed: int, path: HourlyPath, timeframe: Timeframe, window: Window, now: int
) -> tuple[IntArray, tuple[Whole, Whole, Whole, Whole]] | None:
    """Open times (ms) and mark prices (open, high, low, close in ticks), as :func:`candles_of`."""
    now = min(now, path.closing)
    if timeframe is not Timeframe.M15:
        found = bars_of(path, timeframe, window, now)
        return None if found is None else (found.times, aggregate(*_marks(found), found.starts))
    picked = _quarters(path, window, now)
    if picked is None:
        return None
    bars, part, passed = picked
    draws = quarter_draws(seed, path.listing.symbol, bars.first_hour, len(bars.hours))
    opened, high, low, close = (column[part] for column in quarter_prices(*_marks(bars), draws))
    for column in (high, low, close):
        column[-1] = opened[-1] + round((int(column[-1]) - int(opened[-1])) * passed)
    return bars.times, (opened, high, low, close)


def bars_of(path: HourlyPath, timeframe: Timeframe, window: Window, now: int) -> Bars | None:
    """The hours of the candles in ``window`` that opened before ``now`` (ms); None when there are none."""
    elapsed = now - OPENING_MS
    last = (elapsed - 1) // HOUR
    if last < path.opened_hour:
        return None
    length = timeframe.milliseconds // HOUR
    candles = np.arange(path.opened_hour // length, last // length + 1, dtype=np.int64)
    candles = candles[window.pick(OPENING_MS + candles * timeframe.milliseconds)]
    if not len(candles):
        return None
    starts = np.maximum(candles * length, path.opened_hour)
    times = OPENING_MS + candles * timeframe.milliseconds
    bars = _cut(path, times, starts, min((int(candles[-1]) + 1) * length, last + 1))
    passed = (elapsed - last * HOUR) / HOUR
    hours = bars.hours
    if bars.first_hour + len(hours) == last + 1 and passed < 1:
        hours = hours[:-1] + unfinished(hours[-1:], passed)
    return replace(bars, hours=hours)


def _quarters(path: HourlyPath, window: Window, now: int) -> tuple[Bars, slice, float] | None:
    """The whole hours of the quarters in ``window``, which quarters of them are meant, and how much of the
    last has passed (1: all)."""
    elapsed = now - OPENING_MS
    last = (elapsed - 1) // _QUARTER
    if last < path.opened_hour * PER_HOUR:
        return None
    quarters = np.arange(path.opened_hour * PER_HOUR, last + 1, dtype=np.int64)
    quarters = quarters[window.pick(OPENING_MS + quarters * _QUARTER)]
    if not len(quarters):
        return None
    low, high = int(quarters[0]), int(quarters[-1]) + 1
    hours = np.arange(low // PER_HOUR, (high - 1) // PER_HOUR + 1, dtype=np.int64)
    bars = _cut(path, OPENING_MS + quarters * _QUARTER, hours, int(hours[-1]) + 1)
    skip = low - bars.first_hour * PER_HOUR
    passed = (elapsed - last * _QUARTER) / _QUARTER if high == last + 1 else 1.0
    return bars, slice(skip, skip + len(quarters)), passed


def _cut(path: HourlyPath, times: IntArray, starts: IntArray, end: int) -> Bars:
    """The hours from the first of ``starts`` to ``end`` (exclusive), all counted from the opening."""
    hours, first = path.through(end - 1), int(starts[0])
    low = first - path.first_hour
    return Bars(
        times=times,
        starts=starts - first,
        hours=hours[low : end - path.first_hour],
        before=hours[low - 1 : low] if first > path.opened_hour else hours[:0],
        first_hour=first,
    )


def _marks(bars: Bars) -> tuple[Whole, Whole, Whole, Whole]:
    """Mark prices of the hours: an index that hugs the last price."""
    hours = bars.hours
    close = np.rint(hours.close * (1 + hours.basis.astype(np.float64)))
    before = np.rint(bars.before.close * (1 + bars.before.basis.astype(np.float64)))
    opened = np.concatenate((before if len(before) else hours.open[:1], close[:-1]))
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    # The index averages several venues: it sees a wick, but not all of it.
    high = np.rint(top + 0.7 * np.maximum(hours.high - top, 0))
    low = np.rint(bottom - 0.7 * np.maximum(bottom - hours.low, 0))
    opens, highs, lows, closes = (column.astype(np.int64) for column in (opened, high, low, close))
    return opens, highs, lows, closes


def unfinished(hour: Hours, passed: float) -> Hours:
    """What is seen of one ``hour`` after the fraction ``passed`` of it (0 < passed < 1)."""
    close = hour.open + np.rint((hour.close - hour.open) * passed).astype(np.int32)
    high = hour.open + np.rint((hour.high - hour.open) * passed).astype(np.int32)
    low = hour.open + np.rint((hour.low - hour.open) * passed).astype(np.int32)
    return replace(
        hour,
        high=np.maximum(high, np.maximum(hour.open, close)),
        low=np.minimum(low, np.minimum(hour.open, close)),
        close=close,
        # Below 1 the floor is always less than the whole: an unfinished candle never looks finished.
        volume=np.floor(hour.volume * passed).astype(np.int64),
    )
