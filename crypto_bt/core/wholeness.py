"""Is a symbol's candle data whole enough to be backtested, and are enough symbols whole?

A symbol is whole when, over the last ``lookback`` (shorter if it was listed, or the history begun,
later), it has at least 95 % of its expected closed candles, no gap of more than two candles, and its
newest candle is within the age limit. Coverage is the share of tradable symbols that are whole and
must be strictly above its minimum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

import polars as pl

from crypto_bt.core.market import Timeframe

PRESENT_MINIMUM: Final = 0.95
GAP_LIMIT: Final = 2
COVERAGE_MINIMUM: Final = 0.95
AGE_LIMIT: Final = {
    Timeframe.M15: timedelta(hours=6),
    Timeframe.H1: timedelta(hours=6),
    Timeframe.H4: timedelta(hours=24),
    Timeframe.D1: timedelta(days=7),
}
#: At which share of its limit an age is remarked on: H1 at 3 h of 6, H4 at 12 of 24, D1 at 3 d of 7.
_WARNED_AT: Final = {
    Timeframe.M15: Fraction(1, 2),
    Timeframe.H1: Fraction(1, 2),
    Timeframe.H4: Fraction(1, 2),
    Timeframe.D1: Fraction(3, 7),
}


@dataclass(frozen=True)
class AgeLimits:
    """By timeframe, the age of the newest candle from which it is remarked on, and from which it is stale."""

    warning: Mapping[Timeframe, timedelta]
    limit: Mapping[Timeframe, timedelta]

    @classmethod
    def within(cls, limit: Mapping[Timeframe, timedelta]) -> "AgeLimits":
        """Those of ``limit``, each with its warning at the usual share of it."""
        return cls({each: span * float(_WARNED_AT[each]) for each, span in limit.items()}, limit)


AGE_LIMITS: Final = AgeLimits.within(AGE_LIMIT)


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of ``missing`` candles in a row: open times from ``start`` to ``end`` (exclusive)."""

    symbol: str
    timeframe: Timeframe
    start: datetime
    end: datetime

    @property
    def missing(self) -> int:
        """How many candles are missing."""
        return (self.end - self.start) // self.timeframe.delta

    @property
    def text(self) -> str:
        """The gap as a person reads it."""
        last = self.end - self.timeframe.delta
        return f"{self.missing} candles in a row ({self.start:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M})"


@dataclass(frozen=True, slots=True)
class Wholeness:
    """The judgement of one symbol and timeframe; ``reason`` is empty when it is whole."""

    symbol: str
    timeframe: Timeframe
    expected: int
    present: int
    newest_close: datetime | None
    gaps: tuple[Gap, ...]
    reason: str

    @property
    def whole(self) -> bool:
        """Whether the symbol may take part in tonight's backtest."""
        return not self.reason

    @property
    def longest_gap(self) -> int:
        """Missing candles in the longest gap."""
        return max((gap.missing for gap in self.gaps), default=0)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the tradable symbols are whole."""

    whole: int
    total: int
    minimum: float = COVERAGE_MINIMUM

    @property
    def share(self) -> float:
        """Whole symbols over all; 0 when there are none."""
        return self.whole / self.total if self.total else 0.0

    @property
    def passes(self) -> bool:
        """Strictly above the minimum: at 0.95, 58 of 60 pass and 57 do not."""
        return self.whole > self.minimum * self.total


def find_gaps(frame: pl.DataFrame, timeframe: Timeframe) -> list[Gap]:
    """Gaps between stored candles, by symbol and time; ``frame`` is sorted by symbol and open_time."""
    step = timeframe.delta
    holes = (
        frame.select("symbol", "open_time")
        .with_columns(previous=pl.col("open_time").shift(1).over("symbol"))
        .filter(pl.col("open_time") - pl.col("previous") > step)
    )
    return [
        Gap(symbol, timeframe, previous + step, opened)
        for symbol, opened, previous in holes.select("symbol", "open_time", "previous").iter_rows()
    ]


def judge(
    frame: pl.DataFrame,
    timeframe: Timeframe,
    *,
    symbols: Sequence[str],
    begins: Mapping[str, datetime],
    now: datetime,
    lookback: timedelta,
    ages: AgeLimits = AGE_LIMITS,
) -> list[Wholeness]:
    """Judge each of ``symbols`` on the candles of ``frame``.

    ``begins`` gives for each symbol the moment from which candles can be expected: its listing or the
    start of the stored history, whichever is later.
    """
    step = timeframe.delta
    end = timeframe.floor(now)
    by_symbol = {str(key[0]): part for key, part in frame.partition_by("symbol", as_dict=True).items()}
    judgements = []
    for symbol in symbols:
        start = _ceiling(max(now - lookback, begins.get(symbol, now - lookback)), timeframe)
        part = by_symbol.get(symbol, frame.clear())
        part = part.filter(pl.col("open_time") >= start, pl.col("open_time") < end)
        first, newest = _bounds(part)
        gaps = find_gaps(part, timeframe)
        if (first or end) > start:
            gaps.insert(0, Gap(symbol, timeframe, start, first or end))
        newest_close = newest + step if newest is not None else None
        # Candles that closed since the last update are the age limit's business, not missing ones.
        expected = max(0, ((newest_close or end) - start) // step)
        limit = ages.limit[timeframe]
        reason = _why_not_whole(expected, part.height, newest_close, gaps, now, limit)
        judgements.append(
            Wholeness(symbol, timeframe, expected, part.height, newest_close, tuple(gaps), reason)
        )
    return judgements


def _why_not_whole(
    expected: int,
    present: int,
    newest_close: datetime | None,
    gaps: Sequence[Gap],
    now: datetime,
    age_limit: timedelta,
) -> str:
    if expected == 0:
        return ""
    if newest_close is None:
        return f"has none of {expected} expected candles"
    longest = max(gaps, key=lambda gap: gap.missing, default=None)
    if longest is not None and longest.missing > GAP_LIMIT:
        return f"misses {longest.text}, limit {GAP_LIMIT}"
    if now - newest_close > age_limit:
        closed, age = f"{newest_close:%Y-%m-%d %H:%M}", hours(now - newest_close)
        return f"newest candle closed {closed}, {age} ago, limit {hours(age_limit)}"
    if present < PRESENT_MINIMUM * expected:
        return f"has {present} of {expected} expected candles, minimum {PRESENT_MINIMUM:.0%}"
    return ""


def coverage(judgements: Sequence[Wholeness], minimum: float = COVERAGE_MINIMUM) -> Coverage:
    """Count the whole symbols among ``judgements`` (which hold the tradable symbols only)."""
    return Coverage(sum(j.whole for j in judgements), len(judgements), minimum)


def hours(span: timedelta) -> str:
    """A span as a person reads it: ``1 h 30 min``, ``26 h``, ``8.0 d``."""
    minutes = int(span.total_seconds() // 60)
    if minutes >= 72 * 60:
        return f"{minutes / 1440:.1f} d"
    whole, rest = divmod(minutes, 60)
    return f"{whole} h {rest} min" if rest else f"{whole} h"


def _ceiling(moment: datetime, timeframe: Timeframe) -> datetime:
    floor = timeframe.floor(moment)
    return floor if floor == moment else floor + timeframe.delta


def _bounds(part: pl.DataFrame) -> tuple[datetime | None, datetime | None]:
    if part.is_empty():
        return None, None
    first, last = part.select(pl.col("open_time").min(), pl.col("open_time").max().alias("last")).row(0)
    return first, last
