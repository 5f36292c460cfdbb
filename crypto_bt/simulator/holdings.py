"""Who holds how much of one synthetic symbol, every five minutes.

Open interest and the share of long accounts are drawn: a state that returns to its mean from day to day
(AR(1), 0.9 a day), a bridge between two days, and what the hours before have done to the price and the
volume. A day is computed by itself, so an answer costs what it holds; nothing depends on when or for which
window one asks.
"""

import math
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from crypto_bt.simulator.bars import OPENING_MS
from crypto_bt.simulator.market import FloatArray, IntArray
from crypto_bt.simulator.path import CHUNK_DAYS, HourlyPath, generator

SLOT: Final = 300_000
SLOTS: Final = 288
_ALONG: Final = np.arange(SLOTS) / SLOTS
#: Open interest of a usual day, in hours of the usual turnover.
_HOURS_HELD: Final = 11
_MEMORY: Final = 0.9


@dataclass(frozen=True, slots=True)
class Held:
    """Open interest in lots, its ``value`` in ticks times lots, accounts long over short in 1/10,000, and two
    standard normals (n, 2) for what no other figure depends on."""

    lots: IntArray
    value: IntArray
    ratio: IntArray
    noise: FloatArray


class Holdings:
    """The holdings on ``path``: a function of seed, symbol and absolute time alone."""

    def __init__(self, seed: int, path: HourlyPath) -> None:
        self._seed = seed
        self._path = path
        self._states: FloatArray = np.empty((0, 2))

    def at(self, stamps: IntArray) -> Held:
        """The figures at ``stamps`` (ms, multiples of five minutes, none before the listing's day)."""
        slots = (stamps - OPENING_MS) // SLOT
        days = np.unique(slots // SLOTS)
        if not len(days):
            empty = np.empty(0, np.int64)
            return Held(empty, empty, empty, np.empty((0, 2)))
        parts = [self._day(day) for day in days.tolist()]
        at = np.searchsorted(days, slots // SLOTS) * SLOTS + slots % SLOTS
        return Held(
            *(np.concatenate([getattr(part, field.name) for part in parts])[at] for field in fields(Held))
        )

    def _day(self, day: int) -> Held:
        """All figures of ``day``, counted from the market's opening."""
        listing, path = self._path.listing, self._path
        draws = generator(self._seed, listing.symbol, "holdings", day).standard_normal((SLOTS, 4))
        now, then = self._state(day), self._state(day + 1)
        walk = np.cumsum(draws[:, :2], axis=0) - draws[:, :2]
        bridge = walk - _ALONG[:, None] * (walk[-1] + draws[-1, :2])
        mood = now + _ALONG[:, None] * (then - now) + 0.4 * bridge / math.sqrt(SLOTS)

        first = day * 24 - path.first_hour
        hours = path.through(day * 24 + 23)
        close = hours.close[max(first - 25, 0) : first + 24].astype(np.float64)
        volume = hours.volume[max(first - 24, 0) : first + 24].astype(np.float64)
        risen, busy = np.zeros(24), np.zeros(24)
        usual_lots = listing.turnover * 10.0**listing.quantity_decimals / listing.price
        if first >= 25:
            # Of each hour only those before it count.
            risen = np.log(close[24:-1] / close[:-25]) / (listing.volatility / math.sqrt(365))
            total = np.cumsum(np.concatenate(([0.0], volume)))
            busy = np.log((total[24:-1] - total[:-25]) / 24 / usual_lots)
        risen, busy = (np.repeat(np.clip(column, -4, 4), 12) for column in (risen, busy))
        lots = usual_lots * _HOURS_HELD * np.exp(0.2 * mood[:, 0] + 0.04 * risen + 0.1 * busy)
        # Most accounts are small and long; they sell into a rise.
        ratio = np.exp(0.45 + 0.3 * mood[:, 1] - 0.08 * risen)
        opened, closed = (np.repeat(c[first : first + 24], 12) for c in (hours.open, hours.close))
        price = opened + np.rint((closed.astype(np.int64) - opened) * np.tile(np.arange(12) / 12, 24))
        whole = np.maximum(np.rint(lots), 1).astype(np.int64)
        return Held(
            lots=whole,
            value=whole * price.astype(np.int64),
            ratio=np.rint(1e4 * ratio).astype(np.int64),
            noise=draws[:, 2:],
        )

    def _state(self, day: int) -> FloatArray:
        """Standard normal AR(1) states (2) at the start of ``day``."""
        if day >= len(self._states):
            # The draws come in sequence from one generator: more days append, and change none.
            days = (day // CHUNK_DAYS + 1) * CHUNK_DAYS
            draws = generator(self._seed, self._path.listing.symbol, "moods").standard_normal((days, 2))
            fresh = math.sqrt(1 - _MEMORY**2) * draws
            fresh[0] = draws[0]
            for row in range(1, days):
                fresh[row] += _MEMORY * fresh[row - 1]
            self._states = fresh
        state: FloatArray = self._states[day]
        return state
