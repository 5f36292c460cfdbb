"""A process and everything it started end together, whoever lost its parent in between."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from crypto_bt.runtime.family import Family, kill_marked

#: A leader, a child in a group of its own and a grandchild; each prints its number.
THREE = """
import os, subprocess, sys, time
code = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
code += "print(p.pid, flush=True); p.wait()"
child = subprocess.Popen([sys.executable, "-c", code], process_group=0, stdout=subprocess.PIPE, text=True)
print(os.getpid(), child.pid, child.stdout.readline().strip(), flush=True)
time.sleep(600)
"""


def three(mark: str = "") -> tuple["subprocess.Popen[str]", list[int]]:
    environment = {**os.environ, "CRYPTO_BT_TEST_FAMILY": mark}
    leader = subprocess.Popen(
        [sys.executable, "-c", THREE], stdout=subprocess.PIPE, text=True, start_new_session=True,
        env=environment,
    )  # fmt: skip
    assert leader.stdout is not None
    with leader.stdout as told:
        return leader, [int(number) for number in told.readline().split()]


def running(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.parametrize("killed_first", [[], [0], [1], [0, 1]])
def test_kill_ends_all_three_whoever_died_before(killed_first: list[int]) -> None:
    leader, pids = three()
    family = Family(leader.pid, session=True)
    assert family.usage().processes == 3
    for number in killed_first:
        os.kill(pids[number], signal.SIGKILL)
    family.kill()
    leader.wait()
    assert running(pids) == []


def test_kill_finds_the_session_without_having_looked_before() -> None:
    leader, pids = three()
    os.kill(pids[0], signal.SIGKILL)
    os.kill(pids[1], signal.SIGKILL)
    leader.wait()
    # Nobody waits for the second one, and a signal takes its time.
    deadline = time.monotonic() + 30
    while pids[1] in running(pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running(pids) == [pids[2]]
    Family(leader.pid, session=True).kill()
    assert running(pids) == []


def test_usage_counts_all_of_them_and_is_nothing_afterwards() -> None:
    leader, _ = three()
    family = Family(leader.pid, session=True)
    used = family.usage()
    assert used.memory_mb > 3 * 4
    assert used.seconds >= 0.0
    family.kill()
    leader.wait()
    assert family.usage().processes == 0


def test_marked_processes_are_found_when_nobody_watches_any_more() -> None:
    mark = f"family-{os.getpid()}-{time.monotonic_ns()}"
    leader, pids = three(mark)
    os.kill(pids[0], signal.SIGKILL)
    leader.wait()
    assert kill_marked("CRYPTO_BT_TEST_FAMILY", mark) == 2
    deadline = time.monotonic() + 10.0
    while running(pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running(pids) == []
    assert kill_marked("CRYPTO_BT_TEST_FAMILY", mark) == 0
