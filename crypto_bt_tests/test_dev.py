"""``crypto-bt dev``: the web UI on a demo home, its toggles over a restart, and nothing left running."""

import json
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from crypto_bt_tests.command_line import run, start

SELECTOR = {"repositoryName": "__repository__", "repositoryLocationName": "crypto_bt"}
STATES = """query($s: RepositorySelector!) { schedulesOrError(repositorySelector: $s) { ... on Schedules {
  results { name scheduleState { id selectorId status } } } } }"""
STOP = "mutation($id: String!) { stopRunningSchedule(id: $id) { __typename } }"


def ask(port: int, query: str, variables: dict[str, Any]) -> Any:
    """The data that the web server's GraphQL answers."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


def schedules(port: int) -> dict[str, dict[str, str]]:
    """State of each schedule by name; waits until the web server answers."""
    deadline = time.monotonic() + 120
    while True:
        try:
            found = ask(port, STATES, {"s": SELECTOR})["schedulesOrError"].get("results")
            if found:
                return {item["name"]: item["scheduleState"] for item in found}
        except OSError:
            pass
        assert time.monotonic() < deadline, "the web server did not answer"
        time.sleep(1)


@contextmanager
def served(home: Path, port: int) -> Iterator[None]:
    """The web UI while the block runs; afterwards none of its processes may live."""
    process: subprocess.Popen[str] = start("dev", "--home", str(home), "--port", str(port))
    with process:
        try:
            yield
        finally:
            family = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    _, alive = psutil.wait_procs(family, timeout=30)
    assert len(family) >= 3
    assert alive == []


def test_dev_toggle_survives_a_restart_and_nothing_is_left_running(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run("demo", "--symbols", "1", "--days", "3", "--home", str(home))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with served(home, port):
        before = schedules(port)
        assert {state["status"] for state in before.values()} == {"RUNNING"}
        ask(port, STOP, {"id": before["data_validation"]["id"]})
        second = run("demo", "--symbols", "1", "--days", "3", "--home", str(home), code=1)
        assert "is in use by crypto-bt dev" in second.stderr
    with served(home, port):
        after = {name: state["status"] for name, state in schedules(port).items()}
    assert after.pop("data_validation") == "STOPPED"
    assert set(after.values()) == {"RUNNING"}
