"""The supervisor's courier: what is CRITICAL leaves without Dagster, and nothing stops the supervisor."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from crypto_bt.alerts import AlertOffice
from crypto_bt.commands import courier as module
from crypto_bt.commands.courier import Courier
from crypto_bt.core.alerts import Alert
from crypto_bt.core.errors import StoreError
from crypto_bt.simulator.telegram_faults import TelegramFault, TelegramFaultKind
from crypto_bt_tests.alerts.samples import alert, critical, telegram_desk


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_critical_is_sent_at_once_and_a_warning_waits_for_dagster(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        courier = Courier(desk.office, desk.clock).start()
        courier.tell([critical("daemon", "daemon_dead"), alert("hang_restarted", "daemon")])
        until(lambda: desk.telegram.sent)
        courier.stop()
        assert len(desk.texts) == 1
        assert "daemon_dead" in desk.texts[0]
        desk.runs(1)
        assert "hang_restarted" in desk.texts[1]


def test_what_others_reported_is_sent_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.05)
    with telegram_desk(tmp_path) as desk:
        courier = Courier(desk.office, desk.clock).start()
        desk.office.send(critical())
        until(lambda: desk.telegram.sent)
        courier.stop()
        assert len(desk.texts) == 1


def test_telling_returns_at_once_while_telegram_is_slow(tmp_path: Path) -> None:
    with telegram_desk(tmp_path, TelegramFault(TelegramFaultKind.DOWN)) as desk:
        courier = Courier(desk.office, desk.clock).start()
        courier.tell([critical()])
        until(lambda: desk.telegram.faults.fired)
        assert desk.texts == []
        desk.clock.passes(minutes=2)
        courier.tell([])
        courier.stop()
        assert not any(thread.name == "courier" and thread.is_alive() for thread in threading.enumerate())


def test_outbox_that_cannot_be_written_is_said_in_the_log_and_work_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with telegram_desk(tmp_path) as desk:
        (tmp_path / "outbox.db").mkdir()
        courier = Courier(desk.office, desk.clock).start()
        courier.tell([critical("daemon", "daemon_dead")])
        said: list[str] = []

        def is_said() -> bool:
            said.append(capfd.readouterr().err)
            return "57 of 60" in "".join(said)

        until(is_said)
        (tmp_path / "outbox.db").rmdir()
        courier.tell([critical("webserver", "webserver_dead")])
        until(lambda: "webserver_dead" in "".join(desk.texts))
        courier.stop()
        assert "daemon_dead" in desk.texts[0]


def test_alert_that_could_not_be_taken_in_is_sent_when_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order in which they were told, and each once."""
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.05)
    with telegram_desk(tmp_path) as desk:
        refused: list[str] = []
        send = type(desk.office).send

        def locked(office: AlertOffice, alert: Alert, event: str = "") -> None:
            if len(refused) < 3:
                refused.append(alert.cause)
                raise StoreError("The outbox is locked.")
            send(office, alert, event)

        monkeypatch.setattr(type(desk.office), "send", locked)
        courier = Courier(desk.office, desk.clock).start()
        courier.tell([critical("daemon", "daemon_dead"), critical("webserver", "webserver_dead")])
        until(lambda: desk.telegram.sent)
        courier.stop()
    assert refused == ["daemon_dead"] * 3
    text = "".join(desk.texts)
    assert (text.count("daemon_dead"), text.count("webserver_dead")) == (1, 1)
    assert text.index("daemon_dead") < text.index("webserver_dead")


def test_error_of_any_kind_ends_no_courier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.02)
    calls: list[int] = []

    def no_process(command: object, **_: object) -> None:
        calls.append(1)
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(module.subprocess, "run", no_process)
    with telegram_desk(tmp_path) as desk:
        courier = Courier(desk.office, desk.clock, ["deadman"]).start()
        desk.clock.now += timedelta(minutes=5)
        until(lambda: calls)
        courier.tell([critical()])
        until(lambda: desk.telegram.sent)
        courier.stop()
    assert len(desk.texts) == 1


def test_deadman_is_called_every_five_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.02)
    calls: list[list[str]] = []
    monkeypatch.setattr(module.subprocess, "run", lambda command, **_: calls.append(command))
    with telegram_desk(tmp_path) as desk:
        courier = Courier(desk.office, desk.clock, ["deadman", "--home", "x"]).start()
        desk.clock.passes(minutes=4)
        time.sleep(0.2)
        assert calls == []
        desk.clock.now += timedelta(minutes=1)
        until(lambda: calls)
        courier.stop()
    assert len(calls) == 1
    assert calls[0][1:] == ["-m", "crypto_bt", "deadman", "--home", "x"]
