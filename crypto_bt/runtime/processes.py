"""Processes: which one this is, whether another still lives, and dying together with a parent."""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

import psutil

from crypto_bt.runtime.uptime import UNKNOWN_BOOT, since_boot

_PR_SET_PDEATHSIG = 1


def process_mark() -> str:
    """This process as ``pid:start time:boot``: unlike a bare pid it never means another process later on."""
    return mark_of(os.getpid())


def mark_of(pid: int) -> str:
    """The mark of the running process ``pid``; empty where there is none, or only its zombie."""
    try:
        process = psutil.Process(pid)
        # A zombie does nothing any more; its parent only has not asked for its exit code.
        return "" if process.status() == psutil.STATUS_ZOMBIE else _mark(process)
    except (psutil.Error, OSError):
        return ""


def is_alive(mark: str) -> bool:
    """Whether the process of a :func:`process_mark` still runs; false for anything that is no mark."""
    pid = mark.partition(":")[0]
    return bool(pid) and pid.isdecimal() and mark_of(int(pid)) == mark


def kill_marked_process(mark: str) -> bool:
    """Kill the process of a :func:`process_mark`; returns whether it was still there."""
    if not is_alive(mark):
        return False
    try:
        psutil.Process(int(mark.partition(":")[0])).kill()
    except psutil.Error:
        return False
    return True


def kill_process(mark: str) -> None:
    """Kill the process of a :func:`process_mark`, if it still is that one."""
    if is_alive(mark):
        with contextlib.suppress(psutil.Error):
            psutil.Process(int(mark.partition(":")[0])).kill()


def interrupted_with_parent() -> None:
    """In a child just forked: take Ctrl-C normally, and get it when the parent dies (on Linux)."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _mark(process: psutil.Process) -> str:
    boot, _ = since_boot()
    if boot == UNKNOWN_BOOT:
        return f"{process.pid}:{process.create_time():.2f}:{boot}"
    # Counted from the start of the machine: who sets the clock does not make a living process another one.
    told = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8", errors="replace")
    return f"{process.pid}:{told.rpartition(')')[2].split()[19]}:{boot}"
