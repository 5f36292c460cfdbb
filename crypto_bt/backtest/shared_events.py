"""When a portfolio may enter what: the targets of all symbols as one list in the order of time and rank."""

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest.bars import Bars
from crypto_bt.backtest.candle_rows import DAY_MS
from crypto_bt.backtest.kernel.shared_layout import (
    BAR,
    BY_END,
    BY_GAP,
    BY_SIGN,
    ENDING,
    EVENT_FIELDS,
    HUNDREDTHS,
    STEP,
    SYMBOL,
    UNTIL,
    Grid,
)

Integers = NDArray[np.int64]


def grid_of(bars: Bars) -> Grid:
    """The steps that the bars of all symbols lie on."""
    length, first = bars.timeframe.milliseconds, int(bars.open_time.min())
    return Grid(
        last=(int(bars.open_time.max()) - first) // length,
        per_day=DAY_MS // length,
        ahead=first % DAY_MS // length,
        day=first // DAY_MS - bars.first_day,
    )


def steps_of(bars: Bars) -> Integers:
    """The step of each bar."""
    steps: Integers = (bars.open_time - bars.open_time.min()) // bars.timeframe.milliseconds
    return steps


def entry_events(bars: Bars, targets: NDArray[np.int8], ranks: NDArray[np.float64] | None = None) -> Integers:
    """Possible entries (events, 6) of one signal set in the columns of the kernel's ``shared_layout``.

    ``targets`` (bars) are hundredths at each bar's close. An entry is possible at the bar after each change
    of the sign to long or short, if no candle is missing between. Those of one step are in the order of
    their ``ranks`` (bars; the highest first, NaN last), then of their targets' size, then of the symbols.
    """
    sign = np.sign(targets)
    begins = np.append(True, sign[1:] != sign[:-1])
    begins[bars.stretches[:-1]] = True
    first = np.flatnonzero(begins)
    following = np.append(first[1:], len(targets))
    stretch = np.searchsorted(bars.stretches, first, side="right")
    end = bars.stretches[stretch]
    possible = (sign[first] != 0) & (first + 1 < end)
    first, following, end = first[possible], following[possible], end[possible]
    steps = steps_of(bars)
    events = np.empty((len(first), EVENT_FIELDS), np.int64)
    events[:, STEP] = steps[first + 1]
    events[:, BAR] = first + 1
    events[:, UNTIL] = np.minimum(following + 1, end)
    events[:, SYMBOL] = np.searchsorted(bars.offsets, first, side="right") - 1
    events[:, HUNDREDTHS] = targets[first]
    at_end = np.where(steps[end - 1] == steps.max(), BY_END, BY_GAP)
    events[:, ENDING] = np.where(events[:, UNTIL] < end, BY_SIGN, at_end)
    keys = [events[:, SYMBOL], -np.abs(events[:, HUNDREDTHS]), events[:, STEP]]
    if ranks is not None:
        keys.insert(2, -ranks[first])
    return events[np.lexsort(keys)]
