"""A run that really hangs, in a worker of a real code server: ended, its slot free, its process gone."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.controller import create_daemon_grpc_server_registry
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from crypto_bt.core.late_runs import GRACE, Going, Reported, decide_late
from crypto_bt.defs.dead_runs import UNFINISHED, worker_of
from crypto_bt.defs.late_runs import build_late_runs_sensor, fail_overdue, runs_of_interest
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.runtime.processes import is_alive, kill_process
from crypto_bt.settings import load_settings, render_example

STUCK = "crypto_bt_tests.defs.stuck_jobs"
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as set-up makes it."""
    made = tmp_path_factory.mktemp("stuck")
    Home(made).prepare(render_example(), {})
    return made


@pytest.fixture(scope="module")
def context(root: Path) -> Iterator[WorkspaceProcessContext]:
    """A code server that knows the stuck jobs, on that home."""
    target = ModuleTarget(STUCK, "defs", str(ROOT), "stuck")
    with (
        dg.DagsterInstance.from_config(str(root / "dagster")) as instance,
        create_daemon_grpc_server_registry(instance) as registry,
    ):
        with WorkspaceProcessContext(instance, target, grpc_server_registry=registry) as opened:
            yield opened
        # A test that failed leaves its worker, and a server waits for its workers.
        for run in instance.get_runs():
            kill_process(worker_of(run))
        registry.shutdown_all_processes()
        registry.wait_for_processes()


def until(seen: Callable[[], bool], what: str) -> None:
    """Wait for ``seen``, which must come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not seen():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)


def launched(context: WorkspaceProcessContext, job: str) -> str:
    """The id of a run of ``job`` that is in its step."""
    instance, request = context.instance, context.create_request_context()
    location = request.get_code_location("stuck")
    [repository] = location.get_repositories().values()
    remote = repository.get_full_job(job)
    plan = location.get_execution_plan(remote, {}, step_keys_to_execute=None, known_state=None)
    run = instance.create_run(
        job_name=job,
        run_id=None,
        run_config={},
        status=dg.DagsterRunStatus.NOT_STARTED,
        tags=dict(remote.run_tags),
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=None,
        execution_plan_snapshot=plan.execution_plan_snapshot,
        job_snapshot=remote.job_snapshot,
        parent_job_snapshot=None,
        asset_selection=None,
        asset_check_selection=None,
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=remote.get_remote_origin(),
        job_code_origin=remote.get_python_origin(),
        asset_graph=repository.asset_graph,
    )
    instance.launch_run(run.run_id, request)
    until(lambda: bool(worker_of(state_of(instance, run.run_id))), "the step")
    return run.run_id


def state_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    """The run as it is now."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run


def monitored(context: WorkspaceProcessContext) -> None:
    """One pass of Dagster's own run monitoring, as the daemon makes it every 30 s."""
    assert [
        error for error in execute_run_monitoring_iteration(context, logging.getLogger("test")) if error
    ] == []


@pytest.mark.parametrize(("job", "ends_by_itself"), [("listening", True), ("deaf", False)])
def test_a_stuck_run_is_ended_and_nothing_of_it_stays(
    context: WorkspaceProcessContext, root: Path, job: str, ends_by_itself: bool
) -> None:
    instance = context.instance
    run_id = launched(context, job)
    worker = worker_of(state_of(instance, run_id))
    monitored(context)
    assert state_of(instance, run_id).status is dg.DagsterRunStatus.STARTED, "within its time"
    until(lambda: seconds_since_start(instance, run_id) > 2.2, "its time")
    monitored(context)
    assert instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) == [], "it holds no slot"
    if ends_by_itself:
        until(lambda: not is_alive(worker), "the worker's end")
    else:
        time.sleep(3.0)
        assert is_alive(worker), "the fault did not fire: the step heard the interrupt"
    now = datetime.now(UTC)
    soon = decide_late([], watched(instance, run_id, now), Reported(), now, now)
    later = now + GRACE
    found = decide_late([], watched(instance, run_id, later), soon.reported, now, later)
    assert soon.kill == []
    assert found.kill == ([] if ends_by_itself else [run_id])
    assert [alert.what for alert in soon.alerts] == (
        [f"Run {run_id[:8]} of {job} takes longer than 0 min, and is stopped."]
    )
    said = looked(context, root, later)
    assert f"Run {run_id[:8]} of {job} takes longer" in said
    until(lambda: not is_alive(worker), "the worker's end")
    last = decide_late([], watched(instance, run_id, later), found.reported, now, later)
    assert last.kill == []
    assert state_of(instance, run_id).status is dg.DagsterRunStatus.FAILURE, "nobody cancelled it"


def looked(context: WorkspaceProcessContext, root: Path, now: datetime) -> str:
    """One look of the sensor itself at ``now``."""
    desk = replace(Desk.open(load_settings(root)), clock=lambda: now)
    result = build_late_runs_sensor(running=True)(
        dg.build_sensor_context(instance=context.instance, resources={"desk": desk})
    )
    assert isinstance(result, dg.SensorResult)
    assert {alert.cause for alert in desk.alerts.recent(now - GRACE * 9)} == {"job_late"}
    return str(result.skip_reason)


def watched(instance: dg.DagsterInstance, run_id: str, now: datetime) -> list[Going]:
    """What the sensor sees of a run."""
    return [run for run, _ in runs_of_interest(instance, now) if run.run == run_id]


def seconds_since_start(instance: dg.DagsterInstance, run_id: str) -> float:
    """How long a run has been going."""
    record = instance.get_run_record_by_id(run_id)
    assert record is not None
    return time.time() - (record.start_time or time.time())


def test_a_run_whose_worker_wrote_cancelled_over_its_failure_counts_as_failed(
    context: WorkspaceProcessContext,
) -> None:
    instance = context.instance
    run_id = launched(context, "deaf")
    until(lambda: seconds_since_start(instance, run_id) > 2.2, "its time")
    monitored(context)
    instance.report_run_canceled(state_of(instance, run_id))
    assert state_of(instance, run_id).status is dg.DagsterRunStatus.CANCELED, "the fault did not fire"
    now = datetime.now(UTC)
    found = decide_late([], watched(instance, run_id, now), Reported(), now, now)
    fail_overdue(instance, found.fail)
    assert state_of(instance, run_id).status is dg.DagsterRunStatus.FAILURE
    kill_process(worker_of(state_of(instance, run_id)))
