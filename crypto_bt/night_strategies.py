"""Has each strategy of a night evaluated in a process of its own, a few at a time, under its limits."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crypto_bt.backtest.nightly.evaluating import Evaluated
from crypto_bt.backtest.nightly.market import NightMarket
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
class StrategyProcesses:
    """``work`` is an empty folder that lives as long as the night's process; ``spec_file`` what it was
    given."""

    spec_file: Path
    work: Path

    def __call__(self, market: NightMarket, names: Sequence[str]) -> Iterator[Evaluated]:
        """The strategies in the order of ``names``; as many at a time as the night has threads."""
        with ThreadPoolExecutor(market.spec.threads) as pool:
            yield from pool.map(lambda name: self._evaluated(market, name), names)

    def _evaluated(self, market: NightMarket, name: str) -> Evaluated:
        folder = self.work / name
        folder.mkdir(parents=True)
        limits = Limits(market.spec.strategy_seconds, market.spec.memory_mb, PROCESSES)
        ended = run_watched(
            [
                *(sys.executable, "-m", "crypto_bt.night_signals", "--spec", str(self.spec_file)),
                *("--strategy", name, "--out", str(folder)),
            ],
            env={**os.environ, **_OF_STRATEGIES},
            errors=folder / "errors.txt",
            check=lambda used: _beyond(limits, used),
        )
        error = complaint(ended)
        if error is not None:
            return Evaluated(name, {}, None, error, ended.peak_mb)
        told = json.loads((folder / TOLD).read_text(encoding="utf-8"))
        return Evaluated(name, told, folder / TARGETS, peak_mb=ended.peak_mb)


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
