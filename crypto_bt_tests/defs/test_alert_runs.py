"""Alerts of runs: told first and last, left to the check that stopped them, without any secret."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, RETRY_NUMBER_TAG, ROOT_RUN_ID_TAG

from crypto_bt.core.alerts import AlertSeverity
from crypto_bt.core.errors import SourceUnavailable
from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.execute import open_instance, run_job
from crypto_bt.defs.night_process import ALLOWED_ENVIRONMENT
from crypto_bt.defs.resources import Desk
from crypto_bt.simulator.telegram_faults import TelegramFault, TelegramFaultKind
from crypto_bt_tests.alerts.samples import TOKEN, critical
from crypto_bt_tests.defs.alert_watch import AlertWatch, alert_watch

SYMBOLS = ("BTCUSDT", "ETHUSDT")
EVENING = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two days of two symbols."""
    root = tmp_path_factory.mktemp("loaded") / "home"
    with alert_watch(root, SYMBOLS, EVENING) as watch:
        assert watch.home.update(days=2).success
    return root


@pytest.fixture
def watch(loaded: Path, tmp_path: Path) -> Iterator[AlertWatch]:
    """A copy of it, for one test to spoil."""
    shutil.copytree(loaded, tmp_path / "home")
    with alert_watch(tmp_path / "home", SYMBOLS, EVENING) as made:
        yield made


def causes(watch: AlertWatch) -> list[tuple[str, str, bool]]:
    """Cause, place and whether it is over of all that was to be told loudly."""
    words = reversed(watch.home.desk.alerts.history.words(EVENING - 99 * HOUR))
    return [
        (word.alert.cause, word.alert.where, word.alert.resolved)
        for word in words
        if word.alert.severity is not AlertSeverity.INFO
    ]


def test_blocked_night_is_told_by_its_check_alone(watch: AlertWatch) -> None:
    watch.check()
    watch.told()
    watch.clock.now = EVENING + timedelta(days=1)
    assert not watch.home.night("2026-03-11").success
    watch.told()
    told = {cause for cause, _, _ in causes(watch)}
    assert "data_age" in told
    assert "run_failed" not in told


def refuses(desk: Desk, *, scheduled: bool) -> None:
    """In place of an exchange."""
    raise SourceUnavailable("The exchange is <down> & out.")


def test_run_that_fails_is_told_and_its_recovery(watch: AlertWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Desk, "source", refuses)
        assert not watch.home.update(days=1).success
    [text] = watch.told()
    assert "WARNING run_failed" in text
    assert "A run of data_update of 2026-03-10" in text
    assert "The exchange is <down> & out." in text
    assert watch.told() == []
    assert watch.home.update(days=1).success
    [text] = watch.told()
    assert "RESOLVED run_failed" in text


def end_run(watch: AlertWatch, before: dg.DagsterRun | None, *, success: bool) -> dg.DagsterRun:
    """A run of data_update (a retry of ``before``) whose process died, or which succeeded."""
    job = build_definitions(watch.home.desk).resolve_job_def("data_update")
    tags = {}
    if before is not None:
        attempt = int(before.tags.get(RETRY_NUMBER_TAG, "0")) + 1
        root = before.root_run_id or before.run_id
        tags = {
            RETRY_NUMBER_TAG: f"{attempt}",
            ROOT_RUN_ID_TAG: root,
            PARENT_RUN_ID_TAG: before.run_id,
        }
    with open_instance(watch.home.desk.home) as instance:
        run = instance.create_run_for_job(
            job,
            tags=tags,
            root_run_id=tags.get(ROOT_RUN_ID_TAG),
            parent_run_id=tags.get(PARENT_RUN_ID_TAG),
        )
        if success:
            event = dg.DagsterEvent(event_type_value="PIPELINE_SUCCESS", job_name=run.job_name)
            instance.report_dagster_event(event, run.run_id)
        else:
            instance.report_run_failed(run, "The process of this run ended without finishing it.")
        found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def test_run_whose_process_dies_is_told_first_and_last(watch: AlertWatch) -> None:
    first = end_run(watch, None, success=False)
    [text] = watch.told()
    assert "It is tried again." in text
    second = end_run(watch, first, success=False)
    assert watch.told() == [], "retries are quiet"
    third = end_run(watch, second, success=False)
    [text] = watch.told()
    assert "failed for good after 3 attempts" in text
    assert "ended without finishing" in text
    end_run(watch, third, success=True)
    [text] = watch.told()
    assert "RESOLVED run_failed" in text


def test_run_that_a_retry_saves_is_told_and_its_recovery(watch: AlertWatch) -> None:
    first = end_run(watch, None, success=False)
    end_run(watch, first, success=True)
    text = "\n".join(watch.told())
    assert text.count("WARNING run_failed") == 1
    assert text.count("RESOLVED run_failed") == 1


def test_token_is_in_no_file_of_the_home_but_its_settings(
    watch: AlertWatch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk = watch.home.desk
    watch.telegram.faults.faults = [TelegramFault(kind) for kind in TelegramFaultKind]
    monkeypatch.setattr(Desk, "source", refuses)
    assert not watch.home.update(days=1).success
    assert run_job("alert_digest", desk).success
    desk.alerts.send(critical())
    for _ in range(30):
        watch.clock.now += timedelta(minutes=2)
        watch.tick("alert_outbox")
    assert len(watch.telegram.faults.fired) >= 8, "the faults have shown"
    secret = TOKEN.partition(":")[2].encode()
    holding = [
        str(path.relative_to(desk.home.root))
        for path in desk.home.root.rglob("*")
        if path.is_file() and secret in path.read_bytes()
    ]
    assert holding == [".env"]
    assert secret.decode() not in caplog.text
    assert secret.decode() not in repr(desk)
    assert [name for name in ALLOWED_ENVIRONMENT if "TELEGRAM" in name or "URL" in name] == []
