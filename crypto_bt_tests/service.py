"""A home under ``crypto-bt up``, its processes by name, and what can be done to them."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import dagster as dg
import psutil

from crypto_bt.commands.up import MARK as UP_MARK
from crypto_bt.defs.dead_runs import UNFINISHED, worker_of
from crypto_bt.defs.execute import open_instance
from crypto_bt.defs.heartbeats import DAEMONS, daemon_heartbeats
from crypto_bt.defs.night_watch import MARK as NIGHT_MARK
from crypto_bt.runtime.health_probe import NIGHT_FILE, SUPERVISOR_FILE, read_told
from crypto_bt.runtime.home import Home
from crypto_bt.runtime.processes import is_alive
from crypto_bt_tests.command_line import start
from crypto_bt_tests.test_dev import SELECTOR, ask

PARTS = ("code_server", "daemon", "webserver")
LAUNCH = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""


@dataclass
class Service:
    """The home ``root``, served on ``port``; ``most_nights`` were ever seen at one time."""

    root: Path
    port: int
    process: "subprocess.Popen[str] | None" = None
    most_nights: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Service":
        threading.Thread(target=self._count_nights, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.communicate(timeout=90)
        for process in self.all():
            with suppress(psutil.Error):
                process.kill()

    def start(self) -> float:
        """Start it and wait until it works; the seconds that took."""
        began = time.monotonic()
        self.process = start("up", "--home", str(self.root), "--port", str(self.port))
        self.wait_until(lambda: self.works(datetime.fromtimestamp(time.time(), UTC)), 240.0)
        return time.monotonic() - began

    def works(self, since: datetime | None = None) -> bool:
        """Whether all parts run, the web server knows our jobs, and the daemons beat (after their start)."""
        told = read_told(self.root / SUPERVISOR_FILE)
        if not is_alive(str(told.get("process"))) or not all(self.pid(name) for name in PARTS):
            return False
        query = "query($s: RepositorySelector!) { repositoryOrError(repositorySelector: $s) { __typename } }"
        if ask(self.port, query, {"s": SELECTOR})["repositoryOrError"]["__typename"] != "Repository":
            return False
        begun = datetime.fromisoformat(told["parts"]["daemon"]["started"])
        with open_instance(Home(self.root)) as instance:
            beats = daemon_heartbeats(instance)
        return all(name in beats and beats[name] > begun for name in DAEMONS)

    def pid(self, part: str) -> int:
        """Of a part that runs; 0 where it does not."""
        pid = int(read_told(self.root / SUPERVISOR_FILE)["parts"][part]["pid"] or 0)
        return pid if pid and psutil.pid_exists(pid) else 0

    def launch(self, job: str, tags: Mapping[str, str] | None = None) -> str:
        """Launch a job through the web server, as its button does; the run's id."""
        given = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        params = {"selector": {**SELECTOR, "jobName": job}, "executionMetadata": {"tags": given}}
        told = ask(self.port, LAUNCH, {"p": params})["launchRun"]
        assert told["__typename"] == "LaunchRunSuccess", told
        return str(told["run"]["runId"])

    def begin_night(self, day: str) -> str:
        """Launch a night through the web server; its run id, once its process is at work."""
        before = str(read_told(self.root / NIGHT_FILE).get("night"))
        run_id = self.launch("nightly_backtest", {"dagster/partition": day})

        def at_work() -> bool:
            night = str(read_told(self.root / NIGHT_FILE).get("night"))
            return bool(night) and night != before and is_alive(night)

        self.wait_until(at_work, 120.0)
        return run_id

    def night(self) -> dict[str, Any]:
        """What is written of the night under way: marks of its ``worker`` and of the ``night``."""
        return read_told(self.root / NIGHT_FILE)

    def status(self, run_id: str) -> str:
        """Of a run."""
        with open_instance(Home(self.root)) as instance:
            run = instance.get_run_by_id(run_id)
        return run.status.value if run else "gone"

    def nights_after(self, run_id: str) -> list[str]:
        """Statuses of the runs of the night that began after ``run_id``, and of itself; latest first."""
        with open_instance(Home(self.root)) as instance:
            runs = instance.get_runs(dg.RunsFilter(job_name="nightly_backtest"))
        ids = [run.run_id for run in runs]
        return [run.status.value for run in runs[: ids.index(run_id) + 1]]

    def undead(self) -> list[str]:
        """Runs that are unfinished though no living process executes them."""
        with open_instance(Home(self.root)) as instance:
            runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
        return [run.run_id for run in runs if not is_alive(worker_of(run))]

    def all(self) -> list[psutil.Process]:
        """Everything that works for this home and lives."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                told = process.environ()
                ours = str(self.root) in (told.get(UP_MARK), told.get(NIGHT_MARK))
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def orphans(self) -> list[int]:
        """Processes of this home that the supervisor is no ancestor of."""
        root = self.process.pid if self.process is not None else 0
        found = []
        for process in self.all():
            with suppress(psutil.Error):
                if root not in (parent.pid for parent in process.parents()):
                    found.append(process.pid)
        return found

    def zombies(self) -> list[int]:
        """Processes that ended and that nobody of this home asked about."""
        if self.process is None:
            return []
        with suppress(psutil.Error):
            family = psutil.Process(self.process.pid).children(recursive=True)
            return [each.pid for each in family if each.status() == psutil.STATUS_ZOMBIE]
        return []

    def kill_everything(self) -> None:
        """As a power cut does: no process has a chance to do anything about another's end."""
        for process in self.all():
            with suppress(psutil.Error):
                process.suspend()
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        for process in self.all():
            with suppress(psutil.Error):
                process.kill()
        self.wait_until(lambda: self.all() == [], 30.0)

    def wait_until(self, holds: Callable[[], bool], seconds: float) -> float:
        """The seconds until it holds; AssertionError where it does not in time."""
        began = time.monotonic()
        while True:
            with suppress(OSError, ValueError, KeyError, TypeError, psutil.Error):
                if holds():
                    return time.monotonic() - began
            assert time.monotonic() - began < seconds, f"not within {seconds:.0f} s"
            time.sleep(0.1)

    def _count_nights(self) -> None:
        while not self._over.wait(0.5):
            self.most_nights = max(self.most_nights, self._nights())

    def _nights(self) -> int:
        """A night that is just starting a strategy is two processes of the same command for a moment."""
        found: dict[int, int] = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                marked = process.environ().get(NIGHT_MARK) == str(self.root)
                ended = process.status() == psutil.STATUS_ZOMBIE
                if marked and "crypto_bt.night" in process.cmdline() and not ended:
                    found[process.pid] = process.ppid()
        return sum(parent not in found for parent in found.values())


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def suspend(mark: str) -> None:
    """Stop the process of a mark in the middle of what it does."""
    os.kill(int(mark.partition(":")[0]), signal.SIGSTOP)
