"""The sensor late_runs on a real instance: told once, resolved, quiet where nothing is wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG
from dagster._core.test_utils import create_run_for_test

from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.execute import open_instance
from crypto_bt.defs.jobs import limit_tags
from crypto_bt.defs.late_runs import build_late_runs_sensor
from crypto_bt.defs.partitions import RANGE_END, RANGE_START
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.settings import load_settings, render_example
from crypto_bt_tests.defs.desk_home import TurnableClock
from crypto_bt_tests.frames import candle_frame

REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("crypto_bt"), "__repository__")
MINUTE = timedelta(minutes=1)


class Watch:
    """A home whose data_validation is switched on, and a clock that begins before its tick."""

    def __init__(self, root: Path) -> None:
        Home(root).prepare(render_example(), {})
        # Runs get their times from the wall clock: the tick in question is yesterday's.
        self.due = datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0) - timedelta(days=1)
        self.clock = TurnableClock(self.due - 3 * MINUTE)
        self.desk = replace(Desk.open(load_settings(root)), clock=self.clock)
        frame = candle_frame([self.due - timedelta(hours=3)])
        self.desk.store.publish({"candles_1h": frame}, source="test", published_by="test", now=self.due)
        self.cursor: str | None = None
        self.switch(InstigatorStatus.RUNNING)
        self.tick()

    def switch(self, status: InstigatorStatus) -> None:
        """The schedule's toggle."""
        origin = RemoteInstigatorOrigin(REPOSITORY, "data_validation")
        data = ScheduleInstigatorData("0 1 * * *", (self.due - timedelta(days=3)).timestamp())
        state = InstigatorState(origin, InstigatorType.SCHEDULE, status, data)
        with open_instance(self.desk.home) as instance:
            known = instance.get_instigator_state(state.instigator_origin_id, state.selector_id)
            (instance.update_instigator_state if known else instance.add_instigator_state)(state)

    def tick(self) -> str:
        """One look, a minute later."""
        self.clock.now += MINUTE
        with open_instance(self.desk.home) as instance:
            context = dg.build_sensor_context(
                instance=instance, resources={"desk": self.desk}, cursor=self.cursor
            )
            result = build_late_runs_sensor(running=True)(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return (
            result.skip_reason.skip_message
            if isinstance(result.skip_reason, dg.SkipReason)
            else str(result.skip_reason)
        )

    def until(self, moment: datetime) -> list[str]:
        """Looks up to ``moment``; what they said."""
        said = []
        while self.clock.now < moment:
            said.append(self.tick())
        return said

    def told(self) -> list[tuple[str, bool]]:
        """Alerts so far."""
        return [
            (alert.cause, alert.resolved) for alert in self.desk.alerts.recent(self.due - timedelta(days=9))
        ]


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


def test_late_runs_tells_of_a_missing_run_once_and_that_it_came(watch: Watch) -> None:
    watch.until(watch.due + 4 * MINUTE)
    before = watch.told()
    said = watch.until(watch.due + 12 * MINUTE)
    assert sum("No run of data_validation has begun" in text for text in said) == 1
    assert watch.told()[len(before) :] == [("late_start", False)]
    with open_instance(watch.desk.home) as instance:
        create_run_for_test(instance, job_name="data_validation")
    watch.tick()
    assert watch.told()[-1] == ("late_start", True)


def test_late_runs_is_silent_about_a_schedule_that_is_switched_off(watch: Watch) -> None:
    watch.switch(InstigatorStatus.STOPPED)
    watch.until(watch.due + 12 * MINUTE)
    assert ("late_start", False) not in watch.told()


def test_jobs_carry_their_limit_of_time(tmp_path: Path) -> None:
    Home(tmp_path).prepare(render_example(), {"DATA_VALIDATION_TIMEOUT_MINUTES": "7"})
    built = build_definitions(Desk.open(load_settings(tmp_path)))
    seconds = {
        name: built.resolve_job_def(name).run_tags.get(MAX_RUNTIME_SECONDS_TAG)
        for name in ("data_update", "data_validation", "sentiment_macro_update", "backup", "nightly_backtest")
    }
    assert list(seconds.values()) == ["900", "420", "600", "1200", "9000"]
    assert {job.name for job in built.jobs or ()} <= {
        name
        for name in (job.name for job in built.jobs or ())
        if MAX_RUNTIME_SECONDS_TAG in built.resolve_job_def(name).run_tags
    }


def test_limit_tags_give_a_range_of_days_a_weeks_time_for_each_week() -> None:
    month = {RANGE_START: "2026-01-01", RANGE_END: "2026-01-30"}
    assert limit_tags(15 * MINUTE, month) == {MAX_RUNTIME_SECONDS_TAG: str(5 * 900)}
    assert limit_tags(15 * MINUTE, {RANGE_START: "BTCUSDT", RANGE_END: "ETHUSDT"}) == {
        MAX_RUNTIME_SECONDS_TAG: "900"
    }
