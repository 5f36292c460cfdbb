"""Runs a command under limits of time, memory and number of processes; what exceeds them is killed whole."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

MB: Final = 1024 * 1024
_POLL_SECONDS: Final = 0.1
#: More than any strategy needs, and few enough that a fork bomb is over before it is felt.
PROCESSES: Final = 32
_TAIL: Final = 4_000


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit ``code``, why it was ``stopped`` (a sentence without its subject, such as
    "took longer than 5 minutes"; None: it ended by itself), the last of what it ``complained`` of on standard
    error, and the highest memory seen, ``peak_mb`` (its processes together)."""

    code: int
    stopped: str | None
    complained: str
    peak_mb: float


def run_limited(
    command: Sequence[str], *, env: Mapping[str, str], errors: Path, seconds: float, memory_mb: float
) -> Ended:
    """Run ``command`` in a process group of its own; standard error goes to the file ``errors``.

    Stopped beyond ``seconds`` of time, ``memory_mb`` of resident memory, or :data:`PROCESSES` processes.
    Whatever it started is gone when this returns, also when it is interrupted.
    """
    with errors.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stream,
            env=dict(env),
            process_group=0,
        )
    peak, stopped = 0.0, None
    try:
        until = time.monotonic() + seconds
        while process.poll() is None and stopped is None:
            used, count = usage(process.pid)
            peak = max(peak, used)
            stopped = _exceeded(used, count, memory_mb)
            if stopped is None and time.monotonic() >= until:
                stopped = f"took longer than {seconds / 60:g} minutes"
            if stopped is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_SECONDS)
    finally:
        kill_group(process.pid)
        code = process.wait()
    with errors.open("rb") as written:
        written.seek(max(0, errors.stat().st_size - _TAIL))
        complained = written.read().decode(errors="replace").strip()
    return Ended(code, stopped, complained, peak)


def usage(pid: int) -> tuple[float, int]:
    """Resident memory in MB and number of the process ``pid`` and all it started; 0, 0 when it is gone."""
    try:
        whole = [psutil.Process(pid)]
        whole += whole[0].children(recursive=True)
    except psutil.Error:
        return 0.0, 0
    used = 0
    for each in whole:
        with contextlib.suppress(psutil.Error):
            used += each.memory_info().rss
    return used / MB, len(whole)


def kill_group(leader: int) -> None:
    """Kill every process of the group that ``leader`` leads, and whatever they started outside of it."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(leader).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _exceeded(used: float, count: int, memory_mb: float) -> str | None:
    if count > PROCESSES:
        return f"started {count} processes, more than {PROCESSES}"
    if used > memory_mb:
        return f"used {used:.0f} MB of memory, more than {memory_mb:.0f}"
    return None
