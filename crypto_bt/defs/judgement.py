"""Read one snapshot and judge its candles: the shell around ``core.wholeness``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from crypto_bt.core.market import Timeframe
from crypto_bt.core.wholeness import Coverage, Wholeness, coverage, judge
from crypto_bt.defs.resources import Desk


@dataclass(frozen=True)
class Judgement:
    """The tradable symbols of a timeframe, judged on one snapshot at one moment."""

    timeframe: Timeframe
    symbols: tuple[Wholeness, ...]
    coverage: Coverage


def tradable_symbols(desk: Desk, snapshot: str, now: datetime) -> dict[str, datetime]:
    """Symbols of the universe that the exchange called tradable at ``now``, each with its listing date.

    What it said first counts for the time before it was first asked.
    """
    known = desk.store.read("universe", symbols=desk.settings.SYMBOLS, at=snapshot).sort("symbol", "day")
    first = known.group_by("symbol", maintain_order=True).first()
    known = pl.concat([first, known.filter(pl.col("day") <= now)])
    latest = known.group_by("symbol", maintain_order=True).last().filter("tradable")
    return {row["symbol"]: row["onboard_time"] for row in latest.sort("symbol").iter_rows(named=True)}


def history_start(desk: Desk, timeframe: Timeframe, snapshot: str) -> datetime:
    """From when on candles count as missing: the setting, else the first stored day."""
    if desk.settings.history_start is not None:
        return desk.settings.history_start
    objects = [o for o in desk.store.snapshot(snapshot).objects if o.dataset == timeframe.dataset]
    return min((o.first for o in objects), default=desk.clock())


def judge_dataset(desk: Desk, timeframe: Timeframe, snapshot: str, now: datetime) -> Judgement:
    """Judge every tradable symbol of the universe over the look-back."""
    listed = tradable_symbols(desk, snapshot, now)
    start = history_start(desk, timeframe, snapshot)
    frame = desk.store.read(
        timeframe.dataset,
        symbols=list(listed),
        start=now - desk.lookback - timedelta(days=1),
        columns=["symbol", "open_time"],
        at=snapshot,
    )
    judged = judge(
        frame,
        timeframe,
        symbols=list(listed),
        begins={symbol: max(onboard, start) for symbol, onboard in listed.items()},
        now=now,
        lookback=desk.lookback,
        ages=desk.settings.age_limits,
    )
    return Judgement(timeframe, tuple(judged), coverage(judged, desk.settings.COVERAGE_MINIMUM))


def left_out(judgements: Sequence[Judgement]) -> dict[str, str]:
    """Symbols that are not whole in some timeframe, with the first reason found."""
    reasons: dict[str, str] = {}
    for judgement in judgements:
        for item in judgement.symbols:
            if not item.whole:
                reasons.setdefault(item.symbol, f"{item.timeframe} {item.reason}")
    return reasons


def stored_candles(desk: Desk, timeframe: Timeframe, snapshot: str) -> pl.DataFrame:
    """All stored candles of the universe's symbols in one timeframe."""
    return desk.store.read(timeframe.dataset, symbols=desk.settings.SYMBOLS, at=snapshot)
