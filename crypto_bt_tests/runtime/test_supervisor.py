"""The supervisor on processes of its own: started in order, restarted, given up, stopped, nothing left."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from crypto_bt.core.restarts import MOST
from crypto_bt.runtime import supervisor as module
from crypto_bt.runtime.notify import notify
from crypto_bt.runtime.steady_clock import SteadyClock
from crypto_bt.runtime.supervisor import Event, Part, Running, Supervisor

FOREVER = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"


class FastClock:
    """Runs a hundred times as fast as the wall clock."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    @staticmethod
    def seconds() -> float:
        return 100 * time.monotonic()

    def __call__(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=100 * (time.monotonic() - self.began))


def part(folder: Path, name: str, code: str) -> Part:
    return Part(name, [sys.executable, "-c", code], folder, folder / f"{name}.log", dict(os.environ))


def supervised(
    parts: Sequence[Part], until: Callable[[list[Event], Sequence[Running]], bool]
) -> tuple[list[Event], list[int]]:
    """Supervise until so; what went wrong, and the numbers of all processes there were."""
    events: list[Event] = []
    pids: set[int] = set()

    def look(running: Sequence[Running]) -> None:
        pids.update(each.process.pid for each in running if each.process)
        for pid in list(pids):
            try:
                pids.update(child.pid for child in psutil.Process(pid).children(recursive=True))
            except psutil.Error:
                continue
        if until(events, running):
            threading.Timer(0.0, os.kill, (os.getpid(), signal.SIGTERM)).start()

    def tell(event: Event) -> None:
        if event.kind != "well":
            events.append(event)

    Supervisor(parts, FastClock(), tell, look).run()
    return events, sorted(pids)


def alive(pids: Sequence[int]) -> list[int]:
    return [
        pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    ]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code at a pace for tests; the handlers of signals are put back."""
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(module, "STOP_SECONDS", 1.0)


@pytest.fixture(autouse=True)
def handlers() -> "object":
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_parts_start_in_order_each_when_the_one_before_is_ready(tmp_path: Path) -> None:
    mark = tmp_path / "ready"
    first = replace(
        part(tmp_path, "first", f"import time; time.sleep(0.3); open({str(mark)!r}, 'w'); time.sleep(600)"),
        ready=mark.exists,
    )
    second = part(
        tmp_path, "second", f"import os; print(os.path.exists({str(mark)!r}), flush=True); {FOREVER}"
    )
    log = tmp_path / "second.log"
    events, pids = supervised([first, second], lambda _, __: log.exists() and log.read_text() != "")
    assert log.read_text().splitlines()[0] == "True"
    assert events == []
    assert alive(pids) == []


def test_part_that_is_killed_is_started_again_and_the_others_are_left_alone(tmp_path: Path) -> None:
    killed: list[int] = []

    def until(events: list[Event], running: Sequence[Running]) -> bool:
        one, other = running
        assert other.restarts == []
        if not killed and one.process:
            killed.append(one.process.pid)
            os.kill(one.process.pid, signal.SIGKILL)
        return bool(one.restarts) and one.process is not None

    parts = [part(tmp_path, "one", FOREVER), part(tmp_path, "other", FOREVER)]
    events, pids = supervised(parts, until)
    assert [(event.part, event.kind) for event in events] == [("one", "ended"), ("one", "restarted")]
    assert alive(pids) == []


def test_part_that_ends_at_once_is_given_up_after_four_restarts_and_the_other_runs_on(tmp_path: Path) -> None:
    def until(events: list[Event], running: Sequence[Running]) -> bool:
        assert running[1].process is None or running[1].process.poll() is None
        return running[0].given_up

    parts = [part(tmp_path, "broken", "raise SystemExit(3)"), part(tmp_path, "other", FOREVER)]
    events, _ = supervised(parts, until)
    assert [event.kind for event in events if event.part == "broken"].count("restarted") == MOST
    assert events[-1].kind == "given_up"
    assert "ended with code 3" in events[0].text


def test_part_that_no_longer_answers_is_ended_with_its_children_and_started_again(tmp_path: Path) -> None:
    silent = replace(part(tmp_path, "silent", PARENT), probe=lambda: False)
    events, pids = supervised([silent], lambda events, _: len(events) >= 2)
    assert [event.kind for event in events[:2]] == ["hung", "restarted"]
    assert alive(pids) == []


def test_stop_kills_who_does_not_end_when_asked(tmp_path: Path) -> None:
    parts = [part(tmp_path, "stubborn", STUBBORN), part(tmp_path, "parent", PARENT)]
    _, pids = supervised(parts, lambda _, running: all(each.process for each in running))
    assert len(pids) >= 2
    assert alive(pids) == []


def test_parts_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = f"""
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from crypto_bt.runtime.supervisor import Part, Supervisor
parts = [Part("one", [sys.executable, "-c", {FOREVER!r}], Path.cwd(), Path("one.log"), dict(os.environ))]
def beat(running):
    print(running[0].process.pid if running[0].process else 0, flush=True)
Supervisor(parts, lambda: datetime.now(UTC), print, beat).run()
"""
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
    deadline = time.monotonic() + 20.0
    while alive([pid]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive([pid]) == []


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_where_it_asked_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool
) -> None:
    name = f"@crypto-bt-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind("\0" + name[1:] if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        assert notify("WATCHDOG=1")
        assert channel.recv(100) == b"WATCHDOG=1"


def test_nobody_is_told_where_nobody_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not notify("READY=1")


def test_part_is_well_once_it_has_run_a_minute_and_answered_and_again_after_a_restart(tmp_path: Path) -> None:
    events: list[Event] = []
    killed: list[int] = []

    def look(running: Sequence[Running]) -> None:
        kinds = [event.kind for event in events]
        process = running[0].process
        if "well" in kinds and not killed and process:
            killed.append(process.pid)
            os.kill(process.pid, signal.SIGKILL)
        if kinds.count("well") == 2:
            threading.Timer(0.0, os.kill, (os.getpid(), signal.SIGTERM)).start()

    answering = replace(part(tmp_path, "one", FOREVER), probe=lambda: True)
    Supervisor([answering], FastClock(), events.append, look).run()
    assert [event.kind for event in events] == ["well", "ended", "restarted", "well"]


def test_part_that_cannot_be_started_counts_as_ended_and_the_others_run(tmp_path: Path) -> None:
    (tmp_path / "one.log").mkdir()

    def until(events: list[Event], running: Sequence[Running]) -> bool:
        if events and (tmp_path / "one.log").is_dir():
            (tmp_path / "one.log").rmdir()
        return running[0].process is not None and running[1].process is not None

    events, pids = supervised([part(tmp_path, "one", FOREVER), part(tmp_path, "other", FOREVER)], until)
    *failed, last = events
    assert {(event.part, event.kind) for event in failed} == {("one", "ended")}
    assert all("could not be started" in event.text for event in failed)
    assert (last.part, last.kind) == ("one", "restarted")
    assert alive(pids) == []


def test_part_that_is_never_ready_is_ended_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READY_WITHIN", timedelta(seconds=30))
    never = replace(part(tmp_path, "never", FOREVER), ready=lambda: False)
    events, pids = supervised([never, part(tmp_path, "other", FOREVER)], lambda events, _: len(events) >= 2)
    assert [(event.part, event.kind) for event in events] == [("never", "hung"), ("never", "restarted")]
    assert "not ready within 30 s" in events[0].text
    assert alive(pids) == []


def test_state_that_cannot_be_written_is_told_once_and_nothing_ends(tmp_path: Path) -> None:
    events: list[Event] = []
    beats: list[bool] = []

    def beat(running: Sequence[Running]) -> None:
        beats.append(running[0].process is not None and running[0].process.poll() is None)
        if len(beats) in (2, 3, 4):
            raise OSError(28, "No space left on device")
        if len(beats) == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    Supervisor([part(tmp_path, "one", FOREVER)], FastClock(), events.append, beat).run()
    told = [(event.part, event.kind) for event in events if event.kind != "well"]
    assert told == [(module.ITSELF, "unwritten"), (module.ITSELF, "written")]
    assert all(beats[:6])


def test_clock_that_is_set_ahead_ends_nobody(tmp_path: Path) -> None:
    """By the wall clock nobody has answered for an hour; by the steady one, for a moment."""
    events: list[Event] = []
    wall = [datetime(2026, 11, 22, tzinfo=UTC)]
    steady = SteadyClock(lambda: wall[0], FastClock.seconds)
    looks: list[datetime] = []

    def beat(running: Sequence[Running]) -> None:
        looks.append(steady())
        wall[0] += timedelta(hours=1)
        if looks[-1] - looks[0] > timedelta(seconds=60):
            os.kill(os.getpid(), signal.SIGTERM)

    answering = replace(part(tmp_path, "one", FOREVER), probe=lambda: True)
    Supervisor([answering], steady, events.append, beat).run()
    assert wall[0] - datetime(2026, 11, 22, tzinfo=UTC) > timedelta(hours=2)
    assert [event.kind for event in events if event.kind != "well"] == []


def test_who_answered_once_is_given_less_time_than_who_is_still_starting(tmp_path: Path) -> None:
    answers = iter([True])
    silent = replace(part(tmp_path, "one", FOREVER), probe=lambda: next(answers, False))
    events, _ = supervised([silent], lambda events, _: len(events) >= 3)
    assert "did not answer for 120 s" in events[0].text
    assert "did not answer for 300 s" in events[2].text
