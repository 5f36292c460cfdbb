"""What a live trader feels of us: ``python benchmarks/isolation.py [--home DIR] [--regimes ...]``.

A probe (100 Hz, 60 % load; see trader_probe.py) runs beside plain hogs, beside a night as it would be without
precautions, beside the real one, and through a whole night of jobs under ``crypto-bt up``. All the while the
others run for 2 s and are held still (SIGSTOP) for 1.5 s in turns: that is the probe alone, beside the same
strangers. Prints one JSON object a line: ``missed_pct`` of the probe's deadlines; ``alone_pct``;
``worse_by``, the mean of the differences in percentage points, and its standard error ``give_or_take``;
``units_per_s``, the processor seconds that the others got each second; ``turns``, and how many ``counted``.

Whatever else runs on the machine disturbs the probe as well. A turn counts while the probe alone missed at
most ``--quiet`` percent just before and just after; where fewer than five did, all count.
"""

import argparse
import contextlib
import json
import random
import statistics
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.contenders import Contender, hogs, nights  # noqa: E402
from benchmarks.served_home import Served, prepare, up  # noqa: E402
from benchmarks.shield import shielded  # noqa: E402
from crypto_bt.core.universe import UNIVERSE  # noqa: E402
from crypto_bt.defs.partitions import PARTITION, day_key, range_tags, symbol_range_tags  # noqa: E402

PROBE = Path(__file__).with_name("trader_probe.py")
REGIMES = ("hog", "night_plain", "night", "whole_night")
SESSIONS = ("same", "other")
_BESIDE_SECONDS, _ALONE_SECONDS = 2.0, 1.5
#: After each change, not counted: who is let go has some catching up to do, and so has the probe.
_SETTLES_SECONDS = 0.3
_FEWEST = 5
_CATCH_UP_DAYS = 7


@dataclass(frozen=True)
class Turn:
    """Missed deadlines in percent beside the others, and ``alone`` (the worse of just before and after)."""

    beside: float
    before: float
    after: float

    @property
    def alone(self) -> float:
        """The mean of before and after."""
        return (self.before + self.after) / 2.0

    def is_quiet(self, limit: float) -> bool:
        """Whether no stranger disturbed much."""
        return max(self.before, self.after) <= limit


class Probe:
    """Runs the probe, and keeps all turns and the share of the processors by regime and session."""

    def __init__(self) -> None:
        told = subprocess.run([sys.executable, PROBE, "--calibrate"], check=True, stdout=subprocess.PIPE)
        self.loops = int(json.loads(told.stdout)["loops"])
        self.turns: dict[tuple[str, str], list[Turn]] = {}
        self.units: dict[tuple[str, str], list[float]] = {}

    def beside(self, name: tuple[str, str], contender: Contender, during: Callable[[], object]) -> None:
        """Let ``during`` run, and hold the others still every now and then."""
        process = subprocess.Popen(
            [sys.executable, PROBE, "--loops", str(self.loops)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        windows: list[tuple[float, float]] = []
        used = contender.cpu_seconds()
        contender.hold()
        try:
            with ThreadPoolExecutor(1) as pool:
                windows.append(_window(_ALONE_SECONDS))
                done = pool.submit(during)
                while not done.done():
                    contender.let_go()
                    windows.append(_window(_BESIDE_SECONDS))
                    contender.hold()
                    windows.append(_window(_ALONE_SECONDS))
                contender.let_go()
                done.result()
            found = json.loads(process.communicate(timeout=60)[0])
        finally:
            contender.let_go()
            process.kill()
            process.wait()
        ran = (_BESIDE_SECONDS + _SETTLES_SECONDS) * (len(windows) // 2)
        self.units.setdefault(name, []).append((contender.cpu_seconds() - used) / ran)
        pct = [_missed_pct(found, *window) for window in windows]
        turns = [Turn(pct[i], pct[i - 1], pct[i + 1]) for i in range(1, len(pct), 2)]
        self.turns.setdefault(name, []).extend(turns)

    def line(self, name: tuple[str, str], quiet: float) -> dict[str, object]:
        """What is printed of a regime in a session."""
        turns = self.turns[name]
        calm = [turn for turn in turns if turn.is_quiet(quiet)]
        counted = calm if len(calm) >= _FEWEST else turns
        worse = [turn.beside - turn.alone for turn in counted]
        spread = statistics.stdev(worse) / len(worse) ** 0.5 if len(worse) > 1 else 0.0
        return {
            "benchmark": "isolation",
            "regime": name[0],
            "session": name[1],
            "missed_pct": round(statistics.mean(turn.beside for turn in counted), 1),
            "units_per_s": round(statistics.mean(self.units[name]), 2),
            "alone_pct": round(statistics.mean(turn.alone for turn in counted), 1),
            "worse_by": round(statistics.mean(worse), 1),
            "give_or_take": round(spread, 1),
            "counted": len(counted),
            "turns": len(turns),
            "quiet": len(calm) >= _FEWEST,
        }


def _window(seconds: float) -> tuple[float, float]:
    """So many seconds from a little later than now."""
    time.sleep(_SETTLES_SECONDS)
    began = time.monotonic()
    time.sleep(seconds)
    return began, time.monotonic()


def _missed_pct(found: Mapping[str, list[float]], began: float, ended: float) -> float:
    missed, deadlines = (
        bisect_left(found[name], ended) - bisect_left(found[name], began) for name in ("missed", "deadlines")
    )
    return 100.0 * missed / max(1, deadlines)


def whole_night(probe: Probe, home: Path, session: str) -> None:
    """The start of everything, then each job of a night, one after the other."""
    with up(home, own_session=session == "other") as (served, process):
        contender = Contender(lambda: [psutil.Process(process.pid), *served.processes()])
        hush = Thread(target=_hush_exchange, args=(process.pid,), daemon=True)
        hush.start()
        probe.beside(("up_start", session), contender, served.wait_until_ready)
        probe.beside(("up_idle", session), contender, lambda: time.sleep(20.0))
        for regime, job, tags in jobs(datetime.now(UTC)):
            probe.beside((regime, session), contender, _run(served, job, tags))


def jobs(now: datetime) -> list[tuple[str, str, dict[str, str]]]:
    """The jobs of a night: what each is called here, the job, the tags of its run."""
    yesterday, midnight = now - timedelta(days=1), now.replace(hour=0, minute=0, second=0, microsecond=0)
    one_day = {PARTITION: day_key(yesterday)}
    return [
        ("data_update", "data_update", one_day),
        ("data_validation", "data_validation", symbol_range_tags(UNIVERSE)),
        ("sentiment_macro_update", "sentiment_macro_update", one_day),
        ("backup", "backup", {}),
        ("catch_up_7_days", "data_update", range_tags(midnight - timedelta(days=_CATCH_UP_DAYS), midnight)),
        ("nightly_backtest", "nightly_backtest", one_day),
    ]


def _run(served: Served, job: str, tags: dict[str, str]) -> Callable[[], None]:
    return lambda: served.wait_for(served.launch(job, tags))


def _hush_exchange(supervisor: int) -> None:
    """The loopback exchange stands for one that is far away: it must not be what the probe feels."""
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        for child in psutil.Process(supervisor).children():
            with contextlib.suppress(psutil.Error, OSError):
                if "simulate" in child.cmdline():
                    child.nice(19)
                    Path(f"/proc/{child.pid}/autogroup").write_text("19")
                    return
        time.sleep(0.05)


def measured(chosen: argparse.Namespace, home: Path) -> Probe:
    """All rounds."""
    probe = Probe()
    sys.stderr.write(f"a slot's work is {probe.loops} loops\n")
    turns = [(regime, session) for regime in chosen.regimes for session in chosen.sessions]
    for number in range(chosen.rounds):
        # Another order each time, so that what disturbs from outside disturbs no regime more than another.
        for regime, session in random.Random(number).sample(turns, len(turns)):
            sys.stderr.write(f"round {number + 1} of {chosen.rounds}: {regime}, {session} session\n")
            if regime == "whole_night":
                whole_night(probe, home, session)
                continue
            own = session == "other"
            with (
                hogs(own_session=own)
                if regime == "hog"
                else nights(home, own_session=own, plain=regime == "night_plain")
            ) as contender:
                probe.beside((regime, session), contender, partial(time.sleep, chosen.seconds))
    return probe


def main() -> None:
    """Run the rounds in turn, print a line each regime and session."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--home", type=Path, default=Path("data") / "isolation", help="made if missing")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=30.0, help="of a round beside hogs and nights")
    arguments.add_argument("--quiet", type=float, default=20.0, help="percent that the probe alone may miss")
    arguments.add_argument("--regimes", nargs="*", choices=REGIMES, default=list(REGIMES))
    arguments.add_argument("--sessions", nargs="*", choices=SESSIONS, default=list(SESSIONS))
    arguments.add_argument("--shield", action="store_true", help="keep strangers out (see shield.py)")
    chosen = arguments.parse_args()
    home = chosen.home.resolve()
    prepare(home, symbols=60, days=180)
    with shielded() if chosen.shield else contextlib.nullcontext():
        probe = measured(chosen, home)
    for name in sorted(probe.turns):
        sys.stdout.write(json.dumps(probe.line(name, chosen.quiet)) + "\n")


if __name__ == "__main__":
    main()
