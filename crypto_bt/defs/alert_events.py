"""What the alert sensors read of Dagster's storage: outcomes of checks, ends of runs, freshness."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    AssetCheckExecutionRecord,
)
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG, RETRY_NUMBER_TAG, WILL_RETRY_TAG

from crypto_bt.core.check_alerts import CheckOutcome
from crypto_bt.core.freshness_alerts import FreshnessChange
from crypto_bt.core.run_alerts import RunEnd
from crypto_bt.defs.partitions import PARTITION, RANGE_END, RANGE_START

#: So many evaluations of a check are looked at, the newest first.
PAGE: Final = 50
#: A run's end may be seen so much later than it is dated.
OVERLAP: Final = timedelta(minutes=10)
#: So long a failed run may lack the note whether it is tried again.
SETTLES: Final = timedelta(minutes=1)
_REPAIR: Final = " Repair: "
#: What Dagster's run monitoring says when it ends a run that takes longer than it may.
_OVERDUE: Final = "exceeding maximum runtime"
_FAILURES: Final = (dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE)
_ENDED: Final = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def check_marks(instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey]) -> dict[str, str]:
    """The state of each check that has any, as text that changes when its newest evaluation does."""
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return {key.to_user_string(): f"{record.id} {record.status.value}" for key, record in latest.items()}


def check_outcomes(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> list[CheckOutcome]:
    """The newest evaluations of a check that have ended."""
    records = instance.event_log_storage.get_asset_check_execution_history(
        key, limit=PAGE, status=COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES
    )
    return [outcome for record in records if (outcome := _outcome(record)) is not None]


def _outcome(record: AssetCheckExecutionRecord) -> CheckOutcome | None:
    evaluation, event = record.evaluation, record.event
    if evaluation is None or event is None:
        return None
    told: Mapping[str, Any] = {name: value.value for name, value in evaluation.metadata.items()}
    command = str(told.get("repair", ""))
    return CheckOutcome(
        number=record.id,
        asset=evaluation.asset_key.to_user_string(),
        name=evaluation.check_name,
        passed=evaluation.passed,
        error=evaluation.severity is dg.AssetCheckSeverity.ERROR,
        blocking=bool(evaluation.blocking),
        what=(evaluation.description or "").partition(_REPAIR)[0],
        command=command,
        worst=_first_row(str(told.get("details", ""))),
        at=datetime.fromtimestamp(event.timestamp, UTC),
        run=record.run_id,
    )


def _first_row(table: str) -> tuple[str, ...]:
    """Symbol, feed, partition, value and limit of the first row of a check's Markdown table."""
    lines = table.split("\n")
    cells = [cell.strip() for cell in lines[2].strip("|").split(" | ")] if len(lines) > 2 else []
    return tuple(cells[:5]) if len(cells) == 6 else ()


def run_ends(instance: dg.DagsterInstance, since: datetime, now: datetime) -> tuple[list[RunEnd], datetime]:
    """The runs that ended after ``since`` less :data:`OVERLAP`, and the time from which to look next.

    Whether a failed run is tried again is noted just after its end: one that ended within
    :data:`SETTLES` before ``now`` (the wall clock's) and lacks the note is left for the next look. The next
    look is never from a later time than ``now``, whatever a clock that was ahead has dated.
    """
    records = instance.get_run_records(
        dg.RunsFilter(statuses=_ENDED, updated_after=since - OVERLAP),
        order_by="update_timestamp",
        ascending=True,
    )
    ends: list[RunEnd] = []
    following = since
    for record in records:
        run, updated = record.dagster_run, record.update_timestamp.astimezone(UTC)
        at = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else updated
        unnoted = run.status is dg.DagsterRunStatus.FAILURE and WILL_RETRY_TAG not in run.tags
        if instance.run_retries_enabled and unnoted and timedelta() <= now - at < SETTLES:
            return ends, following
        following = max(following, min(updated, now))
        ends.append(_end(instance, run, at))
    return ends, following


def _end(instance: dg.DagsterInstance, run: dg.DagsterRun, at: datetime) -> RunEnd:
    success = run.status is dg.DagsterRunStatus.SUCCESS
    why, told_elsewhere = ("", False) if success else _why(instance, run)
    start, end = run.tags.get(RANGE_START, ""), run.tags.get(RANGE_END, "")
    return RunEnd(
        run=run.run_id,
        job=run.job_name,
        success=success,
        at=at,
        why=why,
        partition=run.tags.get(PARTITION) or (f"{start} to {end}" if start else ""),
        attempt=int(run.tags.get(RETRY_NUMBER_TAG, "0")) + 1,
        retried=not success and run.tags.get(WILL_RETRY_TAG) == "true",
        told_elsewhere=told_elsewhere,
        assets=tuple(sorted(key.to_user_string() for key in run.entity_selection or ())),
    )


def _why(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[str, bool]:
    """The first error of a failed run, and whether others tell it: it was ended for its time, or nothing
    failed but blocking checks."""
    kinds = {*_FAILURES, dg.DagsterEventType.PIPELINE_CANCELING}
    overdue = False
    records = instance.get_records_for_run(run.run_id, of_type=kinds).records
    reasons: list[str] = []
    blocked = others = 0
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        if event.event_type is dg.DagsterEventType.PIPELINE_CANCELING:
            # Without a limit of its own nobody calls it late.
            overdue |= _OVERDUE in (event.message or "") and MAX_RUNTIME_SECONDS_TAG in run.tags
            continue
        if not event.is_step_failure:
            reasons.append(event.message or "")
            continue
        data = event.step_failure_data
        by_check = data.error is not None and data.error.cls_name == "DagsterAssetCheckFailedError"
        blocked, others = blocked + by_check, others + (not by_check)
        if not by_check:
            reasons.insert(0, _reason(data))
    why = next((reason for reason in reasons if reason), "it ended without a word.")
    return why, overdue or (bool(blocked) and not others)


def _reason(data: Any) -> str:
    failure = data.user_failure_data
    if failure is not None and failure.description:
        return str(failure.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return str(error.message).strip() if error is not None else ""


def freshness_changes(instance: dg.DagsterInstance, after: int | None) -> list[FreshnessChange]:
    """The changes after the event ``after``; None: from the beginning."""
    records = instance.event_log_storage.get_event_records(
        dg.EventRecordsFilter(event_type=dg.DagsterEventType.FRESHNESS_STATE_CHANGE, after_cursor=after),
        limit=500,
        ascending=True,
    )
    changes = []
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        change: Any = event.event_specific_data
        at = datetime.fromtimestamp(change.state_change_timestamp, UTC)
        state = change.new_state.value.lower()
        changes.append(FreshnessChange(record.storage_id, change.key.to_user_string(), state, at))
    return changes
