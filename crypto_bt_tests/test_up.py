"""``crypto-bt up``: daemon, web server and code server come back from kill -9, and leave nothing behind."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from crypto_bt_tests.command_line import run, start
from crypto_bt_tests.service import Service, suspend
from crypto_bt_tests.test_dev import schedules

PARTS = ("code_server", "daemon", "webserver")


def state(home: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((home / "supervisor.json").read_text())["parts"]
    return told


def wait_until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except (OSError, ValueError, KeyError, psutil.Error):
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)


def of_home(home: Path) -> list[psutil.Process]:
    """Everything that `up` started for this home and that still runs."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get("CRYPTO_BT_UP_OF") == str(home)
            if marked and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_everything_killed_comes_back_and_everything_stopped_is_gone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run("demo", "--symbols", "1", "--days", "3", "--home", str(home))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ("up", "--home", str(home), "--port", str(port))
    process: subprocess.Popen[str] = start(*arguments)
    assert {each["status"] for each in schedules(port).values()} == {"RUNNING"}
    wait_until(lambda: all(state(home)[name]["pid"] for name in PARTS))
    first = {name: state(home)[name]["pid"] for name in PARTS}
    for pid in first.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(state(home)[name]["pid"] not in (None, first[name]) for name in PARTS))
    assert {len(state(home)[name]["restarts"]) for name in PARTS} == {1}
    assert schedules(port)
    second = run(*arguments, code=1)
    assert "in use" in second.stderr or "is taken" in second.stderr

    process.kill()
    process.communicate()
    wait_until(lambda: of_home(home) == [])

    with Service(home, port) as service:
        service.start()
        [night] = sorted(path.stem for path in (home / "results" / "nights").glob("*.json"))[-1:]
        begun = service.begin_night(night)
        suspend(service.night()["night"])
        assert service.status(begun) == "STARTED"
        service.kill_everything()
        assert service.undead() == [begun], "the fault must have left a zombie behind"
        service.start()
        assert service.undead() == []
        assert service.status(begun) == "FAILURE"
        # Its place in the queue is free: the retry that Dagster starts, or a new one, runs to its end.
        service.wait_until(lambda: "SUCCESS" in service.nights_after(begun), 120.0)
        assert service.most_nights == 1
        assert (service.orphans(), service.zombies()) == ([], [])
    assert of_home(home) == []
