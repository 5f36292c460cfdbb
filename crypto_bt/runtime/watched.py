"""Runs a command while somebody watches it; what it started is gone when it returns, however it ended."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from crypto_bt.runtime.family import Family, Usage
from crypto_bt.runtime.isolation import NICE, give_way

_TAIL: Final = 4_000
#: Tenths of a second that the writing of its stacks may take.
_STACKS_ROUNDS: Final = 20


@dataclass(frozen=True, slots=True)
class Order:
    """To stop, and ``why``; before it is killed, the command is asked for its stacks and to end, and has
    ``grace_seconds`` for that."""

    why: str
    grace_seconds: float = 0.0


#: Says that the command has to stop, or None; asked again and again while it runs.
Check = Callable[[Usage], Order | None]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit ``code``, why it was ``stopped`` (as the order said; None: it ended by
    itself), the last of what it ``complained`` of on standard error, and the highest memory seen, ``peak_mb``
    (its processes together)."""

    code: int
    stopped: str | None
    complained: str
    peak_mb: float


def run_watched(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    errors: Path,
    check: Check,
    on_line: Callable[[str], None] | None = None,
    session: bool = False,
    poll_seconds: float = 0.1,
) -> Ended:
    """Run ``command``; standard error goes to the file ``errors``, each line of standard output to
    ``on_line`` (dropped without one), which is called in this thread.

    It gets a process group of its own, or a ``session``, which gives way to all others. When ``check`` orders
    it to stop it is asked for its stacks (SIGUSR1) and to end (SIGTERM) where it has a grace; then all its
    processes are killed.
    """
    lines: SimpleQueue[str] = SimpleQueue()
    with errors.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if on_line else subprocess.DEVNULL,
            stderr=stream,
            env=dict(env),
            start_new_session=session,
            process_group=None if session else 0,
            umask=0o077,
            text=True,
        )
    if session:
        give_way(process.pid, NICE)
    reader = threading.Thread(target=_collect, args=(process, lines), daemon=True)
    reader.start()
    family = Family(process.pid, session=session)
    peak, order = 0.0, None
    try:
        while process.poll() is None and order is None:
            _pass_on(lines, on_line)
            seen = family.usage()
            peak = max(peak, seen.memory_mb)
            order = check(seen)
            if order is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(poll_seconds)
        if order is not None and order.grace_seconds > 0.0:
            _ask_to_end(process, errors, order.grace_seconds)
    finally:
        family.kill()
        code = process.wait()
    reader.join(5.0)
    _pass_on(lines, on_line)
    return Ended(code, order.why if order else None, _tail(errors), peak)


def _ask_to_end(process: "subprocess.Popen[str]", errors: Path, grace_seconds: float) -> None:
    """A process that is stopped (SIGSTOP) takes neither request before it goes on (SIGCONT)."""
    with contextlib.suppress(ProcessLookupError):
        before = errors.stat().st_size
        os.kill(process.pid, signal.SIGUSR1)
        os.kill(process.pid, signal.SIGCONT)
        # Both at once, and the end might come before the stacks are written.
        _wait_until_written(process, errors, before)
        os.kill(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace_seconds)


def _wait_until_written(process: "subprocess.Popen[str]", errors: Path, before: int) -> None:
    """Until ``errors`` has grown beyond ``before`` bytes and grows no more, or for two seconds."""
    last = before
    for _ in range(_STACKS_ROUNDS):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            return
        size = errors.stat().st_size
        if size == last and size > before:
            return
        last = size


def _collect(process: "subprocess.Popen[str]", lines: "SimpleQueue[str]") -> None:
    if process.stdout is not None:
        with process.stdout as output:
            for line in output:
                lines.put(line)


def _pass_on(lines: "SimpleQueue[str]", on_line: Callable[[str], None] | None) -> None:
    while not lines.empty():
        line = lines.get()
        if on_line is not None:
            on_line(line)


def _tail(errors: Path) -> str:
    with errors.open("rb") as written:
        written.seek(max(0, errors.stat().st_size - _TAIL))
        return written.read().decode(errors="replace").strip()
