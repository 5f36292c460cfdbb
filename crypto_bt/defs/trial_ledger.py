"""The file of the trial ledger: what every night has ever tried, beside the results."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from crypto_bt.backtest.nightly.parameter_sets import ParameterSet, parameter_sets
from crypto_bt.backtest.trials import addition, read_ledger, trials_in_doubt, trials_of
from crypto_bt.core.errors import BacktestError
from crypto_bt.defs.earlier_nights import stamps_before
from crypto_bt.defs.resources import Desk
from crypto_bt.store.durable import read_bytes, write_atomically
from crypto_bt.store.locking import exclusive
from crypto_bt.strategies.content import content_digest

LEDGER: Final = "trials.jsonl"


@dataclass(frozen=True, slots=True)
class Tried:
    """How many parameter sets were ever tried, and in a sentence what the ledger has lost; "" if nothing."""

    count: int
    doubt: str


def record_trials(
    desk: Desk, night: date, strategies: Mapping[str, Mapping[str, Any]], now: datetime
) -> Tried:
    """Add what ``night`` tries to the ledger beside the results, and count the trials of all nights up to it.

    The same night counts the same again, whatever later nights have tried; never fewer than a night before it
    counted. Raises :class:`StoreError` where the ledger cannot be written.
    """
    root = desk.results.root
    tonight = []
    for name, overrides in strategies.items():
        sets = parameter_sets(name, overrides)
        tonight.append(trials_of(night, name, [each.tried for each in sets], _content(sets[0])))
    counted = {earlier: int(stamp.get("trials") or 0) for earlier, stamp in stamps_before(desk, night)}
    path = root / LEDGER
    with exclusive(root, who=f"the trials of {night}", now=now, timeout=60.0):
        data = read_bytes(path) if path.exists() else b""
        news = addition(data, tonight)
        if news:
            write_atomically(path, data + news)
    return Tried(*trials_in_doubt(read_ledger(data + news), night, counted))


def _content(first: ParameterSet) -> str:
    """ "" where a file is missing: the night itself refuses the strategy and says so."""
    try:
        return content_digest(first.strategy)
    except BacktestError:
        return ""
