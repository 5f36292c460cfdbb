"""Whoever is told to end says first where it was, even where it was stopped in the middle of it."""

import os
import signal
import sys
from pathlib import Path

import pytest

from crypto_bt.runtime.family import Usage
from crypto_bt.runtime.watched import Ended, Order, run_watched

LOOP = """
import faulthandler, signal, sys, threading
faulthandler.register(signal.SIGUSR1, all_threads=True)
def the_endless_part():
    while True:
        pass
{more}
print("ready", flush=True)
the_endless_part()
"""


def ended_while(folder: Path, more: str, act: signal.Signals | None, grace_seconds: float) -> Ended:
    """Run the loop, do ``act`` to it when it is ready, and order its end."""
    ready: list[int] = []
    code = f"import os; print(os.getpid(), flush=True)\n{LOOP.format(more=more)}"

    def hear(line: str) -> None:
        if line.strip().isdecimal():
            ready.insert(0, int(line))
        else:
            ready.append(0)

    def check(used: Usage) -> Order | None:
        if len(ready) < 2:
            return None
        if act is not None:
            os.kill(ready[0], act)
        return Order("it hangs", grace_seconds)

    command = [sys.executable, "-c", code]
    return run_watched(command, env={}, errors=folder / "errors", check=check, on_line=hear, session=True)


@pytest.mark.parametrize("act", [None, signal.SIGSTOP])
def test_stacks_are_written_before_it_ends(tmp_path: Path, act: signal.Signals | None) -> None:
    ended = ended_while(tmp_path, "", act, 30.0)
    assert "the_endless_part" in ended.complained
    assert (ended.code, ended.stopped) == (-signal.SIGTERM, "it hangs")


def test_who_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    ended = ended_while(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN)", signal.SIGSTOP, 0.5)
    assert "the_endless_part" in ended.complained
    assert ended.code == -signal.SIGKILL
