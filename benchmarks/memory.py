"""Memory of the whole desk under ``crypto-bt up``: ``python benchmarks/memory.py [--home DIR]``.

PSS counts a page that several processes share once in all. It is summed over the supervisor, the daemon, the
web server, the code server, run workers and the night's processes: idle, with a night running, and with an
update and a night at once beside a stand-in for a live trader of 260 MB. Prints the greatest sum seen, one
JSON object a line. Linux only.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Final

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.served_home import Served, prepare, up  # noqa: E402
from crypto_bt.defs.partitions import PARTITION, day_key  # noqa: E402

LIMIT_MB: Final = 1_100
#: Everything on the machine: a night, an update and the live trader.
LIMIT_WITH_TRADER_MB: Final = 1_536
TRADER_MB: Final = 260
_INTERPRETER_MB: Final = 8
_TRADER: Final = (
    "import sys; kept = bytearray(b'1') * int(sys.argv[1]); print('ready', flush=True); sys.stdin.read()"
)
_SAMPLED_EVERY: Final = 0.25
_MB: Final = 2**20


def pss_mb(processes: list[psutil.Process]) -> float:
    """The sum of those that are still there."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total / _MB


def most(find: Callable[[], list[psutil.Process]], during: Callable[[], object]) -> float:
    """The greatest sum in MB while ``during`` runs."""
    over, sums = Event(), [pss_mb(find())]

    def sample() -> None:
        while not over.wait(_SAMPLED_EVERY):
            sums.append(pss_mb(find()))

    with ThreadPoolExecutor(1) as pool:
        sampling = pool.submit(sample)
        try:
            during()
        finally:
            over.set()
        sampling.result()
    return max(sums)


@contextlib.contextmanager
def trader() -> Iterator[psutil.Process]:
    """A process of so much memory, its interpreter included."""
    kept = (TRADER_MB - _INTERPRETER_MB) * _MB
    process = subprocess.Popen(
        [sys.executable, "-c", _TRADER, str(kept)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise RuntimeError("the stand-in for the trader did not start")
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def measured(home: Path, idle_seconds: float) -> Iterator[tuple[str, float, int]]:
    """Each state, its greatest sum and its limit in MB."""
    with up(home, own_session=True) as (served, process):
        supervisor = psutil.Process(process.pid)

        def desk() -> list[psutil.Process]:
            return [supervisor, *served.processes()]

        served.wait_until_ready()
        yield "idle", most(desk, lambda: time.sleep(idle_seconds)), LIMIT_MB
        yield "night", most(desk, lambda: run(served, "nightly_backtest")), LIMIT_MB
        with trader() as live:
            beside = most(lambda: [live, *desk()], lambda: run(served, "nightly_backtest", "data_update"))
            yield "night, update and trader", beside, LIMIT_WITH_TRADER_MB


def run(served: Served, *jobs: str) -> None:
    """Run the jobs for yesterday, all at once."""
    yesterday = {PARTITION: day_key(datetime.now(UTC) - timedelta(days=1))}
    for started in [served.launch(job, yesterday) for job in jobs]:
        served.wait_for(started)


def main() -> None:
    """Measure, print a line for each state; exit code 1 where one is over its limit."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--home", type=Path, default=Path("data") / "isolation", help="made if missing")
    arguments.add_argument("--idle", type=float, default=60.0, help="seconds to look at it idle")
    chosen = arguments.parse_args()
    home = chosen.home.resolve()
    prepare(home, symbols=60, days=180)
    over = False
    for state, pss, limit in measured(home, chosen.idle):
        line = {"benchmark": "memory", "state": state, "pss_mb": round(pss), "limit_mb": limit}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        over = over or pss > limit
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()
