"""Invented series on the true calendars: levels that wander about their usual value, or along a trend.

Each is a function of the seed, its name and the date alone. Their swings are those of 2018 to 2025.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from crypto_bt.core.us_calendar import business_day, trading_day
from crypto_bt.simulator.market import FloatArray
from crypto_bt.simulator.path import generator
from crypto_bt.simulator.series import (
    DOMINANCE,
    FEAR_GREED,
    MARKET_CAP,
    STABLECOINS,
    Observation,
    publication,
)

_DAY: Final = timedelta(days=1)
_UPDATED_EVERY: Final = timedelta(minutes=10)
#: Days that every source of fear & greed lacks.
_NEVER_SET: Final = frozenset({date(2018, 4, 14), date(2018, 4, 15), date(2018, 4, 16), date(2024, 10, 26)})


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a series moves: about ``usual`` (its logarithm if ``log``), which grows by ``growth`` a step, with
    ``memory`` of the last deviation and a ``swing`` a step; within ``low`` and ``high``."""

    first: date
    usual: float
    swing: float
    memory: float
    decimals: int
    growth: float = 0.0
    log: bool = False
    low: float = -math.inf
    high: float = math.inf


_FROM: Final = date(2016, 1, 1)
_SHAPES: Final[dict[str, _Shape]] = {
    FEAR_GREED: _Shape(date(2018, 2, 1), 48, 6.5, 0.955, 0, low=5, high=95),
    DOMINANCE: _Shape(date(2018, 1, 1), 54, 0.6, 0.993, 2, low=30, high=75),
    MARKET_CAP: _Shape(date(2018, 1, 1), math.log(4e11), 0.025, 0.997, 0, growth=0.0007, log=True),
    STABLECOINS: _Shape(date(2017, 11, 29), math.log(3e9), 0.005, 0.999, 0, growth=0.0015, log=True),
    "DTWEXBGS": _Shape(_FROM, math.log(118), 0.0031, 0.997, 4, log=True),
    "DFF": _Shape(_FROM, 2.6, 0.02, 0.9995, 2, low=0.04),
    "DGS10": _Shape(_FROM, 2.9, 0.055, 0.998, 2, low=0.3),
    "T10Y2Y": _Shape(_FROM, 0.3, 0.04, 0.997, 2),
    "CPIAUCSL": _Shape(_FROM, math.log(237), 0.001, 0.95, 3, growth=0.0024, log=True),
    "VIXCLS": _Shape(_FROM, math.log(18.5), 0.075, 0.965, 2, log=True, low=9),
    "SP500": _Shape(_FROM, math.log(2000), 0.012, 0.995, 2, growth=0.00045, log=True),
}
_BUSINESS_DAYS: Final = ("DTWEXBGS", "DGS10", "T10Y2Y")
_TRADING_DAYS: Final = ("VIXCLS", "SP500")
_CHUNK: Final = 512


class SyntheticSeries:
    """All series of the seed; see :class:`~crypto_bt.simulator.series.SeriesMarket`."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._levels: dict[str, FloatArray] = {}

    def published(self, series: str, now: datetime) -> list[Observation]:
        """See :class:`~crypto_bt.simulator.series.SeriesMarket`; a holiday has no value."""
        shape = _SHAPES.get(series)
        if shape is None:
            return []
        days = [day for day in _days(series, shape.first, now.date()) if publication(series, day) <= now]
        values = self._values(series, len(days) + 1)
        if series == STABLECOINS and days:
            # The last day is not over: its figure is on its way to the next.
            passed = (now - publication(series, days[-1])) / _DAY
            values[len(days) - 1] += passed * (values[len(days)] - values[len(days) - 1])
        is_open = _open_days(series)
        return [
            Observation(day, round(value, shape.decimals) if is_open(day) else None)
            for day, value in zip(days, values.tolist(), strict=False)
            if series != FEAR_GREED or day not in _NEVER_SET
        ]

    def latest(self, series: str, now: datetime) -> tuple[datetime, float] | None:
        """See :class:`~crypto_bt.simulator.series.SeriesMarket`; taken every ten minutes."""
        shape = _SHAPES.get(series)
        if shape is None or now.date() < shape.first:
            return None
        midnight = publication(series, now.date())
        taken = midnight + (now - midnight) // _UPDATED_EVERY * _UPDATED_EVERY
        number = (now.date() - shape.first).days
        before, after = self._values(series, number + 2)[number : number + 2].tolist()
        return taken, round(before + (taken - midnight) / _DAY * (after - before), shape.decimals + 4)

    def _values(self, series: str, count: int) -> FloatArray:
        """The first ``count`` values, in the unit of the series."""
        shape = _SHAPES[series]
        levels = self._levels.get(series)
        if levels is None or len(levels) < count:
            steps = -(-count // _CHUNK) * _CHUNK
            # The draws come in sequence from one generator: a longer series appends, and changes none.
            draws = (generator(self._seed, "series", series).standard_normal(steps) * shape.swing).tolist()
            level, drifted = 0.0, []
            for number, draw in enumerate(draws):
                level = shape.memory * level + draw
                drifted.append(shape.usual + number * shape.growth + level)
            levels = np.array(drifted)
            self._levels[series] = levels = np.clip(
                np.exp(levels) if shape.log else levels, shape.low, shape.high
            )
        part: FloatArray = levels[:count].copy()
        return part


def _open_days(series: str) -> Callable[[date], bool]:
    if series in _BUSINESS_DAYS:
        return business_day
    return trading_day if series in _TRADING_DAYS else lambda day: True


def _days(series: str, first: date, last: date) -> Iterator[date]:
    """The days that the source lists: those of the week, the first of each month, or all."""
    if series == "CPIAUCSL":
        month = first
        while month <= last:
            yield month
            month = (month + timedelta(days=31)).replace(day=1)
        return
    weekdays = series in _BUSINESS_DAYS or series in _TRADING_DAYS
    for number in range((last - first).days + 1):
        day = first + number * _DAY
        if not weekdays or day.weekday() < 5:
            yield day
