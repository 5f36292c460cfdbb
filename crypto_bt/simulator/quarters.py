"""Quarters of an hour out of the hours of a synthetic path, exact to the last digit.

An hour is cut, never simulated anew: prices follow a bridge from its open to its close inside its range,
the highest quarter touches its high and the lowest its low, and every amount is shared out in whole units.
The draws come in blocks of 28 days, each from a generator of its own, so a window costs what it holds.
"""

from typing import Final

import numpy as np

from crypto_bt.simulator.market import FloatArray, IntArray
from crypto_bt.simulator.path import generator
from crypto_bt.simulator.whole_candles import Whole, WholeCandles

PER_HOUR: Final = 4
_BLOCK_HOURS: Final = 28 * 24
_DRAWS: Final = 18
#: Deviation of a quarter's step in ranges of its hour: with it quarters neither trend nor revert.
_SWING: Final = 0.3
_ALONG: Final = np.arange(1, PER_HOUR + 1) / PER_HOUR


def quarter_draws(seed: int, symbol: str, first: int, count: int) -> FloatArray:
    """Standard normals (count, 18) of the hours from ``first`` on, counted from the market's opening."""
    blocks = range(first // _BLOCK_HOURS, (first + count - 1) // _BLOCK_HOURS + 1)
    drawn = np.concatenate(
        [
            generator(seed, symbol, "quarters", block).standard_normal((_BLOCK_HOURS, _DRAWS))
            for block in blocks
        ]
    )
    skip = first - blocks[0] * _BLOCK_HOURS
    return drawn[skip : skip + count]


def quarter_prices(
    opened: Whole, high: Whole, low: Whole, close: Whole, draws: FloatArray
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Open, high, low and close of the four quarters of each hour, in the unit given, in order."""
    first, top, bottom, last = (column.astype(np.float64)[:, None] for column in (opened, high, low, close))
    walk = np.cumsum(draws[:, :4], axis=1)
    bridge = walk - _ALONG * walk[:, 3:]
    closes = np.clip(np.rint(first + (last - first) * _ALONG + _SWING * (top - bottom) * bridge), bottom, top)
    opens = np.hstack((first, closes[:, :3]))
    upper, lower = np.maximum(opens, closes), np.minimum(opens, closes)
    reach = np.minimum(0.35 * np.abs(draws[:, 4:12]), 0.9)
    highs = upper + np.floor((top - upper) * reach[:, :4])
    lows = lower - np.floor((lower - bottom) * reach[:, 4:])
    np.put_along_axis(highs, highs.argmax(axis=1)[:, None], top, axis=1)
    np.put_along_axis(lows, lows.argmin(axis=1)[:, None], bottom, axis=1)
    opens, highs, lows, closes = (grid.ravel().astype(np.int64) for grid in (opens, highs, lows, closes))
    return opens, highs, lows, closes


def quarter_candles(hours: WholeCandles, draws: FloatArray) -> WholeCandles:
    """The four quarters of each of ``hours``, in order."""
    opened, high, low, close = quarter_prices(hours.open, hours.high, hours.low, hours.close, draws)
    lows, highs = low.reshape(-1, PER_HOUR), high.reshape(-1, PER_HOUR)
    # The mean price of an hour as its turnover has it.
    middle = (hours.open.astype(np.int64) + hours.high + hours.low + hours.close) / 4
    volume = _shares(hours.volume, _activity(np.exp(0.4 * draws[:, 12:16]), lows, highs, middle))
    taker = _uneven(_shares(hours.taker, volume.astype(np.float64)), volume, draws[:, 16:18])
    price = _mean_prices(hours.volume * middle, volume, lows, highs)
    return WholeCandles(
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume.ravel(),
        quote=_shares(hours.quote, volume * price).ravel(),
        trades=_shares(hours.trades, volume.astype(np.float64)).ravel(),
        taker=taker.ravel(),
        taker_quote=_shares(hours.taker_quote, taker * price).ravel(),
    )


def _shares(totals: Whole, weights: FloatArray) -> IntArray:
    """Each of ``totals`` shared out in whole units by its row of ``weights`` (n, 4); rows add up exactly."""
    running = np.cumsum(weights, axis=1)
    reached = np.floor(totals[:, None] * (running / running[:, 3:])).astype(np.int64)
    reached[:, 3] = totals
    return np.diff(reached, axis=1, prepend=0)


def _activity(weights: FloatArray, low: IntArray, high: IntArray, middle: FloatArray) -> FloatArray:
    """``weights`` (n, 4), made to sum to 1, and shifted to the highest or the lowest quarter where otherwise
    the hour's mean price ``middle`` would lie above what the quarters' highs allow, or below their lows."""
    weights = weights / weights.sum(axis=1, keepdims=True)
    for bound, sign in ((high, 1), (-low, -1)):
        reached, most = (weights * bound).sum(axis=1), bound.max(axis=1)
        missing = np.maximum(sign * middle - reached, 0) / np.maximum(most - reached, 0.5)
        moved = np.where(missing > 0, np.minimum(missing + 0.1, 1), 0)[:, None]
        at_most = np.arange(PER_HOUR) == bound.argmax(axis=1)[:, None]
        weights = (1 - moved) * weights + moved * at_most
    return weights


def _uneven(taker: IntArray, volume: IntArray, draws: FloatArray) -> IntArray:
    """``taker`` with a part moved within each half hour: takers do not buy the same share all the time."""
    room = np.minimum(taker, volume - taker).reshape(-1, 2, 2).min(axis=2)
    moved = np.rint(0.2 * np.tanh(draws) * room).astype(np.int64)
    uneven: IntArray = taker + np.stack((moved, -moved), axis=2).reshape(-1, PER_HOUR)
    return uneven


def _mean_prices(turnover: FloatArray, volume: IntArray, low: IntArray, high: IntArray) -> FloatArray:
    """A mean price of each quarter, within its range, so that they add up to the ``turnover`` of its hour."""
    cheapest, dearest = (volume * low).sum(axis=1), (volume * high).sum(axis=1)
    place = np.clip((turnover - cheapest) / np.maximum(dearest - cheapest, 1), 0, 1)[:, None]
    prices: FloatArray = low + place * (high - low)
    return prices
