"""Which processes count as alive."""

import os
import subprocess
import sys
import time

import psutil

from crypto_bt.runtime.processes import is_alive, kill_marked_process, mark_of, process_mark


def test_is_alive_knows_this_process_and_not_another_of_the_same_number() -> None:
    assert is_alive(process_mark())
    assert not is_alive(f"{os.getpid()}:1.00")
    assert not is_alive("no mark")
    pid, born, boot = process_mark().split(":")
    assert not is_alive(f"{pid}:{born}:another-boot")
    assert not is_alive(f"{pid}:{int(born) + 1}:{boot}")


def test_killing_by_mark_spares_a_later_process_of_the_same_number() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        pid, born, boot = mark_of(child.pid).split(":")
        assert not kill_marked_process(f"{pid}:{int(born) - 1}:{boot}")
        assert child.poll() is None
        assert kill_marked_process(f"{pid}:{born}:{boot}")
        assert child.wait(10) == -9
    assert not kill_marked_process(f"{pid}:{born}:{boot}")


def test_is_alive_zombie_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = psutil.Process(child.pid)
        mark = mark_of(child.pid)
        assert is_alive(mark)
        child.kill()
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert not is_alive(mark)
