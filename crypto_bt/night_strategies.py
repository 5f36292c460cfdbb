"""Has each strategy of a night evaluated in a process of its own, a few at a time, under its limits."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crypto_bt.core.stopping import Limits, exceeded
from crypto_bt.night_signals import TARGETS, TOLD
from crypto_bt.runtime.family import Usage
from crypto_bt.runtime.watched import Ended, Order, run_watched

#: More than any strategy needs, and few enough that a fork bomb is over before it is felt.
PROCESSES: Final = 32
#: Expressions make and drop many columns: to give each back at once would cost a tenth of the time.
_OF_STRATEGIES = {
    "POLARS_MAX_THREADS": "1",
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:300,muzzy_decay_ms:0,narenas:1",
}


@dataclass(frozen=True)
class Outcome:
    """What a strategy's process left: its ``targets`` (a file) and what is ``told`` of it; or the ``error``
    for which there are none. ``peak_mb`` is the memory it took."""

    name: str
    told: Mapping[str, Any]
    targets: Path | None
    error: str | None
    peak_mb: float


def run_strategies(spec_file: Path, work: Path, say: Callable[[Mapping[str, Any]], None]) -> list[Outcome]:
    """Evaluate the strategies of the spec, as many at a time as it has threads, in order of their names.

    ``work`` (made if missing) has to live as long as the targets are read. This comes before anything heavy
    is imported here, so that only the strategies' processes take memory. Raises ValueError, KeyError or
    TypeError for a spec that is none.
    """
    spec = json.loads(spec_file.read_text(encoding="utf-8"))
    names = sorted(spec["strategies"])
    limits = Limits(float(spec["strategy_seconds"]), float(spec["memory_mb"]), PROCESSES)
    outcomes = []
    with ThreadPoolExecutor(int(spec["threads"])) as pool:
        for found in pool.map(lambda name: _evaluated(spec_file, work / name, name, limits), names):
            outcomes.append(found)
            count = {"done": len(outcomes), "of": len(names)}
            say(
                {"event": "progress", "strategy": found.name, "error": found.error, **count}
                | {"peak_mb": found.peak_mb}
            )
    return outcomes


def _evaluated(spec_file: Path, folder: Path, name: str, limits: Limits) -> Outcome:
    folder.mkdir(parents=True)
    ended = run_watched(
        [
            *(sys.executable, "-m", "crypto_bt.night_signals", "--spec", str(spec_file)),
            *("--strategy", name, "--out", str(folder)),
        ],
        env={**os.environ, **_OF_STRATEGIES},
        errors=folder / "errors.txt",
        check=lambda used: _beyond(limits, used),
    )
    error = complaint(ended)
    if error is not None:
        return Outcome(name, {}, None, error, ended.peak_mb)
    told = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    return Outcome(name, told, folder / TARGETS, None, ended.peak_mb)


def _beyond(limits: Limits, used: Usage) -> Order | None:
    found = exceeded(limits, seconds=used.seconds, memory_mb=used.memory_mb, processes=used.processes)
    return None if found is None else Order(found[1])


def complaint(ended: Ended) -> str | None:
    """Why the strategy has no signals, in a sentence; None where it has."""
    if ended.stopped is not None:
        return f"it {ended.stopped}, and was stopped"
    if ended.code < 0:
        return f"its process was killed by signal {-ended.code}"
    if ended.code > 0:
        return ended.complained.splitlines()[-1] if ended.complained else f"it ended with code {ended.code}"
    return None
