"""Asset checks on the candle assets: the functions of ``core.quality``, run on the run's snapshot.

They are the first steps of the nightly job, where the blocking ones stop the backtest; the job
data_validation runs them all at 01:00 UTC as an early warning.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
import polars as pl

from crypto_bt.core import quality
from crypto_bt.core.market import STANDARD_TIMEFRAMES, Timeframe
from crypto_bt.core.night import knowable_at
from crypto_bt.core.quality import Severity, Verdict
from crypto_bt.core.wholeness import find_gaps
from crypto_bt.defs.judgement import judge_dataset, stored_candles
from crypto_bt.defs.partitions import PARTITION
from crypto_bt.defs.published_files import mark_stale
from crypto_bt.defs.resources import Desk, snapshot_of_run

if TYPE_CHECKING:
    from dagster._core.definitions.asset_checks.asset_check_evaluation import (
        AssetCheckEvaluationTargetMaterializationData,
    )
    from dagster._core.execution.context.system import StepExecutionContext

#: A check: what it decides of one timeframe on one snapshot at one moment.
Decision = Callable[[Desk, Timeframe, str, datetime], Verdict]


def _data_age(desk: Desk, timeframe: Timeframe, snapshot: str, now: datetime) -> Verdict:
    closed = stored_candles(desk, timeframe, snapshot).filter(pl.col("open_time") + timeframe.delta <= now)
    newest = closed["open_time"].max()
    return quality.data_age(
        timeframe, newest + timeframe.delta if isinstance(newest, datetime) else None, now
    )


def _coverage(desk: Desk, timeframe: Timeframe, snapshot: str, now: datetime) -> Verdict:
    judgement = judge_dataset(desk, timeframe, snapshot, now)
    return quality.coverage_of(timeframe, judgement.symbols, now, desk.settings.COVERAGE_MINIMUM)


def _continuity(desk: Desk, timeframe: Timeframe, snapshot: str, now: datetime) -> Verdict:
    gaps = find_gaps(stored_candles(desk, timeframe, snapshot), timeframe)
    return quality.continuity(timeframe, gaps, now, desk.lookback)


def _ohlc_sanity(desk: Desk, timeframe: Timeframe, snapshot: str, now: datetime) -> Verdict:
    return quality.ohlc_sanity(timeframe, stored_candles(desk, timeframe, snapshot), now)


def _quarantine(desk: Desk, timeframe: Timeframe, snapshot: str, now: datetime) -> Verdict:
    refused = _remarks(desk, "quarantine", timeframe, snapshot, now)
    return quality.quarantine(timeframe, refused, stored_candles(desk, timeframe, snapshot), now)


def _revisions(desk: Desk, timeframe: Timeframe, snapshot: str, now: datetime) -> Verdict:
    return quality.revisions(timeframe, _remarks(desk, "revisions", timeframe, snapshot, now))


def _timeframe_consistency(desk: Desk, timeframe: Timeframe, snapshot: str, now: datetime) -> Verdict:
    def recent(dataset: str) -> pl.DataFrame:
        since = now - desk.lookback
        return desk.store.read(dataset, symbols=desk.settings.SYMBOLS, start=since, at=snapshot)

    return quality.timeframe_consistency(recent(Timeframe.H1.dataset), recent(timeframe.dataset))


def _remarks(desk: Desk, name: str, timeframe: Timeframe, snapshot: str, now: datetime) -> pl.DataFrame:
    rows = desk.store.read(name, start=now - desk.lookback, at=snapshot)
    return rows.filter(pl.col("dataset") == timeframe.dataset)


NIGHTLY_JOB: Final = "nightly_backtest"
ON_EVERY_TIMEFRAME: Final[dict[str, tuple[Decision, bool, str]]] = {
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
TIMEFRAME_CONSISTENCY: Final = (
    _timeframe_consistency,
    False,
    "Four stored H1 candles aggregate to their H4 candle over the look-back.",
)


def _check(
    name: str, timeframe: Timeframe, decision: Decision, blocking: bool, about: str
) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=timeframe.dataset,
        name=name,
        blocking=blocking,
        description=about + (" Blocks the nightly backtest." if blocking else " Reports, never blocks."),
    )
    def check(context: dg.AssetCheckExecutionContext, desk: dg.ResourceParam[Desk]) -> dg.AssetCheckResult:
        # A late night is judged as it would have been at its cutoff.
        night = _night_of(context)
        now = knowable_at(night, desk.clock()) if night else desk.clock()
        snapshot = snapshot_of_run(context, desk)
        loaded = snapshot is not None and desk.store.snapshot(snapshot).rows(timeframe.dataset) > 0
        verdict = decision(desk, timeframe, snapshot, now) if snapshot and loaded else quality.not_loaded(now)
        verdict = verdict.at_home(desk.settings.home_option)
        if not verdict.passed:
            context.log.warning(verdict.text)
        if night and blocking and not verdict.passed and verdict.severity is Severity.ERROR:
            # A blocked night leaves the last results in place, marked with their age and the reason.
            mark_stale(desk.results.root, night, f"{timeframe.dataset} {name}: {verdict.text}", desk.clock())
        return as_result(verdict, timeframe, snapshot)

    return check


def _night_of(context: dg.AssetCheckExecutionContext) -> date | None:
    """The night that this run computes; None in every job but the nightly one."""
    night = context.run.tags.get(PARTITION)
    return date.fromisoformat(night) if night and context.run.job_name == NIGHTLY_JOB else None


class SnapshotCheckResult(dg.AssetCheckResult):
    """A result about the whole snapshot, not about the partition of the run that happens to ask.

    Dagster would tie it to the materialization of the night's day, find a later one, and show the check
    as not evaluated.
    """

    def _get_target_materialization_data(
        self, step_context: "StepExecutionContext", check_key: dg.AssetCheckKey
    ) -> "AssetCheckEvaluationTargetMaterializationData | None":
        return self._get_unpartitioned_target_materialization_data(step_context, check_key.asset_key)


def as_result(verdict: Verdict, timeframe: Timeframe, snapshot: str | None) -> dg.AssetCheckResult:
    """A verdict as Dagster shows it: text up front, figures as plots, the long table in Markdown."""
    metadata: dict[str, Any] = {
        **verdict.figures,
        "timeframe": str(timeframe),
        "snapshot": snapshot or "none",
    }
    if verdict.mend and not verdict.passed:
        metadata["repair"] = verdict.mend
    if verdict.table:
        metadata["details"] = dg.MetadataValue.md(_table(verdict.table))
    return SnapshotCheckResult(
        passed=verdict.passed,
        severity=_SEVERITY[verdict.severity],
        description=verdict.text,
        metadata=metadata,
    )


_SEVERITY: Final = {
    Severity.WARN: dg.AssetCheckSeverity.WARN,
    Severity.ERROR: dg.AssetCheckSeverity.ERROR,
}


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    head = list(rows[0])
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join(lines + [f"| {' | '.join(row[name] for name in head)} |" for row in rows])


CANDLE_CHECKS: Final = [
    *(
        _check(name, timeframe, *how)
        for timeframe in STANDARD_TIMEFRAMES
        for name, how in ON_EVERY_TIMEFRAME.items()
    ),
    _check("timeframe_consistency", Timeframe.H4, *TIMEFRAME_CONSISTENCY),
]
