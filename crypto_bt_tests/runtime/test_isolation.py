"""Lowering a process from outside, and what its cgroups tell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crypto_bt.runtime import isolation
from crypto_bt.runtime.isolation import MODEST, NICE, cgroup_of, give_way

FOREVER = "import time; time.sleep(600)"
linux = pytest.mark.skipif(sys.platform != "linux", reason="sessions have a weight on Linux alone")


def autogroup(pid: int) -> str:
    """The weight of a process's session; empty where the session is as old as the system."""
    told = Path(f"/proc/{pid}/autogroup")
    if not told.exists():
        pytest.skip("this kernel has no autogroups")
    return "".join(told.read_text().split()[-1:])


@linux
@pytest.mark.parametrize("nice", [MODEST, NICE])
def test_a_session_gives_way_as_a_whole(nice: int) -> None:
    with subprocess.Popen([sys.executable, "-c", FOREVER], start_new_session=True) as process:
        give_way(process.pid, nice)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == max(nice, os.getpriority(os.PRIO_PROCESS, 0))
        assert autogroup(process.pid) == str(nice)
        process.kill()


@linux
def test_who_shares_a_session_leaves_its_weight_alone() -> None:
    before = autogroup(os.getpid())
    with subprocess.Popen([sys.executable, "-c", FOREVER]) as process:
        give_way(process.pid)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) >= MODEST
        assert autogroup(process.pid) == before
        process.kill()


@linux
def test_session_without_a_weight_is_told_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_text
    monkeypatch.setattr(Path, "write_text", lambda self, text: len(text))
    monkeypatch.setattr(Path, "read_text", lambda self: "" if self.name == "autogroup" else read(self))
    with monkeypatch.context() as patched:
        for name in ("_nice", "_idle_scheduler", "_idle_io", "_first_to_be_killed"):
            patched.setattr(isolation, name, lambda: "left alone")
        told = isolation.lower_priority()
    assert told["autogroup"] == "not here: the session has no weight of its own"
    with subprocess.Popen([sys.executable, "-c", FOREVER], start_new_session=True) as process:
        give_way(process.pid)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) >= MODEST
        process.kill()


def test_a_process_that_has_ended_is_no_error_and_nobody_else_gives_way() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    give_way(process.pid)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


@linux
def test_a_session_that_may_not_be_weighed_yet_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []
    written = Path.write_text

    def refuse_twice(self: Path, text: str) -> int:
        asked.append(self)
        if len(asked) <= 2:
            raise BlockingIOError
        return written(self, text)

    monkeypatch.setattr(Path, "write_text", refuse_twice)
    monkeypatch.setattr(isolation.time, "sleep", lambda seconds: None)
    with subprocess.Popen([sys.executable, "-c", FOREVER], start_new_session=True) as process:
        give_way(process.pid)
        assert len(asked) == 3
        assert autogroup(process.pid) == str(MODEST)
        process.kill()


def test_each_level_of_a_cgroup_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = Path("/proc/self/cgroup")
    line = next((each for each in own.read_text().splitlines() if each.startswith("0::")), None) if (
        own.exists()
    ) else None  # fmt: skip
    if line is None:
        pytest.skip("this system has no cgroups of version 2")
    monkeypatch.setattr(isolation, "CGROUPS", tmp_path)
    found = cgroup_of("self")
    levels = [name for name in line.removeprefix("0::").split("/") if name]
    assert found["cgroup"] == line.removeprefix("0::")
    assert found["cgroup_weights"] == "/".join("?" for _ in levels)


@pytest.mark.parametrize(
    ("files", "weight"),
    [({"cpu.weight": "100\n", "cpu.idle": "0\n"}, "100"), ({"cpu.idle": "1\n"}, "idle"), ({}, "-")],
)
def test_weight_of_a_cgroup(tmp_path: Path, files: dict[str, str], weight: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert isolation._weight(tmp_path) == weight
