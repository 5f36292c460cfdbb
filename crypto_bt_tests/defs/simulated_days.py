"""Days of Dagster's own scheduler, sensors and queue on a clock that a test turns, the machine off at times.

The code location, the daemons' iterations and the runs are Dagster's; only the processes are left out: every
run is executed where it is launched, at the moment that the clock shows.
"""

import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs
from dagster._serdes import ConfigurableClass
from dagster._utils.schedules import cron_string_iterator

from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.catching_up import look
from crypto_bt.defs.resources import Desk
from crypto_bt_tests.defs.desk_home import DeskHome

LOGGER: Final = logging.getLogger("simulated_days")
SCHEDULED, CAUGHT_UP = "scheduled", "caught up"
#: What decides which day is fetched and which night computed; the others have tests of their own.
SCHEDULES: Final = frozenset({"data_update", "intraday_update", "sentiment_macro_update", "nightly_backtest"})
SENSORS: Final = frozenset({"catch_up", "night_catch_up"})
#: From one look of the sensors to the next: after something was launched, and while all is quiet.
SOON, QUIET = timedelta(minutes=6), timedelta(hours=3)
#: Dagster loads code by the name of a module: this one, for the desk that is being simulated.
_LOADED: list[dg.Definitions] = []
#: What runs are executed by: of the desk as it is, whose clock is not this machine's.
_EXECUTED: list[dg.Definitions] = []


@dg.definitions
def crypto_bt() -> dg.Definitions:
    """The definitions of the simulated desk."""
    return _LOADED[-1]


def _definitions(desk: Desk) -> dg.Definitions:
    """What matters of it, every step in this process."""
    every = build_definitions(desk)
    return dg.Definitions(
        assets=every.assets,
        asset_checks=every.asset_checks,
        jobs=every.jobs,
        resources=every.resources,
        executor=dg.in_process_executor,
        schedules=[each for each in every.schedules or () if each.name in SCHEDULES],
        sensors=[each for each in every.sensors or () if each.name in SENSORS],
    )


class InThisProcess(RunLauncher, ConfigurableClass):
    """Executes a run to its end where it is launched."""

    def __init__(self, inst_data: Any = None) -> None:
        self._inst_data = inst_data
        super().__init__()

    @property
    def inst_data(self) -> Any:
        """What Dagster keeps of how this was configured."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing can be configured."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> "InThisProcess":
        """Of the instance's configuration."""
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Execute it."""
        run = context.dagster_run
        execute_run(InMemoryJob(_EXECUTED[-1].resolve_job_def(run.job_name)), run, self._instance)

    def terminate(self, run_id: str) -> bool:
        """Nothing is left to be ended."""
        return False


@dataclass
class Week:
    """What came of the simulated days: runs as (when, job, who asked for it), how often each night was
    ``computed`` and by whom, the nights that a tick of night_catch_up said were ``missed``, what is still
    lacking, and the runs that did not succeed."""

    runs: list[tuple[datetime, str, str]] = field(default_factory=list)
    computed: Counter[tuple[date, str]] = field(default_factory=Counter)
    missed: set[date] = field(default_factory=set)
    lacking: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def times(self, night: date) -> int:
        """How often a night was computed."""
        return sum(count for (day, _), count in self.computed.items() if day == night)


def simulate(home: DeskHome, end: datetime, off: Sequence[tuple[datetime, datetime]]) -> Week:
    """Let the machine work from the clock's time to ``end``, but for the times in ``off`` ([from, to))."""
    # A desk whose clock stands still has its schedules off.
    moving = home.desk.settings.model_copy(update={"FIXED_NOW": None})
    week = Week()
    _LOADED.append(_definitions(replace(home.desk, settings=moving)))
    _EXECUTED.append(_definitions(home.desk))
    try:
        while home.clock.now < end:
            pause = next((till for since, till in off if since <= home.clock.now < till), None)
            if pause is not None:
                home.clock.now = pause
                continue
            until = min([end, *(since for since, _ in off if since > home.clock.now)])
            _work(home, until, week)
        _find(home, week)
        return week
    finally:
        _LOADED.pop()
        _EXECUTED.pop()


def _work(home: DeskHome, until: datetime, week: Week) -> None:
    """From one start of the daemons to their end."""
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
    with _instance(home.desk) as instance, _workspace(instance) as workspace:
        times: dict[str, Any] = {}
        known = instance.get_runs_count()
        while home.clock.now < until:
            with freeze_time(home.clock.now):
                list(launch_scheduled_runs(workspace, LOGGER, home.clock.now, times))
                list(execute_sensor_iteration(workspace, LOGGER, None, None))
                list(daemon.run_iteration(workspace, fixed_iteration_time=home.clock.now.timestamp()))
            week.missed |= _told_missed(instance)
            before, known = known, instance.get_runs_count()
            home.clock.now = min(
                _next_tick(home.clock.now), home.clock.now + (QUIET if known == before else SOON)
            )


def _next_tick(now: datetime) -> datetime:
    """When the next schedule is due."""
    crons = [str(each.cron_schedule) for each in _LOADED[-1].schedules or ()]  # type: ignore[union-attr]
    after = now.timestamp() + 1.0
    return min(next(cron_string_iterator(after, cron, "UTC")) for cron in crons).astimezone(UTC)


@contextmanager
def _instance(desk: Desk) -> Iterator[dg.DagsterInstance]:
    overrides = {
        "run_launcher": {"module": __name__, "class": InThisProcess.__name__},
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
        },
    }
    with dg.DagsterInstance.from_ref(
        InstanceRef.from_dir(str(desk.home.dagster), overrides=overrides)
    ) as instance:
        yield instance


@contextmanager
def _workspace(instance: dg.DagsterInstance) -> Iterator[Any]:
    loaded = LoadableTargetOrigin(executable_path="python", module_name=__name__, attribute="crypto_bt")
    target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(loaded, location_name="crypto_bt"))
    with warnings.catch_warnings():
        # Dagster warns of what it does itself.
        warnings.simplefilter("ignore")
        with create_test_daemon_workspace_context(target, instance) as workspace:
            yield workspace


def _told_missed(instance: dg.DagsterInstance) -> set[date]:
    """The night of which the last tick of night_catch_up said that it was missed; Dagster forgets such ticks
    after a day."""
    for state in instance.all_instigator_state():
        if state.instigator_name == "night_catch_up":
            for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1):
                told = re.match(r"The night of (\S+) was missed", tick.skip_reason or "")
                return {date.fromisoformat(told[1])} if told else set()
    return set()


def _find(home: DeskHome, week: Week) -> None:
    """Runs, and what is still lacking."""
    with _instance(home.desk) as instance:
        for record in instance.get_run_records(ascending=True):
            run = record.dagster_run
            asked = SCHEDULED if "dagster/schedule_name" in run.tags else CAUGHT_UP
            week.runs.append((record.create_timestamp.astimezone(UTC), run.job_name, asked))
            if not run.is_success:
                week.failed.append(f"{run.job_name} of {record.create_timestamp}: {run.status.value}")
            elif run.job_name == "nightly_backtest":
                week.computed[date.fromisoformat(run.tags["dagster/partition"]), asked] += 1
    current = home.desk.store.current()
    if current is not None:
        week.lacking = [str(each) for each in look(home.desk, current.id, home.clock.now, None).ranges]
