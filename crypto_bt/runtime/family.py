"""A process and everything it starts: what they use together, and the end of all of them."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psutil

MB: Final = 1024 * 1024
#: Rounds of killing: whoever was just being started is found in the next.
_ROUNDS: Final = 50


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and all it started use now: ``seconds`` since its start, resident ``memory_mb``,
    ``cpu_seconds`` so far, number of ``processes``."""

    seconds: float
    memory_mb: float
    cpu_seconds: float
    processes: int


class Family:
    """The process ``leader``, which leads a process group, or a ``session`` of its own, with all it started.

    Who loses its parent keeps its group and session, unless it made its own; so those seen once are
    remembered, by number and time of birth.
    """

    def __init__(self, leader: int, *, session: bool) -> None:
        self._leader, self._session = leader, session
        self._known: set[psutil.Process] = set()

    def usage(self) -> Usage:
        """What they use now; zeros when the leader is gone."""
        try:
            leader = psutil.Process(self._leader)
            whole = [leader, *leader.children(recursive=True)]
            age = max(0.0, time.time() - leader.create_time())
        except psutil.Error:
            return Usage(0.0, 0.0, 0.0, 0)
        self._known.update(whole)
        memory = cpu = shared = 0.0
        for each in whole:
            with contextlib.suppress(psutil.Error):
                own = each.memory_info()
                # Libraries that all of them have loaded are in memory once.
                common = getattr(own, "shared", 0)
                memory += own.rss - common
                shared = max(shared, common)
                times = each.cpu_times()
                cpu += times.user + times.system
        return Usage(age, (memory + shared) / MB, cpu, len(whole))

    def kill(self) -> None:
        """Kill them all; none runs any more afterwards."""
        for _ in range(_ROUNDS):
            self.usage()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._leader, signal.SIGKILL)
            alive = [each for each in (*self._known, *self._of_session()) if _runs(each)]
            if not alive:
                return
            for each in alive:
                with contextlib.suppress(psutil.Error):
                    each.kill()
            time.sleep(0.02)

    def _of_session(self) -> Iterator[psutil.Process]:
        if not self._session:
            return
        for pid in psutil.pids():
            with contextlib.suppress(OSError, psutil.Error):
                if os.getsid(pid) == self._leader:
                    yield psutil.Process(pid)


def kill_marked(name: str, value: str) -> int:
    """Kill every process whose environment has ``name`` at ``value``; returns how many there were.

    For what a whole family left behind when it was killed together with whoever watched it.
    """
    found = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(name) == value and _runs(process):
                process.kill()
                found += 1
    return found


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
