"""The live trader's pid file: alive, dead, hung, or somebody else by now."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from crypto_bt.runtime.live_trader import LiveTrader


@pytest.fixture
def trader(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that does what a trader does while nothing happens, with its pid file."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (tmp_path / "trader.pid").write_text(f"{process.pid}\n")
    yield process
    process.kill()
    process.wait()


def state_of(pid: int, *states: str) -> None:
    """Wait until the process is in one of ``states``."""
    while psutil.Process(pid).status() not in states:
        time.sleep(0.01)


def test_trader_that_is_alive_is_no_trouble(tmp_path: Path, trader: "subprocess.Popen[bytes]") -> None:
    watched = LiveTrader(tmp_path / "trader.pid")
    assert watched.trouble() is None
    assert watched.trouble() is None
    assert watched.pid == trader.pid


def test_trader_that_died_is_told_of(tmp_path: Path, trader: "subprocess.Popen[bytes]") -> None:
    watched = LiveTrader(tmp_path / "trader.pid")
    assert watched.trouble() is None
    trader.kill()
    state_of(trader.pid, psutil.STATUS_ZOMBIE)
    assert "is a zombie" in (watched.trouble() or "")
    trader.wait()
    assert "does not exist" in (watched.trouble() or "")


def test_trader_that_hangs_is_told_of_and_is_well_again(
    tmp_path: Path, trader: "subprocess.Popen[bytes]"
) -> None:
    watched = LiveTrader(tmp_path / "trader.pid")
    trader.send_signal(signal.SIGSTOP)
    state_of(trader.pid, psutil.STATUS_STOPPED)
    assert "hangs" in (watched.trouble() or "")
    trader.send_signal(signal.SIGCONT)
    state_of(trader.pid, psutil.STATUS_SLEEPING, psutil.STATUS_RUNNING)
    assert watched.trouble() is None


def test_number_that_belongs_to_another_process_by_now_is_told_of(
    tmp_path: Path, trader: "subprocess.Popen[bytes]"
) -> None:
    watched = LiveTrader(tmp_path / "trader.pid")
    assert watched.trouble() is None
    pid, born, boot = watched._mark.split(":")
    watched._mark = f"{pid}:{int(born) - 100}:{boot}"
    assert "now belongs to another process" in (watched.trouble() or "")


def test_process_younger_than_the_pid_file_is_another_one(
    tmp_path: Path, trader: "subprocess.Popen[bytes]"
) -> None:
    os.utime(tmp_path / "trader.pid", (time.time() - 600, time.time() - 600))
    assert "is younger than" in (LiveTrader(tmp_path / "trader.pid").trouble() or "")


def test_trader_that_no_longer_touches_its_file_hangs(
    tmp_path: Path, trader: "subprocess.Popen[bytes]"
) -> None:
    file = tmp_path / "trader.pid"
    born = psutil.Process(trader.pid).create_time()
    assert LiveTrader(file, fresh_seconds=3_600.0).trouble() is None
    os.utime(file, (born, born))
    while time.time() - born < 0.2:
        time.sleep(0.01)
    assert "last touched" in (LiveTrader(file, fresh_seconds=0.1).trouble() or "")


@pytest.mark.parametrize("text", ["", "no number", "\x00"])
def test_file_that_tells_no_number_is_told_of(tmp_path: Path, text: str) -> None:
    (tmp_path / "trader.pid").write_text(text)
    assert "cannot be read" in (LiveTrader(tmp_path / "trader.pid").trouble() or "")
    assert LiveTrader(tmp_path / "trader.pid").pid is None


def test_no_file_means_no_trader(tmp_path: Path) -> None:
    assert "is not running" in (LiveTrader(tmp_path / "trader.pid").trouble() or "")
