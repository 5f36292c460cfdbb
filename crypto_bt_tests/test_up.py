"""``crypto-bt up``: alerts arrive, what is killed comes back and is told, and nothing is left behind."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil

from crypto_bt_tests.alert_path import home_with_a_hole, run_check, until
from crypto_bt_tests.command_line import run, run_json, start
from crypto_bt_tests.service import free_port
from crypto_bt_tests.test_dev import schedules

PARTS = ("code_server", "daemon", "webserver")


def state(home: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((home / "supervisor.json").read_text())["parts"]
    return told


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


def told(home: Path) -> set[str]:
    """The causes of all that was told in the home."""
    return {word["cause"] for word in run_json("alerts", "list", "--home", str(home))["told"]}


def test_up_tells_what_fails_restarts_what_is_killed_and_leaves_nothing_behind() -> None:
    with home_with_a_hole() as (home, telegram):
        port = free_port()
        arguments = ("up", "--home", str(home), "--port", str(port))
        process: subprocess.Popen[str] = start(*arguments)
        assert {each["status"] for each in schedules(port).values()} == {"RUNNING"}
        run_check(port)
        until(lambda: any("WARNING coverage" in sent.text for sent in telegram.sent))

        until(lambda: all(state(home)[name]["pid"] for name in PARTS))
        first = {name: state(home)[name]["pid"] for name in PARTS}
        for pid in first.values():
            os.kill(pid, signal.SIGKILL)
        until(lambda: all(state(home)[name]["pid"] not in (None, first[name]) for name in PARTS))
        assert {len(state(home)[name]["restarts"]) for name in PARTS} == {1}
        until(lambda: any("ended with code -9" in sent.text for sent in telegram.sent))
        assert {"daemon_dead", "webserver_dead", "code_server_dead"} <= told(home)
        assert schedules(port)
        second = run(*arguments, code=1)
        assert "in use" in second.stderr or "is taken" in second.stderr

        process.kill()
        process.communicate()
        until(lambda: of_home(home) == [])
        with start(*arguments) as again:
            assert {each["status"] for each in schedules(port).values()} == {"RUNNING"}
            until(lambda: "was_down" in told(home))
            again.send_signal(signal.SIGTERM)
            again.communicate(timeout=90)
        assert of_home(home) == []
        with start(*arguments) as stopped_cleanly:
            until(lambda: all(state(home)[name]["pid"] for name in PARTS))
            stopped_cleanly.send_signal(signal.SIGTERM)
            stopped_cleanly.communicate(timeout=90)
        words = run_json("alerts", "list", "--home", str(home))["told"]
        assert [word["cause"] for word in words].count("was_down") == 1
