"""The targets of the last days as the walk-forward was in charge of them, for comparing night with night."""

from typing import Final

import numpy as np
import polars as pl

from crypto_bt.backtest.candle_rows import DAY_MS
from crypto_bt.backtest.nightly.recording import InCharge
from crypto_bt.backtest.nightly.sweeping import Trial

DAYS_KEPT: Final = 30


def recent_targets(trial: Trial, in_charge: InCharge) -> pl.DataFrame:
    """symbol, open_time, target (-1 to 1) of each bar of the last :data:`DAYS_KEPT` days that has one.

    A bar's target is that of the set in charge of the UTC day in which it opens.
    """
    rows = trial.signals.bars.rows
    day = rows["open_time"].dt.epoch("ms").to_numpy() // DAY_MS
    first = max(int(in_charge.days[0]), int(in_charge.days[-1]) - DAYS_KEPT + 1)
    kept = np.flatnonzero((day >= first) & (day <= in_charge.days[-1]))
    chosen = in_charge.chosen[day[kept] - in_charge.days[0]]
    target = np.zeros(len(kept))
    for number in np.unique(chosen[chosen >= 0]):
        own = chosen == number
        target[own] = trial.signals.targets[trial.sets[int(number)].signal_set, kept[own]] / 100.0
    return rows[kept].select(
        pl.col("symbol").cast(pl.String), "open_time", target=pl.Series(target, dtype=pl.Float64)
    )
