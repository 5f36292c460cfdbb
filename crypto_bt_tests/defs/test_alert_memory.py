"""What the alert sensors have told is not told again, however long ago; nor what they chose not to tell."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG
from dagster._daemon.monitoring.run_monitoring import check_run_timeout

from crypto_bt.alerts import AlertOffice, open_alerts
from crypto_bt.alerts.history import KEPT_DAYS
from crypto_bt.core.alert_wiring import Wiring
from crypto_bt.defs import alert_sensors
from crypto_bt.defs.alert_sensors import report_checks, report_runs
from crypto_bt_tests.alerts.samples import Clock

KEY = dg.AssetCheckKey(dg.AssetKey("candles_1h"), "data_age")
DAY = timedelta(days=1)


@dataclass
class Looks:
    """One check, evaluated and looked at; Dagster dates evaluations by the wall clock, so time begins now."""

    office: AlertOffice
    instance: dg.DagsterInstance
    clock: Clock
    cursor: str | None = None

    def evaluate(self, *, passed: bool) -> None:
        """The check has an outcome."""
        self.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(asset_key=KEY.asset_key, check_name=KEY.name, passed=passed)
        )

    def look(self) -> int:
        """A tick; how many words it has led to, each whether it tells of an end."""
        desk: Any = SimpleNamespace(alerts=self.office)
        before = len(self.words)
        _, self.cursor = report_checks([KEY], self.instance, desk, self.cursor)
        return len(self.words) - before

    @property
    def words(self) -> list[bool]:
        """Of all that was to be told, whether it tells of an end."""
        return [word.alert.resolved for word in self.office.history.words(self.clock.now - 99 * DAY)]


class Behind(datetime):
    """A clock that was set back by a day, for which what happened just now lies ahead."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        """A day ago."""
        return datetime.now(tz) - DAY


@pytest.fixture
def looks(tmp_path: Path) -> Iterator[Looks]:
    clock = Clock(datetime.now(UTC))
    with dg.DagsterInstance.ephemeral() as instance:
        yield Looks(open_alerts(tmp_path, Wiring(), clock), instance, clock)


def test_check_that_failed_once_is_not_told_again_when_its_events_are_old(looks: Looks) -> None:
    for passed in (True, False, True):
        looks.evaluate(passed=passed)
        looks.look()
    assert looks.words == [True, False]
    for _ in range(KEPT_DAYS + 5):
        looks.clock.passes(days=1)
        looks.office.history.prune(looks.clock.now)
        looks.evaluate(passed=True)
        assert looks.look() == 0


def test_check_first_seen_long_after_it_failed_is_told_by_its_newest_outcome_alone(looks: Looks) -> None:
    for passed in (True, False, True):
        looks.evaluate(passed=passed)
    for _ in range(3):
        assert looks.look() == 0
        looks.clock.passes(days=1)
        looks.evaluate(passed=True)


def test_check_that_nobody_looked_at_for_long_still_tells_what_stands(looks: Looks) -> None:
    looks.evaluate(passed=True)
    looks.look()
    looks.clock.passes(days=2 * KEPT_DAYS)
    looks.office.history.prune(looks.clock.now)
    looks.evaluate(passed=False)
    assert looks.look() == 1


def test_runs_after_a_clock_was_ahead_are_told_all_the_same(looks: Looks) -> None:
    @dg.job
    def data_update() -> None: ...

    desk: Any = SimpleNamespace(alerts=looks.office)
    ahead = (datetime.now(UTC) + timedelta(days=365)).isoformat()
    _, cursor = report_runs(looks.instance, desk, ahead)
    for _ in range(2):
        run = looks.instance.create_run_for_job(data_update)
        looks.instance.report_run_failed(run, "It broke.")
        said, cursor = report_runs(looks.instance, desk, cursor)
        assert said.startswith("1 ")
    assert cursor is not None
    assert datetime.fromisoformat(cursor) <= datetime.now(UTC)


def test_runs_that_a_clock_ahead_has_dated_do_not_lead_the_next_look_astray(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.job
    def data_update() -> None: ...

    desk: Any = SimpleNamespace(alerts=looks.office)
    run = looks.instance.create_run_for_job(data_update)
    looks.instance.report_run_failed(run, "It broke.")
    with monkeypatch.context() as behind:
        behind.setattr(alert_sensors, "datetime", Behind)
        said, cursor = report_runs(looks.instance, desk, None)
    assert said.startswith("1 ")
    assert cursor is not None
    assert datetime.fromisoformat(cursor) <= Behind.now(UTC)


@pytest.mark.parametrize(("limit", "told"), [("1", 0), ("", 1)])
def test_run_that_was_ended_for_its_time_is_left_to_whoever_tells_that_it_is_late(
    looks: Looks, limit: str, told: int
) -> None:
    @dg.job
    def data_update() -> None: ...

    tags = {MAX_RUNTIME_SECONDS_TAG: limit} if limit else {}
    run = looks.instance.create_run_for_job(data_update, tags=tags)
    start = dg.DagsterEvent(event_type_value="PIPELINE_START", job_name=run.job_name)
    looks.instance.report_dagster_event(start, run.run_id, timestamp=time.time() - 60)
    record = looks.instance.get_run_record_by_id(run.run_id)
    assert record is not None
    with pytest.MonkeyPatch.context() as launcher:
        launcher.setattr(type(looks.instance.run_launcher), "terminate", lambda *_, **__: True)
        check_run_timeout(looks.instance, record, logging.getLogger(), 0.0 if limit else 1.0)
    desk: Any = SimpleNamespace(alerts=looks.office)
    report_runs(looks.instance, desk, None)
    assert len(looks.words) == told
