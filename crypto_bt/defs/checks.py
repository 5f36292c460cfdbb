"""Asset checks on the candle assets: the functions of ``core.quality``, run on the run's snapshot.

They are the first steps of the nightly job, where the blocking ones stop the backtest; the job
data_validation runs them all at 01:00 UTC as an early warning.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import dagster as dg
import polars as pl

from crypto_bt.core import candle_quality, quality
from crypto_bt.core.market import STANDARD_TIMEFRAMES, Timeframe
from crypto_bt.core.verdict import Verdict
from crypto_bt.core.wholeness import find_gaps
from crypto_bt.defs.check_results import build_check
from crypto_bt.defs.feed_checks import build_feed_checks
from crypto_bt.defs.judgement import judge_dataset, stored_candles
from crypto_bt.defs.night_checks import build_night_checks
from crypto_bt.defs.resources import Desk

#: A check of candles: what it decides of one timeframe on one snapshot at one moment.
CandleDecision = Callable[[Timeframe, Desk, str, datetime], Verdict]


def _data_age(timeframe: Timeframe, desk: Desk, snapshot: str, now: datetime) -> Verdict:
    closed = stored_candles(desk, timeframe, snapshot).filter(pl.col("open_time") + timeframe.delta <= now)
    closes = closed.group_by("symbol").agg(pl.col("open_time").max() + timeframe.delta)
    by_symbol, ages = dict(closes.iter_rows()), desk.settings.age_limits
    return quality.data_age(timeframe, max(by_symbol.values(), default=None), now, by_symbol, ages)


def _coverage(timeframe: Timeframe, desk: Desk, snapshot: str, now: datetime) -> Verdict:
    judgement = judge_dataset(desk, timeframe, snapshot, now)
    return quality.coverage_of(timeframe, judgement.symbols, now, desk.settings.COVERAGE_MINIMUM)


def _continuity(timeframe: Timeframe, desk: Desk, snapshot: str, now: datetime) -> Verdict:
    gaps = find_gaps(stored_candles(desk, timeframe, snapshot), timeframe)
    return quality.continuity(timeframe, gaps, now, desk.lookback)


def _ohlc_sanity(timeframe: Timeframe, desk: Desk, snapshot: str, now: datetime) -> Verdict:
    return candle_quality.ohlc_sanity(timeframe, stored_candles(desk, timeframe, snapshot))


def _quarantine(timeframe: Timeframe, desk: Desk, snapshot: str, now: datetime) -> Verdict:
    refused = _remarks(desk, "quarantine", timeframe, snapshot, now)
    return candle_quality.quarantine(timeframe, refused, stored_candles(desk, timeframe, snapshot))


def _revisions(timeframe: Timeframe, desk: Desk, snapshot: str, now: datetime) -> Verdict:
    return candle_quality.revisions(timeframe, _remarks(desk, "revisions", timeframe, snapshot, now))


def _timeframe_consistency(timeframe: Timeframe, desk: Desk, snapshot: str, now: datetime) -> Verdict:
    def recent(dataset: str) -> pl.DataFrame:
        since = now - desk.lookback
        return desk.store.read(dataset, symbols=desk.settings.SYMBOLS, start=since, at=snapshot)

    finer = Timeframe.M15 if timeframe is Timeframe.H1 else Timeframe.H1
    return candle_quality.timeframe_consistency(
        recent(finer.dataset), recent(timeframe.dataset), timeframe, finer
    )


def _remarks(desk: Desk, name: str, timeframe: Timeframe, snapshot: str, now: datetime) -> pl.DataFrame:
    rows = desk.store.read(name, start=now - desk.lookback, at=snapshot)
    return rows.filter(pl.col("dataset") == timeframe.dataset)


ON_EVERY_TIMEFRAME: Final[dict[str, tuple[CandleDecision, bool, str]]] = {
    "data_age": (_data_age, True, "The newest candle is younger than the timeframe's limit."),
    "coverage": (_coverage, True, "More than 95 % of the tradable symbols are whole over the look-back."),
    "continuity": (
        _continuity,
        False,
        "No gap of more than 2 candles in the look-back; older ones are listed.",
    ),
    "ohlc_sanity": (_ohlc_sanity, True, "Stored prices and volumes are possible ones."),
    "quarantine": (_quarantine, False, "Every refused row has since been replaced by a good candle."),
    "revisions": (_revisions, False, "The exchange has not changed candles that were already stored."),
}
CONSISTENCY: Final = "timeframe_consistency"


def candle_checks(timeframes: Sequence[Timeframe]) -> list[dg.AssetChecksDefinition]:
    """The checks of the candles of ``timeframes``; those that the night does not read never block it."""
    checks = [
        build_check(
            timeframe.dataset,
            name,
            partial(decide, timeframe),
            blocking=blocking and timeframe in STANDARD_TIMEFRAMES,
            about=about,
        )
        for timeframe in timeframes
        for name, (decide, blocking, about) in ON_EVERY_TIMEFRAME.items()
    ]
    coarser = [Timeframe.H4, Timeframe.D1, *([Timeframe.H1] if Timeframe.M15 in timeframes else [])]
    return checks + [
        build_check(
            timeframe.dataset,
            CONSISTENCY,
            partial(_timeframe_consistency, timeframe),
            blocking=False,
            about="Finer stored candles add up to this timeframe's over the look-back.",
        )
        for timeframe in coarser
    ]


def build_checks(timeframes: Sequence[Timeframe]) -> list[dg.AssetChecksDefinition]:
    """Every asset check of a home that keeps ``timeframes``."""
    return [*candle_checks(timeframes), *build_feed_checks(), *build_night_checks()]
