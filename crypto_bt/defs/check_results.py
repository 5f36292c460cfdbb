"""From a verdict to what Dagster stores and shows of a check."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.night import knowable_at
from crypto_bt.core.verdict import Severity, Verdict, not_loaded
from crypto_bt.defs.partitions import PARTITION
from crypto_bt.defs.published_files import mark_stale
from crypto_bt.defs.resources import Desk, snapshot_of_run

if TYPE_CHECKING:
    from dagster._core.definitions.asset_checks.asset_check_evaluation import (
        AssetCheckEvaluationTargetMaterializationData,
    )
    from dagster._core.execution.context.system import StepExecutionContext

#: What a check decides of one snapshot at one moment.
Decision = Callable[[Desk, str, datetime], Verdict]
NIGHTLY_JOB: Final = "nightly_backtest"
_SEVERITY: Final = {
    Severity.WARN: dg.AssetCheckSeverity.WARN,
    Severity.ERROR: dg.AssetCheckSeverity.ERROR,
}


class SnapshotCheckResult(dg.AssetCheckResult):
    """A result about the whole snapshot, not about the partition of the run that happens to ask.

    Dagster would tie it to the materialization of the night's day, find a later one, and show the check
    as not evaluated.
    """

    def _get_target_materialization_data(
        self, step_context: "StepExecutionContext", check_key: dg.AssetCheckKey
    ) -> "AssetCheckEvaluationTargetMaterializationData | None":
        return self._get_unpartitioned_target_materialization_data(step_context, check_key.asset_key)


def build_check(
    asset: str, name: str, decide: Decision, *, blocking: bool, about: str
) -> dg.AssetChecksDefinition:
    """The check ``name`` on ``asset``; quiet while the asset's dataset holds nothing."""
    effect = "Blocks the nightly backtest." if blocking else "Reports, never blocks."

    @dg.asset_check(asset=asset, name=name, blocking=blocking, description=f"{about} {effect}")
    def check(context: dg.AssetCheckExecutionContext, desk: dg.ResourceParam[Desk]) -> dg.AssetCheckResult:
        # A late night is judged as it would have been at its cutoff.
        night = night_of(context)
        now = knowable_at(night, desk.clock(), desk.settings.night_time) if night else desk.clock()
        snapshot = snapshot_of_run(context, desk)
        loaded = snapshot is not None and desk.store.snapshot(snapshot).rows(asset) > 0
        verdict = decide(desk, snapshot, now) if snapshot and loaded else not_loaded(now)
        verdict = verdict.at_home(desk.settings.home_option)
        if not verdict.passed:
            context.log.warning(verdict.text)
        if night and blocking and not verdict.passed and verdict.severity is Severity.ERROR:
            # A blocked night leaves the last results in place, marked with their age and the reason.
            mark_stale(desk.results.root, night, f"{asset} {name}: {verdict.text}", desk.clock())
        return as_result(verdict, asset, snapshot)

    return check


def night_of(context: dg.AssetCheckExecutionContext) -> date | None:
    """The night that this run computes; None in every job but the nightly one."""
    night = context.run.tags.get(PARTITION)
    return date.fromisoformat(night) if night and context.run.job_name == NIGHTLY_JOB else None


def as_result(verdict: Verdict, asset: str, snapshot: str | None) -> dg.AssetCheckResult:
    """A verdict as Dagster shows it: text up front, figures as plots, the long table in Markdown."""
    metadata: dict[str, Any] = {**verdict.figures, "snapshot": snapshot or "none"}
    timeframe = DATASETS[asset].timeframe
    if timeframe is not None:
        metadata["timeframe"] = str(timeframe)
    if verdict.mend and not verdict.passed:
        metadata["repair"] = verdict.mend
    if verdict.table:
        metadata["details"] = dg.MetadataValue.md(markdown_table(verdict.table))
    return SnapshotCheckResult(
        passed=verdict.passed,
        severity=_SEVERITY[verdict.severity],
        description=verdict.text,
        metadata=metadata,
    )


def markdown_table(rows: Sequence[Mapping[str, str]]) -> str:
    """``rows`` (all with the same keys) as a Markdown table."""
    head = list(rows[0])
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join(lines + [f"| {' | '.join(row[name] for name in head)} |" for row in rows])
