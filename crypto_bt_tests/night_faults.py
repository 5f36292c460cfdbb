"""What can befall a night's process: each fault injected into a real one, timed, and its traces counted."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil

from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.holds import NIGHT, Hold
from crypto_bt.core.stopping import Limits, StopCause, Wanted
from crypto_bt.defs.night_process import NightCrashed, NightStopped, Watch, run_night_process
from crypto_bt.runtime.live_trader import LiveTrader
from crypto_bt.runtime.processes import mark_of
from crypto_bt_tests.bad_strategies import install_wrong
from crypto_bt_tests.test_night_strategies import MARK, left_behind

ENDLESS: Final = "it_sleeps_with_children"
PAUSED: Final = Wanted(hold=Hold(NIGHT, datetime(2026, 11, 22, tzinfo=UTC), "anna"))
#: Seconds and MB that a strategy has in these nights.
STRATEGY_SECONDS: Final = 20.0
MEMORY_MB: Final = 450.0
#: Where the libraries are: whoever may not execute the environment's Python runs another one on them.
SITE: Final = Path(psutil.__file__).parents[1]
_SLEEP: Final = [sys.executable, "-c", "import time; time.sleep(600)"]


@dataclass(frozen=True)
class Injected:
    """What came of one fault: ``detection``, the seconds from the fault until it was told, and ``recovery``,
    until nothing was left of it and the next night could begin; ``orphans``, and results ``published``."""

    detection: float
    recovery: float
    orphans: int
    published: int


class Ground:
    """A folder for nights of ``spec`` with strategies that go wrong; ``limits`` of every night."""

    def __init__(self, folder: Path, spec: NightSpec, limits: Limits, rng: random.Random) -> None:
        self.folder, self.limits, self.rng = folder, limits, rng
        self.started: list[subprocess.Popen[bytes]] = []
        self._count = 0
        self._spec = replace(spec, memory_mb=8_000.0, strategy_seconds=600.0)
        install_wrong(folder)

    def night(
        self,
        strategy: str,
        act: Callable[[psutil.Process], object] | None = None,
        wanted: Callable[[], Wanted] | None = None,
        **spec: float,
    ) -> tuple[BacktestError | None, list[tuple[float, str]], Injected]:
        """One night of ``strategy``; ``act`` is done to its process once the strategy works, and a moment of
        chance later. What it raised, what it said (and how long after the fault)."""
        self._count += 1
        work = self.folder / f"work-{self._count}"
        work.mkdir()
        path = os.pathsep.join(map(str, (self.folder, Path.cwd(), SITE)))
        watch = Watch(self.limits, wanted, environment={"PYTHONPATH": path, MARK: str(self.folder)})
        acted, said, over = [time.monotonic()], list[tuple[float, str]](), threading.Event()

        def do() -> None:
            process = self._at_work(over)
            if process is None:
                return
            if act is not None:
                time.sleep(self.rng.random())
            acted[0] = time.monotonic()
            if act is not None:
                act(process)

        thread = threading.Thread(target=do, daemon=True)
        thread.start()
        error = None
        try:
            strategies: dict[str, dict[str, object]] = {strategy: {}, "buy_and_hold": {}}
            asked = replace(self._spec, strategies=strategies, **spec)
            run_night_process(asked, work, watch, lambda line: said.append((time.monotonic(), line)))
        except BacktestError as raised:
            error = raised
        told = time.monotonic()
        over.set()
        published = int((work / "out" / "stamp.json").exists()) if error is not None else 0
        while left_behind(str(self.folder)) and time.monotonic() - told < 60.0:
            time.sleep(0.05)
        clear = time.monotonic()
        thread.join()
        left, at = len(left_behind(str(self.folder))), acted[0]
        found = Injected(told - at, clear - at, left, published)
        return error, [(moment - at, line) for moment, line in said], found

    def _at_work(self, over: threading.Event) -> psutil.Process | None:
        while not over.is_set():
            with suppress(psutil.Error):
                for process in psutil.Process().children():
                    if "crypto_bt.night" in process.cmdline() and len(process.children(recursive=True)) >= 1:
                        return process
            time.sleep(0.02)
        return None


def killed(ground: Ground) -> Injected:
    """kill -9 of the night's process."""
    error, _, found = ground.night(ENDLESS, lambda process: process.kill())
    assert isinstance(error, NightCrashed), error
    return found


def stopped(ground: Ground) -> Injected:
    """SIGSTOP of the night's process."""
    error, _, found = ground.night(ENDLESS, lambda process: process.suspend())
    assert _cause(error) is StopCause.HUNG, error
    return found


def looping(ground: Ground) -> Injected:
    """A strategy that never ends: told when its time is over, and the next one is computed."""
    found = _left_out(ground, "it_loops", "it took longer than", strategy_seconds=STRATEGY_SECONDS)
    # Until then it may compute as long as it likes.
    return replace(found, detection=found.detection - STRATEGY_SECONDS)


def eating_memory(ground: Ground) -> Injected:
    """A strategy that takes more and more memory."""
    return _left_out(ground, "it_eats_memory", "MB of memory, more than", memory_mb=MEMORY_MB)


def bombing(ground: Ground) -> Injected:
    """A strategy that starts a process in each process that it has started."""
    return _left_out(ground, "it_bombs", "processes, more than")


def trader_dead_before(ground: Ground) -> Injected:
    """The live trader is gone before the night begins to compute."""
    (ground.folder / "trader.pid").write_text("999999999")
    live = LiveTrader(ground.folder / "trader.pid")
    error, _, found = ground.night(ENDLESS, None, lambda: Wanted(trader=live.trouble()))
    assert _cause(error) is StopCause.LIVE_TRADER, error
    return found


def trader_dies(ground: Ground) -> Injected:
    """The live trader is killed in the middle of a night."""
    return _with_trader(ground, lambda trader, file: trader.kill())


def trader_hangs(ground: Ground) -> Injected:
    """The live trader is stopped in the middle of a night."""
    return _with_trader(ground, lambda trader, file: trader.send_signal(signal.SIGSTOP))


def trader_number_reused(ground: Ground) -> Injected:
    """The live trader is gone, and another process has its number."""

    def reuse(trader: "subprocess.Popen[bytes]", file: Path) -> None:
        number = trader.pid
        trader.kill()
        trader.wait()
        ground.started.append(_start_with_number(number))

    return _with_trader(ground, reuse)


def paused(ground: Ground) -> Injected:
    """A person pauses nights in the middle of one."""
    wanted = [Wanted()]
    error, _, found = ground.night(ENDLESS, lambda _: wanted.__setitem__(0, PAUSED), lambda: wanted[0])
    assert _cause(error) is StopCause.PAUSED, error
    return found


#: By name; each is one of the faults that the supervision has to survive.
NIGHT_FAULTS: Final[dict[str, Callable[[Ground], Injected]]] = {
    "kill -9 of the night": killed,
    "SIGSTOP of the night": stopped,
    "infinite loop in a strategy": looping,
    "memory hog in a strategy": eating_memory,
    "fork bomb in a strategy": bombing,
    "live trader dead before the start": trader_dead_before,
    "live trader dies": trader_dies,
    "live trader hangs": trader_hangs,
    "live trader's number reused": trader_number_reused,
    "pause in the middle": paused,
}


def _cause(error: BacktestError | None) -> StopCause | None:
    return error.stop.cause if isinstance(error, NightStopped) else None


def _left_out(ground: Ground, strategy: str, words: str, **spec: float) -> Injected:
    error, said, found = ground.night(strategy, None, None, **spec)
    assert error is None, error
    [(told, line)] = [(told, line) for told, line in said if line.startswith(strategy)]
    assert words in line, line
    assert any(line.startswith("buy_and_hold done") for _, line in said), said
    return replace(found, detection=told)


def _with_trader(ground: Ground, act: Callable[["subprocess.Popen[bytes]", Path], object]) -> Injected:
    file = ground.folder / "trader.pid"
    with _trader(file) as trader:
        live = LiveTrader(file)
        assert live.trouble() is None
        error, _, found = ground.night(
            ENDLESS, lambda _: act(trader, file), lambda: Wanted(trader=live.trouble())
        )
    while ground.started:
        with ground.started.pop() as other:
            other.kill()
    assert _cause(error) is StopCause.LIVE_TRADER, error
    return found


@contextmanager
def _trader(file: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(_SLEEP) as process:
        file.write_text(str(process.pid))
        # Younger than its file it would not be the one that wrote it.
        os.utime(file, (time.time() + 1.0, time.time() + 1.0))
        try:
            yield process
        finally:
            with suppress(psutil.Error):
                psutil.Process(process.pid).kill()
            process.kill()


def _start_with_number(number: int) -> "subprocess.Popen[bytes]":
    """Start a process with this very number, as the system does when numbers have gone round (root only)."""
    last = Path("/proc/sys/kernel/ns_last_pid")
    for _ in range(200):
        last.write_text(str(number - 1))
        process = subprocess.Popen(_SLEEP)
        if process.pid == number:
            assert mark_of(number)
            return process
        process.kill()
        process.wait()
    raise AssertionError(f"no process got the number {number}")


def main(spec_file: str, folder: str, fault: str, seed: str) -> None:
    """Inject one fault, and tell what came of it as JSON: for a process of its own, and of another user."""
    spec = NightSpec.from_json(Path(spec_file).read_text())
    ground = Ground(Path(folder), spec, Limits(600.0, 8_000.0, 200), random.Random(seed))
    sys.stdout.write(json.dumps(asdict(NIGHT_FAULTS[fault](ground))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
