"""What the asset checks decide, as pure functions from frames to a :class:`Verdict`.

Every verdict says what, the value seen and the limit, and carries the command that mends it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import polars as pl

from crypto_bt.core.candles import resample
from crypto_bt.core.market import Timeframe
from crypto_bt.core.wholeness import (
    AGE_LIMIT,
    AGE_WARNING,
    COVERAGE_MINIMUM,
    GAP_LIMIT,
    Gap,
    Wholeness,
    coverage,
    hours,
)

NAMED_AT_MOST: Final = 5
BACKFILL: Final = "crypto-bt data backfill"


class Severity(StrEnum):
    """How bad a failed verdict is: a warning is reported, an error stops the night."""

    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one check: ``what`` with value and limit, ``mend`` a command, figures to plot."""

    passed: bool
    what: str
    severity: Severity = Severity.ERROR
    mend: str = ""
    figures: Mapping[str, float | int] = field(default_factory=dict)
    table: Sequence[Mapping[str, str]] = ()

    @property
    def text(self) -> str:
        """What a person reads: the finding, and the command that mends it if it failed."""
        return f"{self.what} Repair: {self.mend}" if self.mend and not self.passed else self.what

    def at_home(self, option: str) -> "Verdict":
        """The same verdict whose commands name the home, where ``option`` (`` --home DIR``) is not empty."""
        said = {name: getattr(self, name).replace(BACKFILL, BACKFILL + option) for name in ("what", "mend")}
        return replace(self, **said)


def not_loaded(now: datetime) -> Verdict:
    """The verdict on an empty home: quiet, with the command that loads a year of history."""
    start = now - timedelta(days=365)
    what = "Not loaded yet: this home holds no candles."
    return Verdict(True, f"{what} Load them: {BACKFILL} --start {start:%F}")


def data_age(timeframe: Timeframe, newest_close: datetime | None, now: datetime) -> Verdict:
    """Age of the newest closed candle of the whole feed against the timeframe's two limits."""
    if newest_close is None:
        what = f"No {timeframe} candle is stored that had closed by {now:%Y-%m-%d %H:%M} UTC."
        return Verdict(False, what, mend=backfill_command(timeframe, now - timedelta(days=30), now))
    age, warning, limit = now - newest_close, AGE_WARNING[timeframe], AGE_LIMIT[timeframe]
    seen = f"The newest {timeframe} candle closed {newest_close:%Y-%m-%d %H:%M} UTC, {hours(age)} ago"
    figures = {"data_age_hours": round(age / timedelta(hours=1), 3)}
    if age <= warning:
        return Verdict(True, f"{seen}.", figures=figures)
    severity, which = (Severity.WARN, warning) if age <= limit else (Severity.ERROR, limit)
    return Verdict(
        False,
        f"{seen}, limit {hours(which)}.",
        severity,
        backfill_command(timeframe, newest_close, now),
        figures,
    )


def coverage_of(
    timeframe: Timeframe, judgements: Sequence[Wholeness], now: datetime, minimum: float = COVERAGE_MINIMUM
) -> Verdict:
    """Share of the tradable symbols that are whole, strictly above ``minimum``."""
    result = coverage(judgements, minimum)
    broken = [j for j in judgements if not j.whole]
    share = f"{result.share:.1%}, must be above {minimum:.0%}"
    what = f"{result.whole} of {result.total} symbols are whole ({share})."
    if broken:
        what += f" Not whole: {_some([f'{j.symbol} {j.reason}' for j in broken])}."
    starts = [gap.start for j in broken for gap in j.gaps] or [now - timedelta(days=1)]
    return Verdict(
        result.passes,
        what,
        mend=backfill_command(timeframe, min(starts), now, [j.symbol for j in broken]),
        figures={"coverage": round(result.share, 6), "whole": result.whole, "symbols": result.total},
        table=[{"symbol": j.symbol, "present": f"{j.present}/{j.expected}", "why": j.reason} for j in broken],
    )


def continuity(timeframe: Timeframe, gaps: Sequence[Gap], now: datetime, lookback: timedelta) -> Verdict:
    """Gaps in the stored history: long ones inside ``lookback`` fail, older ones are listed."""
    recent = [gap for gap in gaps if gap.end > now - lookback]
    long = [gap for gap in recent if gap.missing > GAP_LIMIT]
    missing = sum(gap.missing for gap in gaps)
    what = f"{len(gaps)} gaps, {missing} candles missing in the {timeframe} history; {len(recent)} recent."
    if long:
        what += f" Above the limit of {GAP_LIMIT}: {_some([f'{g.symbol} {g.text}' for g in long])}."
    worst = sorted(gaps, key=lambda gap: (-gap.missing, gap.symbol, gap.start))[:50]
    return Verdict(
        not long,
        what,
        Severity.WARN,
        backfill_command(timeframe, min(g.start for g in long), now, [g.symbol for g in long])
        if long
        else "",
        {"gaps": len(gaps), "missing_candles": missing, "recent_gaps": len(recent)},
        [{"symbol": g.symbol, "missing": str(g.missing), "from": f"{g.start:%Y-%m-%d %H:%M}"} for g in worst],
    )


def ohlc_sanity(timeframe: Timeframe, frame: pl.DataFrame, now: datetime) -> Verdict:
    """Stored candles obey low <= open, close <= high, prices above 0, volume >= 0, none missing."""
    o, h, low, c, v = (pl.col(name) for name in ("open", "high", "low", "close", "volume"))
    sane = (low > 0) & (low <= pl.min_horizontal(o, c)) & (h >= pl.max_horizontal(o, c)) & (v >= 0)
    finite = pl.all_horizontal(pl.col("open", "high", "low", "close", "volume").is_finite())
    bad = frame.filter(~(sane & finite).fill_null(False))
    rows = [f"{s} {t:%Y-%m-%d %H:%M}" for s, t in bad.select("symbol", "open_time").iter_rows()]
    what = f"{frame.height} stored {timeframe} candles, {len(rows)} impossible."
    return Verdict(
        not rows,
        f"{what} {_some(rows)}." if rows else what,
        mend=backfill_command(timeframe, bad["open_time"].min(), now) if rows else "",  # type: ignore[arg-type]
        figures={"rows": frame.height, "impossible": len(rows)},
    )


def quarantine(
    timeframe: Timeframe, quarantined: pl.DataFrame, stored: pl.DataFrame, now: datetime
) -> Verdict:
    """Refused rows whose candle is still missing; rows healed by a later answer do not count."""
    open_rows = quarantined.join(stored, on=["symbol", "open_time"], how="anti")
    reasons = open_rows.group_by("reason").len().sort("reason").iter_rows()
    found = [f"{reason}: {count}" for reason, count in reasons]
    what = f"{open_rows.height} refused {timeframe} rows without a good candle since."
    first = open_rows["open_time"].min()
    return Verdict(
        open_rows.is_empty(),
        f"{what} {_some(found)}." if found else what,
        Severity.WARN,
        backfill_command(timeframe, first, now) if isinstance(first, datetime) else "",
        {"quarantined": open_rows.height, "quarantined_ever": quarantined.height},
    )


def revisions(timeframe: Timeframe, revised: pl.DataFrame) -> Verdict:
    """Stored values that the exchange later gave differently; the newer value is what is stored."""
    candles = revised.select("symbol", "open_time").unique(maintain_order=True)
    named = [f"{s} {t:%Y-%m-%d %H:%M}" for s, t in candles.iter_rows()]
    what = f"{candles.height} {timeframe} candles were revised by the exchange."
    return Verdict(
        candles.is_empty(),
        f"{what} {_some(named)}." if named else what,
        Severity.WARN,
        "none needed: the revised values are stored; read them with crypto-bt sql 'from revisions'",
        {"revised_candles": candles.height, "revised_values": revised.height},
    )


def timeframe_consistency(hourly: pl.DataFrame, four_hourly: pl.DataFrame) -> Verdict:
    """Four H1 candles make their H4 candle: open, high, low and close must be equal."""
    pairs = resample(hourly, Timeframe.H4).join(four_hourly, on=["symbol", "open_time"], suffix="_4h")
    differs = pl.any_horizontal(
        (pl.col(name) - pl.col(f"{name}_4h")).abs() > 1e-9 * pl.col(name)
        for name in ("open", "high", "low", "close")
    )
    bad = pairs.filter(differs).select("symbol", "open_time")
    named = [f"{s} {t:%Y-%m-%d %H:%M}" for s, t in bad.iter_rows()]
    what = f"{pairs.height} H4 candles compared with their H1 candles, {len(named)} differ."
    return Verdict(
        not named,
        f"{what} {_some(named)}." if named else what,
        Severity.WARN,
        "crypto-bt data backfill --timeframes 1h,4h for the days named (the exchange itself may disagree)",
        {"compared": pairs.height, "inconsistent": len(named)},
    )


def backfill_command(
    timeframe: Timeframe, start: datetime, now: datetime, symbols: Sequence[str] = ()
) -> str:
    """The command that fetches whole days from ``start`` to ``now`` again."""
    chosen = (
        f" --symbols {','.join(dict.fromkeys(symbols))}" if 0 < len(set(symbols)) <= NAMED_AT_MOST else ""
    )
    days = f"--start {start:%Y-%m-%d} --end {now + timedelta(days=1):%Y-%m-%d}"
    return f"{BACKFILL}{chosen} --timeframes {timeframe} {days}"


def _some(items: Sequence[str]) -> str:
    shown = ", ".join(items[:NAMED_AT_MOST])
    rest = len(items) - NAMED_AT_MOST
    return f"{shown} and {rest} more" if rest > 0 else shown
