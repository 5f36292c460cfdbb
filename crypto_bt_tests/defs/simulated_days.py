"""Days of Dagster's own scheduler, sensors and queue on a clock that a test turns, the machine off at times.

The code location, the daemons' iterations and the runs are Dagster's; only the processes are left out: every
run is executed where it is launched, at the moment that the clock shows.
"""

import logging
import re
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition.valid_definitions import SINGLETON_REPOSITORY_NAME
from dagster._core.execution.api import execute_run
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.scheduler.instigation import InstigatorType
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs
from dagster._serdes import ConfigurableClass

from crypto_bt.core.night import cutoff_of
from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.catching_up import look
from crypto_bt.defs.resources import Desk
from crypto_bt.settings_desk import CATCH_UP_FOR
from crypto_bt_tests.defs.desk_home import DeskHome
from crypto_bt_tests.defs.healthy_days import ticks

LOGGER: Final = logging.getLogger("simulated_days")
SCHEDULED, CAUGHT_UP = "scheduled", "caught up"
#: The sensors that start runs of the jobs which fetch, back up and compute.
NIGHT_SENSOR: Final = "night_catch_up"
STARTING: Final = ("catch_up", NIGHT_SENSOR, "backup_due")
#: Loaded before the machine's first day.
LOADED_DAYS: Final = 7
#: A little more than the longest interval between two ticks of a sensor that starts runs.
SENSORS_TURN: Final = timedelta(minutes=5, seconds=1)
#: Dagster loads code by the name of a module: this one, with the code of the desk that is being simulated.
_CODE: list["Code"] = []


@dataclass(frozen=True)
class Code:
    """The definitions of a desk, built once: ``loaded`` with its schedules and sensors on, as its clock does
    not stand still; ``run`` without a comparison of that clock with the machine's."""

    loaded: dg.Definitions
    run: dg.Definitions

    @classmethod
    def of(cls, desk: Desk) -> "Code":
        """Of ``desk``, whose FIXED_NOW is set."""
        moving = desk.settings.model_copy(update={"FIXED_NOW": None})
        return cls(build_definitions(replace(desk, settings=moving)), build_definitions(desk))


@dg.definitions
def crypto_bt() -> dg.Definitions:
    """The definitions of the simulated desk."""
    return _CODE[-1].loaded


class InThisProcess(RunLauncher, ConfigurableClass):
    """Executes a run to its end where it is launched."""

    def __init__(self, inst_data: Any = None) -> None:
        self._inst_data = inst_data
        super().__init__()  # type: ignore[no-untyped-call]

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
        execute_run(InMemoryJob(_CODE[-1].run.resolve_job_def(run.job_name)), run, self._instance)

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


def simulate(
    home: DeskHome,
    end: datetime,
    off: Sequence[tuple[datetime, datetime]],
    sensors: Collection[str] | None = None,
) -> Week:
    """Load the last days, and let the machine work from the clock's time to ``end``, but for the times in
    ``off`` ([from, to)).

    ``sensors``: those that are on; None is all.
    """
    with freeze_time(home.clock.now):
        home.update(days=LOADED_DAYS)
    week = Week()
    _CODE.append(Code.of(home.desk))
    try:
        while home.clock.now < end:
            pause = next((till for since, till in off if since <= home.clock.now < till), None)
            if pause is not None:
                home.clock.now = min(pause, end)
                continue
            until = min([end, *(since for since, _ in off if since > home.clock.now)])
            week.missed |= _work(home, until, sensors)
        return _found(home, week)
    finally:
        _CODE.pop()


def expected(
    begins: datetime, end: datetime, off: Sequence[tuple[datetime, datetime]]
) -> dict[date, str | None]:
    """How each night that is due between the two is to be computed: at its time, caught up within the default
    window because the machine was off then, or (None) not at all, as it was off for the whole of it."""
    found: dict[date, str | None] = {}
    night = begins.date()
    while (due := cutoff_of(night)) < end:
        pause = next((till for since, till in off if since <= due < till), None)
        closes = due + CATCH_UP_FOR
        if due >= begins:
            found[night] = SCHEDULED if pause is None else CAUGHT_UP if pause < closes else None
        night += timedelta(days=1)
    return found


def _work(home: DeskHome, until: datetime, sensors: Collection[str] | None) -> set[date]:
    """From one start of the daemons to their end; the nights that were said to be missed."""
    missed: set[date] = set()
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
    with _instance(home.desk) as instance, _workspace(instance) as workspace:
        if sensors is not None:
            _switch_off_but(sensors, instance, workspace)
        times: dict[str, Any] = {}
        busy = True
        while home.clock.now < until:
            before = instance.get_runs_count()
            with freeze_time(home.clock.now):
                list(launch_scheduled_runs(workspace, LOGGER, home.clock.now, times))
                list(execute_sensor_iteration(workspace, LOGGER, None, None))
                list(daemon.run_iteration(workspace, fixed_iteration_time=home.clock.now.timestamp()))
            missed |= _said_to_be_missed(instance)
            began, busy = busy, instance.get_runs_count() > before
            # While something happens the sensors get their turns; else nothing will until a schedule's time.
            soon = home.clock.now + SENSORS_TURN
            due = ticks(home.clock.now + timedelta(seconds=1), home.clock.now + timedelta(hours=3))[0][0]
            home.clock.now = min(until, due, soon if began or busy else due)
    return missed


def _switch_off_but(kept: Collection[str], instance: dg.DagsterInstance, workspace: Any) -> None:
    [location] = workspace.create_request_context().code_locations
    for sensor in location.get_repository(SINGLETON_REPOSITORY_NAME).get_sensors():
        if sensor.name not in kept:
            instance.stop_sensor(sensor.get_remote_origin_id(), sensor.selector_id, sensor)


@contextmanager
def _instance(desk: Desk) -> Iterator[dg.DagsterInstance]:
    overrides = {
        "run_launcher": {"module": __name__, "class": InThisProcess.__name__},
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
        },
    }
    ref = InstanceRef.from_dir(str(desk.home.dagster), overrides=overrides)
    # Each tick of a schedule or sensor opens the instance anew: for all of them it is this one.
    with (
        dg.DagsterInstance.from_ref(ref) as instance,
        patch.object(dg.DagsterInstance, "from_ref", lambda ref: nullcontext(instance)),
    ):
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


def _said_to_be_missed(instance: dg.DagsterInstance) -> set[date]:
    """The night of which the sensor's newest tick said so; Dagster keeps such ticks for two days only."""
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        if state.instigator_name == NIGHT_SENSOR:
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
            told = [re.match(r"The night of (\S+) was missed", tick.skip_reason or "") for tick in ticks]
            return {date.fromisoformat(each[1]) for each in told if each}
    return set()


def _found(home: DeskHome, week: Week) -> Week:
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
    return week
