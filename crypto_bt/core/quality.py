"""What the checks of a timeframe's candles decide: fresh, whole, without gaps.

Every verdict says what, the value seen and the limit, names symbol, timeframe and day, and carries the
command that mends it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from crypto_bt.core.market import Timeframe
from crypto_bt.core.verdict import (
    ROWS_AT_MOST,
    Severity,
    Verdict,
    repair_command,
    some,
    table_row,
)
from crypto_bt.core.wholeness import (
    AGE_LIMITS,
    COVERAGE_MINIMUM,
    GAP_LIMIT,
    PRESENT_MINIMUM,
    AgeLimits,
    Gap,
    Wholeness,
    coverage,
    hours,
)


def data_age(
    timeframe: Timeframe,
    newest_close: datetime | None,
    now: datetime,
    by_symbol: Mapping[str, datetime] | None = None,
    ages: AgeLimits = AGE_LIMITS,
) -> Verdict:
    """Age of the newest closed candle of the whole feed against the timeframe's two limits.

    ``by_symbol`` holds each symbol's newest close, for the table alone: a single symbol that stopped is the
    business of coverage.
    """
    if newest_close is None:
        what = f"No {timeframe} candle is stored that had closed by {now:%Y-%m-%d %H:%M} UTC."
        return Verdict(False, what, mend=repair_command(timeframe, now - timedelta(days=30), now))
    age, warning, limit = now - newest_close, ages.warning[timeframe], ages.limit[timeframe]
    seen = f"The newest {timeframe} candle closed {newest_close:%Y-%m-%d %H:%M} UTC, {hours(age)} ago"
    figures = {"data_age_hours": round(age / timedelta(hours=1), 3)}
    oldest_first = sorted((by_symbol or {}).items(), key=lambda pair: (pair[1], pair[0]))
    table = [
        table_row(
            symbol,
            timeframe,
            close,
            f"{hours(now - close)} ago",
            f"{hours(warning)}, {hours(limit)}",
            "old" if now - close > limit else "late" if now - close > warning else "fresh",
        )
        for symbol, close in oldest_first[:ROWS_AT_MOST]
    ]
    if age <= warning:
        return Verdict(True, f"{seen}.", figures=figures, table=table)
    severity, which = (Severity.WARN, warning) if age <= limit else (Severity.ERROR, limit)
    return Verdict(
        False,
        f"{seen}, limit {hours(which)}.",
        severity,
        repair_command(timeframe, newest_close, now),
        figures,
        table,
    )


def coverage_of(
    timeframe: Timeframe, judgements: Sequence[Wholeness], now: datetime, minimum: float = COVERAGE_MINIMUM
) -> Verdict:
    """Share of the tradable symbols that are whole, strictly above ``minimum``."""
    result = coverage(judgements, minimum)
    broken = [j for j in judgements if not j.whole]
    share = f"{result.share:.1%}, must be above {minimum:.0%}"
    what = f"{result.whole} of {result.total} symbols are whole in {timeframe} ({share})."
    if not judgements:
        what = f"No {timeframe} candle can be judged: which symbols are tradable is not stored."
    if broken:
        what += f" Not whole: {some([f'{j.symbol} {timeframe} {j.reason}' for j in broken])}."
    starts = [gap.start for j in broken for gap in j.gaps] or [now - timedelta(days=1)]
    worst = sorted(judgements, key=lambda j: (j.whole, -(j.expected - j.present), j.symbol))
    return Verdict(
        result.passes,
        what,
        mend=repair_command(timeframe, min(starts), now, [j.symbol for j in broken]),
        figures={"coverage": round(result.share, 6), "whole": result.whole, "symbols": result.total},
        table=[_wholeness_row(item) for item in worst[:ROWS_AT_MOST]],
    )


def _wholeness_row(item: Wholeness) -> dict[str, str]:
    longest = max(item.gaps, key=lambda gap: gap.missing, default=None)
    return table_row(
        item.symbol,
        item.timeframe,
        longest.start if longest else item.newest_close,
        f"{item.present} of {item.expected}, longest gap {item.longest_gap}",
        f"{PRESENT_MINIMUM:.0%}, gap {GAP_LIMIT}",
        item.reason or "whole",
    )


def continuity(timeframe: Timeframe, gaps: Sequence[Gap], now: datetime, lookback: timedelta) -> Verdict:
    """Gaps in the stored history: long ones inside ``lookback`` fail, older ones are listed."""
    recent = [gap for gap in gaps if gap.end > now - lookback]
    long = [gap for gap in recent if gap.missing > GAP_LIMIT]
    missing = sum(gap.missing for gap in gaps)
    what = f"{len(gaps)} gaps, {missing} candles missing in the {timeframe} history; {len(recent)} recent."
    if long:
        what += (
            f" Above the limit of {GAP_LIMIT}: {some([f'{g.symbol} {timeframe} {g.text}' for g in long])}."
        )
    worst = sorted(gaps, key=lambda gap: (gap not in long, -gap.missing, gap.symbol, gap.start))
    return Verdict(
        not long,
        what,
        Severity.WARN,
        repair_command(
            timeframe, min(g.start for g in long), max(g.end for g in long), [g.symbol for g in long]
        )
        if long
        else "",
        {"gaps": len(gaps), "missing_candles": missing, "recent_gaps": len(recent)},
        [
            table_row(
                gap.symbol,
                timeframe,
                gap.start,
                gap.text,
                str(GAP_LIMIT),
                "too long" if gap in long else "recent" if gap in recent else "older",
            )
            for gap in worst[:ROWS_AT_MOST]
        ],
    )
