"""A home of simulated data at work under ``crypto-bt up``, for the benchmarks that look at the whole desk."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from crypto_bt.commands.up import MARK
from crypto_bt.settings import Settings

_SELECTOR = {"repositoryName": "__repository__", "repositoryLocationName": "crypto_bt"}
_LAUNCH = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
_RUN = """query($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } } }"""
_READY = """query($s: RepositorySelector!) { repositoryOrError(repositorySelector: $s) { __typename } }"""
_OVER = ("SUCCESS", "FAILURE", "CANCELED")


def own_environment() -> dict[str, str]:
    """The environment without the caller's settings."""
    return {name: value for name, value in os.environ.items() if name not in Settings.model_fields}


def prepare(home: Path, symbols: int, days: int) -> None:
    """A demo's home: made if it is not there yet."""
    if not (home / "results").is_dir():
        command = [sys.executable, "-m", "crypto_bt", "demo", "--home", str(home)]
        size = ["--symbols", str(symbols), "--days", str(days)]
        subprocess.run([*command, *size], check=True, stdout=subprocess.DEVNULL, env=own_environment())


@dataclass(frozen=True)
class Served:
    """A home whose web server answers on ``port``."""

    home: Path
    port: int

    def ask(self, query: str, **variables: Any) -> Any:
        """What the web server's GraphQL answers."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["data"]

    def wait_until_ready(self, seconds: float = 300.0) -> None:
        """Wait until the definitions are loaded and shown."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, TypeError, KeyError):
                if self.ask(_READY, s=_SELECTOR)["repositoryOrError"]["__typename"] == "Repository":
                    return
            time.sleep(0.5)
        raise TimeoutError(f"crypto-bt up did not answer within {seconds:.0f} s")

    def launch(self, job: str, tags: Mapping[str, str]) -> str:
        """Put a run of ``job`` into the queue; its id."""
        told = [{"key": key, "value": value} for key, value in tags.items()]
        selector = {**_SELECTOR, "jobName": job}
        parameters = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": told}}
        launched = self.ask(_LAUNCH, p=parameters)["launchRun"]
        if launched["__typename"] != "LaunchRunSuccess":
            raise RuntimeError(f"{job} was not launched: {launched}")
        return str(launched["run"]["runId"])

    def wait_for(self, run: str, seconds: float = 900.0) -> None:
        """Wait until the run has succeeded; raises RuntimeError when it has not."""
        deadline = time.monotonic() + seconds
        status = "?"
        while status not in _OVER and time.monotonic() < deadline:
            time.sleep(0.5)
            status = self.ask(_RUN, id=run)["runOrError"]["status"]
        if status != "SUCCESS":
            raise RuntimeError(f"run {run} is {status}; see {self.home}/logs and its events")

    def processes(self) -> list[psutil.Process]:
        """The supervisor's children and all below them, the night's too; without the loopback exchange."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == str(self.home) or _is_of_night(process, self.home):
                    found.append(process)
        return found


def _is_of_night(process: psutil.Process, home: Path) -> bool:
    return bool(process.environ().get("CRYPTO_BT_NIGHT_OF") == str(home))


@contextlib.contextmanager
def up(home: Path, *, own_session: bool) -> Iterator[tuple[Served, "subprocess.Popen[bytes]"]]:
    """``crypto-bt up`` while the block runs: at its beginning it has only just been started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "crypto_bt", "up", "--home", str(home), "--port", str(port)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=own_environment(),
        start_new_session=own_session,
    )  # fmt: skip
    try:
        yield Served(home, port), process
    finally:
        process.terminate()
        process.wait(120)
