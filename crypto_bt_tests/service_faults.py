"""What can befall a home under ``crypto-bt up`` in the middle of a night: each fault injected, and timed."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from crypto_bt.runtime.processes import is_alive
from crypto_bt_tests.night_faults import Injected
from crypto_bt_tests.service import Service, suspend

#: systemd starts a service again so long after it has failed (deploy/).
SYSTEMD_SECONDS: Final = 5.0
PATIENCE: Final = 400.0


@dataclass
class Desk:
    """A service, and the ``day`` whose night is computed again and again."""

    service: Service
    day: str
    rng: random.Random

    @property
    def result(self) -> Path:
        """What a night that is published leaves."""
        return self.service.root / "results" / "nights" / f"{self.day}.json"

    def begin_night(self) -> str:
        """A night that has no result yet, stopped in the middle; its run."""
        self.result.unlink(missing_ok=True)
        run_id = self.service.begin_night(self.day)
        suspend(self.night)
        time.sleep(self.rng.random())
        assert self.service.status(run_id) == "STARTED"
        return run_id

    @property
    def night(self) -> str:
        """The mark of the night's process."""
        return str(self.service.night()["night"])

    def go_on(self, mark: str) -> None:
        """Let a stopped process go on, if it still is."""
        with suppress(ProcessLookupError):
            os.kill(pid_of(mark), signal.SIGCONT)

    def found(self, began: float, detection: float, *, published: bool = False) -> Injected:
        """What is left, now that everything works again."""
        service = self.service
        recovery = time.monotonic() - began
        service.wait_until(lambda: service.undead() == [], 30.0)
        # A process that has just ended is asked about within seconds.
        service.wait_until(lambda: service.zombies() == [], 30.0)
        return Injected(detection, recovery, len(service.orphans()), int(published))


def worker_killed(desk: Desk) -> Injected:
    """kill -9 of the process that executes the run: its night ends with it, and another one is computed."""
    run_id, night = desk.begin_night(), desk.night
    began = time.monotonic()
    os.kill(pid_of(str(desk.service.night()["worker"])), signal.SIGKILL)
    return _run_is_replaced(desk, run_id, night, began)


def worker_stopped(desk: Desk) -> Injected:
    """SIGSTOP of the process that executes the run, which nobody but the sensor health can see."""
    run_id, night = desk.begin_night(), desk.night
    began = time.monotonic()
    suspend(str(desk.service.night()["worker"]))
    return _run_is_replaced(desk, run_id, night, began)


def code_server_killed(desk: Desk) -> Injected:
    """kill -9 of the code server, from which runs are started, in the middle of one."""
    run_id, night = desk.begin_night(), desk.night
    began, detection = _kill_part(desk.service, "code_server")
    desk.go_on(night)
    desk.service.wait_until(desk.service.works, PATIENCE)
    desk.service.wait_until(lambda: "SUCCESS" in desk.service.nights_after(run_id), PATIENCE)
    return desk.found(began, detection)


def code_server_stopped(desk: Desk) -> Injected:
    """SIGSTOP of the code server: its socket is there, and nothing answers."""
    service, pid = desk.service, desk.service.pid("code_server")
    began = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    detection = service.wait_until(lambda: service.pid("code_server") != pid, PATIENCE)
    service.wait_until(lambda: service.pid("code_server") not in (0, pid), PATIENCE)
    service.wait_until(service.works, PATIENCE)
    return desk.found(began, detection)


def daemon_killed(desk: Desk) -> Injected:
    """kill -9 of Dagster's daemon: a run under way goes on."""
    run_id, night = desk.begin_night(), desk.night
    began, detection = _kill_part(desk.service, "daemon")
    desk.go_on(night)
    desk.service.wait_until(desk.service.works, PATIENCE)
    found = desk.found(began, detection)
    desk.service.wait_until(lambda: "SUCCESS" in desk.service.nights_after(run_id), PATIENCE)
    return found


def webserver_killed(desk: Desk) -> Injected:
    """kill -9 of the web server."""
    began, detection = _kill_part(desk.service, "webserver")
    desk.service.wait_until(desk.service.works, PATIENCE)
    return desk.found(began, detection)


def supervisor_killed(desk: Desk) -> Injected:
    """kill -9 of the supervisor: what it had started ends by itself, and systemd starts it again."""
    service = desk.service
    run_id = desk.begin_night()
    assert service.process is not None
    began = time.monotonic()
    service.process.kill()
    service.process.communicate()
    return _start_again(desk, run_id, began)


def everything_killed(desk: Desk) -> Injected:
    """kill -9 of everything at once, as a power cut does."""
    run_id = desk.begin_night()
    began = time.monotonic()
    desk.service.kill_everything()
    assert desk.service.undead() == [run_id], "the fault must leave a run behind that nobody executes"
    return _start_again(desk, run_id, began)


#: By name; each begins and ends with everything at work.
SERVICE_FAULTS: Final[dict[str, Callable[[Desk], Injected]]] = {
    "kill -9 of the run worker": worker_killed,
    "kill -9 of the code server": code_server_killed,
    "kill -9 of the daemon": daemon_killed,
    "kill -9 of the web server": webserver_killed,
    "kill -9 of the supervisor": supervisor_killed,
    "kill -9 of everything at once": everything_killed,
    "SIGSTOP of the run worker": worker_stopped,
    "SIGSTOP of the code server": code_server_stopped,
}


def pid_of(mark: str) -> int:
    """The number in a mark."""
    return int(mark.partition(":")[0])


def _kill_part(service: Service, part: str) -> tuple[float, float]:
    """When it was killed, and the seconds until the supervisor wrote that it is gone or there again."""
    pid = service.pid(part)
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    detection = service.wait_until(lambda: service.pid(part) != pid, PATIENCE)
    service.wait_until(lambda: service.pid(part) not in (0, pid), PATIENCE)
    return began, detection


def _run_is_replaced(desk: Desk, run_id: str, night: str, began: float) -> Injected:
    service = desk.service
    service.wait_until(lambda: not is_alive(night), PATIENCE)
    service.wait_until(lambda: service.status(run_id) == "FAILURE", PATIENCE)
    detection, published = time.monotonic() - began, desk.result.exists()
    service.wait_until(lambda: "SUCCESS" in service.nights_after(run_id)[:-1], PATIENCE)
    assert desk.result.exists()
    return desk.found(began, detection, published=published)


def _start_again(desk: Desk, run_id: str, began: float) -> Injected:
    service = desk.service
    left = [each for each in service.all() if _is_up(each)]
    psutil.wait_procs(left, timeout=SYSTEMD_SECONDS)
    time.sleep(max(0.0, SYSTEMD_SECONDS - (time.monotonic() - began)))
    detection, published = time.monotonic() - began, desk.result.exists()
    service.start()
    assert service.status(run_id) in ("FAILURE", "CANCELED"), service.status(run_id)
    found = desk.found(began, detection, published=published)
    service.wait_until(lambda: "SUCCESS" in service.nights_after(run_id), PATIENCE)
    return found


def _is_up(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.status() != psutil.STATUS_STOPPED)
    return False
