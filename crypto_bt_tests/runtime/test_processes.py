"""Which processes count as alive."""

import os
import subprocess
import sys
import time

import psutil

from crypto_bt.runtime.processes import is_alive, process_mark


def test_is_alive_knows_this_process_and_not_another_of_the_same_number() -> None:
    assert is_alive(process_mark())
    assert not is_alive(f"{os.getpid()}:1.00")
    assert not is_alive("no mark")


def test_is_alive_zombie_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = psutil.Process(child.pid)
        mark = f"{child.pid}:{process.create_time():.2f}"
        assert is_alive(mark)
        child.kill()
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert not is_alive(mark)
