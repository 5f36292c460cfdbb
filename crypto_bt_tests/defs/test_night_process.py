"""The night's process: stopped by people, by the live trader and by its limits, killed, and nothing left."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.holds import NIGHT, Hold
from crypto_bt.core.stopping import Limits, StopCause, Wanted
from crypto_bt.defs.night_process import NightCrashed, NightStopped, Watch, run_night_process
from crypto_bt.runtime.live_trader import LiveTrader
from crypto_bt_tests.bad_strategies import install_wrong
from crypto_bt_tests.test_night import spec as night_spec
from crypto_bt_tests.test_night_strategies import MARK, left_behind

spec = night_spec
LIMITS = Limits(600.0, 8_000.0, 200)
PAUSED = Wanted(hold=Hold(NIGHT, datetime(2026, 11, 22, tzinfo=UTC), "anna"))


@pytest.fixture
def endless(spec: NightSpec, tmp_path: Path) -> NightSpec:
    """A night whose second strategy never ends, and has children."""
    install_wrong(tmp_path)
    return replace(spec, strategies={"buy_and_hold": {}, "it_sleeps_with_children": {}}, memory_mb=8_000.0)


def watch(tmp_path: Path, limits: Limits = LIMITS, wanted: Callable[[], Wanted] | None = None) -> Watch:
    """As Dagster's; the package of wrong ideas is on the import path of the night."""
    path = f"{tmp_path}{os.pathsep}{Path.cwd()}"
    return Watch(limits, wanted, environment={"PYTHONPATH": path, MARK: str(tmp_path)})


def once_it_works(tmp_path: Path, act: Callable[[psutil.Process], object]) -> threading.Thread:
    """Do ``act`` to the night's process as soon as the endless strategy has started its child."""

    def wait() -> None:
        while True:
            for process in psutil.Process().children():
                grandchildren = process.children(recursive=True)
                if "crypto_bt.night" in " ".join(process.cmdline()) and len(grandchildren) >= 2:
                    act(process)
                    return
            time.sleep(0.05)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def work_in(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def test_night_hands_back_its_folder_and_says_what_it_used(spec: NightSpec, tmp_path: Path) -> None:
    said: list[str] = []
    out, told = run_night_process(spec, work_in(tmp_path), watch(tmp_path), said.append)
    assert (out / "stamp.json").is_file()
    assert told["peak_mb"] > 60
    assert told["priority"]["nice"] == "19"
    assert said[0].startswith("Priority of the night's process: ")
    assert "nice 19" in said[0]
    assert any("donchian_breakout done (2 of 3" in line for line in said)
    assert left_behind(str(tmp_path)) == []


def test_pause_in_the_middle_stops_it_and_all_it_started(endless: NightSpec, tmp_path: Path) -> None:
    wanted = [Wanted()]
    act = once_it_works(tmp_path, lambda _: wanted.__setitem__(0, PAUSED))
    with pytest.raises(NightStopped, match="off since 2026-11-22 00:00 UTC by anna") as stopped:
        run_night_process(endless, work_in(tmp_path), watch(tmp_path, wanted=lambda: wanted[0]), None)
    act.join()
    assert stopped.value.stop.cause is StopCause.PAUSED
    assert left_behind(str(tmp_path)) == []


@pytest.fixture
def trader(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (tmp_path / "trader.pid").write_text(str(process.pid))
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_live_trader_that_dies_or_hangs_in_the_middle_stops_it(
    endless: NightSpec, tmp_path: Path, trader: "subprocess.Popen[bytes]", number: signal.Signals
) -> None:
    live = LiveTrader(tmp_path / "trader.pid")
    act = once_it_works(tmp_path, lambda _: trader.send_signal(number))
    beside = watch(tmp_path, wanted=lambda: Wanted(trader=live.trouble()))
    with pytest.raises(NightStopped, match="The live trader") as stopped:
        run_night_process(endless, work_in(tmp_path), beside, None)
    act.join()
    assert stopped.value.stop.cause is StopCause.LIVE_TRADER
    assert left_behind(str(tmp_path)) == []


def test_process_that_is_killed_is_a_crash_and_leaves_nothing_behind(
    endless: NightSpec, tmp_path: Path
) -> None:
    act = once_it_works(tmp_path, lambda process: process.kill())
    with pytest.raises(NightCrashed, match="killed by signal 9"):
        run_night_process(endless, work_in(tmp_path), watch(tmp_path), None)
    act.join()
    deadline = time.monotonic() + 30.0
    while left_behind(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_behind(str(tmp_path)) == []


def test_night_that_takes_too_long_is_a_crash_that_shows_where_it_was(
    endless: NightSpec, tmp_path: Path
) -> None:
    long = replace(endless, strategy_seconds=600.0)
    with pytest.raises(NightStopped) as stopped:
        run_night_process(long, work_in(tmp_path), watch(tmp_path, Limits(6.0, 8_000.0, 200)), None)
    assert stopped.value.stop.cause is StopCause.TIME
    assert "BACKTEST_TIMEOUT_MINUTES" in str(stopped.value)
    assert left_behind(str(tmp_path)) == []


@pytest.mark.parametrize("hangs", ["stopped", "loops"])
def test_night_that_hangs_shows_its_stacks_is_a_crash_and_leaves_nothing_behind(
    spec: NightSpec, tmp_path: Path, hangs: str
) -> None:
    install_wrong(tmp_path)
    strategy = "it_sleeps_with_children" if hangs == "stopped" else "it_loops"
    endless = replace(spec, strategies={strategy: {}}, memory_mb=8_000.0, strategy_seconds=600.0)
    limits = Limits(600.0, 8_000.0, 200, beat_seconds=0.5)
    if hangs == "stopped":
        limits = replace(limits, silent_seconds=4.0)
        act = once_it_works(tmp_path, lambda process: process.suspend())
        words = "was not heard of for"
    else:
        # Others may need the processors: an idle process gets what they leave.
        limits = replace(limits, stuck_seconds=4.0, full_cpu=0.0)
        act = None
        words = "made no progress for 0 minutes at full CPU"
    notes: list[tuple[int | None, float, float]] = []
    watched = replace(watch(tmp_path, limits), note=lambda *told: notes.append(told))
    with pytest.raises(NightStopped, match=words) as stopped:
        run_night_process(endless, work_in(tmp_path), watched, None)
    if act is not None:
        act.join()
    assert stopped.value.stop.cause is StopCause.HUNG
    assert stopped.value.stop.cause.is_crash
    assert "run_strategies" in stopped.value.stop.what, "the stacks"
    assert left_behind(str(tmp_path)) == []
    _, silent, stuck = max(notes, key=lambda note: note[1 if hangs == "stopped" else 2])
    assert (silent if hangs == "stopped" else stuck) > 2.0


def test_night_that_is_refused_is_neither_stopped_nor_a_crash(spec: NightSpec, tmp_path: Path) -> None:
    with pytest.raises(BacktestError, match="000099") as refused:
        run_night_process(replace(spec, snapshot="000099"), work_in(tmp_path), watch(tmp_path), None)
    assert not isinstance(refused.value, NightStopped | NightCrashed)


def test_environment_of_the_night_is_an_allow_list(
    spec: NightSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "canary-4711")
    seen: list[dict[str, str]] = []
    act = once_it_works(tmp_path, lambda process: seen.append(process.environ()))
    install_wrong(tmp_path)
    slow = replace(spec, strategies={"it_sleeps_with_children": {}})
    with pytest.raises(NightStopped):
        run_night_process(slow, work_in(tmp_path), watch(tmp_path, Limits(8.0, 8_000.0, 200)), None)
    act.join()
    assert "canary-4711" not in " ".join(seen[0].values())
