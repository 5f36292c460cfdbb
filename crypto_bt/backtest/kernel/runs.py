"""Where the sign of a signal changes: a run is an unbroken row of bars whose targets have one sign."""

from typing import Any

from crypto_bt.backtest.kernel.compiled import part


@part
def sign(target: int) -> Any:
    """-1, 0 or 1."""
    return 1 if target > 0 else -1 if target < 0 else 0


@part
def find_runs(signal: Any, stretches: Any, found: Any) -> Any:
    """Write the first bar of each run into ``found``, then the bar after the last; returns how many runs.

    ``stretches`` bound the stretches without missing candles; each begins a run of its own.
    """
    count = 0
    for stretch in range(stretches.shape[0] - 1):
        first, end = stretches[stretch], stretches[stretch + 1]
        found[count] = first
        count += 1
        before = signal[first]
        for i in range(first + 1, end):
            if signal[i] != before:
                if sign(signal[i]) != sign(before):
                    found[count] = i
                    count += 1
                before = signal[i]
    found[count] = stretches[stretches.shape[0] - 1]
    return count
