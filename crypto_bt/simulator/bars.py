"""Candles of any timeframe out of the hours of a synthetic path.

4h and 1d candles are added up from the hours in whole ticks, lots and cents, so they are exact
aggregates to the last digit. The unfinished candle shows the part of its last hour that has passed, and
always less volume than it will end with.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.simulator.listings import OPENING
from crypto_bt.simulator.market import IntArray, Window
from crypto_bt.simulator.path import HourlyPath, Hours

HOUR: Final = 3_600_000
_OPENING: Final = to_milliseconds(OPENING)
Whole = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class Bars:
    """The hours that make up whole candles: ``starts`` holds the first hour of each candle."""

    times: IntArray
    starts: IntArray
    hours: Hours
    before: Hours


def bars_of(path: HourlyPath, timeframe: Timeframe, window: Window, now: int) -> Bars | None:
    """The hours of the candles in ``window`` that opened before ``now`` (ms); None when there are none."""
    elapsed = now - _OPENING
    last = (elapsed - 1) // HOUR
    if last < path.first_hour:
        return None
    length = timeframe.milliseconds // HOUR
    candles = np.arange(path.first_hour // length, last // length + 1, dtype=np.int64)
    candles = candles[window.pick(_OPENING + candles * timeframe.milliseconds)]
    if not len(candles):
        return None
    hours = path.through(last)
    low = int(candles[0]) * length - path.first_hour
    high = min((int(candles[-1]) + 1) * length, last + 1) - path.first_hour
    part = hours[low:high]
    passed = (elapsed - last * HOUR) / HOUR
    if high + path.first_hour == last + 1 and passed < 1:
        part = part[:-1] + unfinished(part[-1:], passed)
    return Bars(
        times=_OPENING + candles * timeframe.milliseconds,
        starts=(candles - candles[0]) * length,
        hours=part,
        before=hours[max(low - 1, 0) : low],
    )


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
