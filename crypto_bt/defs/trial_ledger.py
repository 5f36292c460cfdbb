"""The file of the trial ledger: what every night has ever tried, beside the results."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from crypto_bt.backtest.nightly.parameter_sets import parameter_sets
from crypto_bt.backtest.trials import addition, read_ledger, trials_of
from crypto_bt.store.durable import read_bytes, write_atomically
from crypto_bt.store.locking import exclusive

LEDGER: Final = "trials.jsonl"


def record_trials(root: Path, night: date, strategies: Mapping[str, Mapping[str, Any]], now: datetime) -> int:
    """Add what ``night`` tries to the ledger in ``root``, and count the trials of all nights up to it.

    The same night counts the same again, whatever later nights have tried. Raises :class:`StoreError` where
    the ledger cannot be written.
    """
    tonight = [
        trials_of(night, name, [each.tried for each in parameter_sets(name, overrides)])
        for name, overrides in strategies.items()
    ]
    path = root / LEDGER
    with exclusive(root, who=f"the trials of {night}", now=now, timeout=60.0):
        data = read_bytes(path) if path.exists() else b""
        news = addition(data, tonight)
        if news:
            write_atomically(path, data + news)
    return max(1, read_ledger(data + news).count(until=night))
