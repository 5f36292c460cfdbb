"""What the digest tells, read from the home's stores, its outbox and its disk."""

import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from crypto_bt.core.digest import CandleLine, DigestFacts, ScoreLine
from crypto_bt.core.quality import coverage_of, data_age
from crypto_bt.defs.earlier_nights import stamps_before
from crypto_bt.defs.feed_checks import AGE_CHECKS
from crypto_bt.defs.judgement import judge_dataset
from crypto_bt.defs.published_files import read_latest
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.upkeep import switched_off, upkeep
from crypto_bt.defs.uptime import uptime_line
from crypto_bt.store import NightResult

#: The alerts of so long before are counted.
LOOKS_BACK = timedelta(days=1)


def gather_digest(desk: Desk, now: datetime) -> DigestFacts:
    """Everything that the digest tells at ``now``; a home that is not loaded has little to tell."""
    history = desk.alerts.history
    usage = shutil.disk_usage(desk.home.root)
    late = _late_feeds(desk, now)
    told: dict[str, Any] = _last_night(desk)
    kept = upkeep(desk, now)
    uptime = uptime_line(desk, now)
    failing = [
        f"{state.name} failed {state.failures} times: {state.error}"
        for state in history.channels()
        if state.failures
    ]
    return DigestFacts(
        now=now,
        home=str(desk.home.root),
        candles=candle_lines(desk, now),
        late_feeds=late,
        feeds=len(AGE_CHECKS),
        raised=history.raised_by_cause(now - LOOKS_BACK),
        standing=history.standing(),
        muted=list(history.mutes(now)),
        free=usage.free,
        disk=usage.total,
        used=_bytes_below(desk.home.root),
        off=switched_off(desk),
        more=[*([uptime] if uptime else []), *kept["lines"], *kept["wrong"], *failing],
        **told,
    )


def candle_lines(desk: Desk, now: datetime) -> list[CandleLine]:
    """Age and coverage of each timeframe."""
    current = desk.store.current()
    if current is None:
        return []
    lines = []
    for timeframe in desk.settings.TIMEFRAMES:
        closes = [item.last + timeframe.delta for item in current.of(timeframe.dataset)]
        age = data_age(timeframe, max(closes, default=None), now)
        judged = judge_dataset(desk, timeframe, current.id, now)
        whole = coverage_of(timeframe, judged.symbols, now, desk.settings.COVERAGE_MINIMUM)
        hours = (now - max(closes)) / timedelta(hours=1) if closes else None
        figures = whole.figures
        lines.append(
            CandleLine(
                str(timeframe),
                hours,
                int(figures["whole"]),
                int(figures["symbols"]),
                age.passed and whole.passed,
            )
        )
    return lines


def _late_feeds(desk: Desk, now: datetime) -> list[str]:
    current = desk.store.current()
    if current is None:
        return []
    verdicts = [decide(desk, current.id, now) for name, decide in AGE_CHECKS.items() if current.rows(name)]
    return [verdict.what for verdict in verdicts if not verdict.passed]


def _last_night(desk: Desk) -> dict[str, Any]:
    latest, result = read_latest(desk.results.root), desk.results.latest()
    if result is None:
        return {}
    stale = (latest or {}).get("stale")
    headline, scores = night_scores(desk, result)
    return {
        "night": result.night,
        "stale": f"night of {stale['night']}: {stale['reason']}" if stale else "",
        "headline": headline,
        "scores": scores,
    }


def night_scores(desk: Desk, result: NightResult) -> tuple[str, list[ScoreLine]]:
    """The headline of a night, and its strategies against the night before, the best first."""
    from crypto_bt.report.remarks import headline
    from crypto_bt.report.scorecard import build_scorecard, summary_rows
    from crypto_bt.report.stamp import read_stamp

    previous = desk.results.latest(before=result.night)
    stamp = read_stamp(result.stamp)
    before = previous.frame("metrics") if previous else None
    earlier = [older for _, older in stamps_before(desk, result.night)]
    card = build_scorecard(result.frame("metrics"), before, stamp.benchmark, earlier=earlier)
    rows: list[dict[str, Any]] = summary_rows(card, stamp)
    return headline(card, stamp), [
        ScoreLine(
            row["strategy"],
            row["verdict"] or ("benchmark" if row["benchmark"] else ""),
            row["net_return"],
            row["versus_last_night"],
            row["reason"] or "",
        )
        for row in rows
    ]


def night_picture(desk: Desk, told: date) -> bytes | None:
    """The equity curves of the night ``told`` as PNG; None where there is none, or nothing to draw with."""
    from crypto_bt.report.equity_picture import equity_png

    result = desk.results.night(told)
    return equity_png(result.frame("equity"), result.stamp["benchmark"]) if result else None


def _bytes_below(folder: Path) -> int:
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        try:
            if path.is_file() and not path.is_symlink():
                yield path.stat().st_size
        except OSError:  # it has just been removed
            continue
