"""Run one of the jobs on a home's own Dagster instance, in this process.

This is how the command line writes market data and backtests: the same job, the same events, so that
the web UI and the store never disagree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG
from sqlalchemy.exc import SQLAlchemyError

from crypto_bt.core.errors import CryptoBtError, UsageError
from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.dead_runs import PROCESS_TAG, fail_dead_runs
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.runtime.processes import process_mark


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """One asset check of the run."""

    asset: str
    name: str
    passed: bool
    severity: str
    text: str


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What a run did, taken from its events."""

    run_id: str
    success: bool
    why: str
    checks: tuple[CheckOutcome, ...]
    metadata: Mapping[str, Mapping[str, Any]]


def run_job(
    name: str,
    desk: Desk,
    *,
    assets: Sequence[str] | None = None,
    partition: str | None = None,
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> JobOutcome:
    """Run job ``name``, or only ``assets`` of it, on the home of ``desk`` to its end and report.

    A run that fails is reported in the outcome. Raises UsageError when the home has no Dagster yet or
    there is no such partition, CryptoBtError when Dagster's storage fails (a full disk), and
    KeyboardInterrupt when the run was interrupted.
    """
    home = desk.home
    if not (home.dagster / "dagster.yaml").is_file():
        raise UsageError(f"{home.root} is not a home yet.", f"Make it one: crypto-bt init --home {home.root}")
    try:
        # Definitions are resolved inside: Dagster looks for the state of the last instance opened, even
        # when that one is gone.
        with open_instance(home) as instance:
            fail_dead_runs(instance)
            result = _resolved(desk, name, assets).execute_in_process(
                instance=instance,
                partition_key=partition,
                # Whoever runs a job by a command waits for it: a backfill may take hours.
                tags={**(tags or {}), PROCESS_TAG: process_mark(), MAX_RUNTIME_SECONDS_TAG: "0"},
                run_config={**(config or {}), "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )
    except dg.DagsterUnknownPartitionError as error:
        raise UsageError(
            f"There is no day {partition} yet or any more.", str(error).splitlines()[0]
        ) from error
    except SQLAlchemyError as error:
        raise CryptoBtError(
            f"Dagster's storage in {home.dagster} failed: {str(error).splitlines()[0]}.",
            "Is the disk full? Stored market data is whole; free some room and run the command again.",
        ) from error
    if _was_interrupted(result):
        raise KeyboardInterrupt
    checks = tuple(
        CheckOutcome(
            evaluation.asset_key.to_user_string(),
            evaluation.check_name,
            evaluation.passed,
            evaluation.severity.value.lower(),
            evaluation.description or "",
        )
        for evaluation in result.get_asset_check_evaluations()
    )
    return JobOutcome(result.run_id, result.success, _why(result, checks), checks, _metadata(result))


def _resolved(desk: Desk, name: str, assets: Sequence[str] | None) -> dg.JobDefinition:
    job = build_definitions(desk).resolve_job_def(name)
    if assets is None:
        return job
    # A selection of assets would bring their checks along, though the job itself leaves them out.
    keys = {dg.AssetKey(asset) for asset in assets}
    return job.get_subset(asset_selection=keys, asset_check_selection=set())


def open_instance(home: Home) -> dg.DagsterInstance:
    """The home's own Dagster instance; a run in this process keeps no copy of what it prints."""
    quiet = {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
    return dg.DagsterInstance.from_ref(
        InstanceRef.from_dir(str(home.dagster), overrides={"compute_logs": quiet})
    )


def _why(result: dg.ExecuteInProcessResult, checks: Sequence[CheckOutcome]) -> str:
    """Why the run failed: the blocking checks' own words, else the first failed step's error."""
    blocked = [f"{c.asset} {c.name}: {c.text}" for c in checks if not c.passed and c.severity == "error"]
    if result.success or blocked:
        return " ".join(blocked)
    for event in result.all_events:
        if event.is_step_failure:
            error, failure = event.step_failure_data.error, event.step_failure_data.user_failure_data
            if failure is not None and failure.description:
                return failure.description
            while error is not None and error.cause is not None:
                error = error.cause
            return error.message.strip() if error is not None else str(event.message)
    return f"Run {result.run_id} failed before its first step."


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Ctrl-C during a step: Dagster turns it into a failure of the run; the command has to see it too."""
    failures = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    name = dg.DagsterExecutionInterruptedError.__name__
    return any(error is not None and error.cls_name == name for error in failures)


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """Metadata of each asset's last materialization, as plain values."""
    found: dict[str, dict[str, Any]] = {}
    for event in result.all_events:
        if event.is_step_materialization and event.asset_key is not None:
            values = event.step_materialization_data.materialization.metadata
            found[event.asset_key.to_user_string()] = {key: value.value for key, value in values.items()}
    return found
