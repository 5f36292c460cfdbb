"""Processes: which one this is, whether another still lives, and dying together with a parent."""

import contextlib
import ctypes
import os
import signal
import sys

import psutil

_PR_SET_PDEATHSIG = 1


def process_mark() -> str:
    """This process as ``pid:start time``: unlike a bare pid it never means another process later on."""
    return _mark(psutil.Process(os.getpid()))


def is_alive(mark: str) -> bool:
    """Whether the process of a :func:`process_mark` still runs; false for anything that is no mark."""
    try:
        process = psutil.Process(int(mark.partition(":")[0]))
        # A zombie does nothing any more; its parent only has not asked for its exit code.
        return _mark(process) == mark and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError):
        return False


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
    return f"{process.pid}:{process.create_time():.2f}"
