"""What the isolation benchmark lets compete with a live trader for the processor."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crypto_bt.runtime.isolation import give_way  # noqa: E402

#: Twice as many busy processes as there are processors.
_HOGS_PER_PROCESSOR: Final = 2
_HOG: Final = "while True: pass"
#: The night's process without what it does to be unimportant.
_PLAIN: Final = (
    "from crypto_bt import night; night.lower_priority = lambda affinity: {}; raise SystemExit(night.main())"
)


class Contender:
    """Processes that can be held still for a while; ``find`` lists them."""

    def __init__(self, find: Callable[[], list[psutil.Process]]) -> None:
        self._find = find
        self._held: set[psutil.Process] = set()

    @classmethod
    def below(cls, leader: int) -> "Contender":
        """The process ``leader`` and everything below it."""

        def find() -> list[psutil.Process]:
            process = psutil.Process(leader)
            return [process, *process.children(recursive=True)]

        return cls(find)

    def cpu_seconds(self) -> float:
        """Processor time so far, of those that have ended too."""
        total = 0.0
        for process in self._find():
            with contextlib.suppress(psutil.Error):
                total += sum(process.cpu_times()[:4])
        return total

    def hold(self) -> None:
        """Stop them all where they are."""
        # Who is just being started is found in the next look.
        while fresh := set(self._find()) - self._held:
            _send(fresh, signal.SIGSTOP)
            self._held |= fresh

    def let_go(self) -> None:
        """Let them go on."""
        _send(self._held, signal.SIGCONT)
        self._held = set()


def _send(processes: set[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


@contextlib.contextmanager
def hogs(*, own_session: bool) -> Iterator[Contender]:
    """Busy loops."""
    count = _HOGS_PER_PROCESSOR * (os.cpu_count() or 1)
    started = [
        subprocess.Popen([sys.executable, "-c", _HOG], start_new_session=own_session) for _ in range(count)
    ]
    try:
        yield Contender(lambda: [psutil.Process(each.pid) for each in started])
    finally:
        for each in started:
            each.kill()
            each.wait()


@contextlib.contextmanager
def nights(home: Path, *, own_session: bool, plain: bool) -> Iterator[Contender]:
    """One night after the other, as the run of the nightly job starts it, which gives way as the supervisor
    makes it; ``plain``: with as many threads as there are processors, and the priority of any process."""
    command = [sys.executable, __file__, str(home), *(["--plain"] if plain else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=own_session)
    if not plain:
        give_way(process.pid)
    contender = Contender.below(process.pid)
    try:
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"no night can be computed in {home}: see the message above")
        yield contender
    finally:
        for each in (*psutil.Process(process.pid).children(recursive=True), process):
            with contextlib.suppress(psutil.Error):
                each.kill()
        process.wait()


def compute_nights(home: Path, *, plain: bool) -> None:
    """Plan the last night of ``home`` once, and compute it again and again until killed."""
    from dataclasses import replace

    from crypto_bt.core.night import last_due_night
    from crypto_bt.core.stopping import Limits
    from crypto_bt.defs.night_plan import plan_night
    from crypto_bt.defs.night_process import PROCESSES, Watch, run_night_process
    from crypto_bt.defs.resources import Desk
    from crypto_bt.settings import load_settings

    desk = Desk.open(load_settings(home))
    snapshot, now = desk.store.current(), desk.clock()
    if snapshot is None:
        raise SystemExit(f"{home} holds no data.")
    spec = plan_night(desk, snapshot.id, last_due_night(now), now)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    watch = Watch(Limits(3_600.0, 2_000.0, PROCESSES))
    while True:
        with tempfile.TemporaryDirectory(prefix="crypto_bt-isolation-") as folder:
            work = Path(folder)
            if not plain:
                run_night_process(spec, work, watch, None)
                continue
            (work / "spec.json").write_text(replace(spec, threads=os.cpu_count() or 1).to_json())
            arguments = ["--spec", str(work / "spec.json"), "--out", str(work / "out")]
            subprocess.run([sys.executable, "-c", _PLAIN, *arguments], check=True, stdout=subprocess.DEVNULL)
            time.sleep(0.1)


if __name__ == "__main__":
    compute_nights(Path(sys.argv[1]), plain="--plain" in sys.argv)
