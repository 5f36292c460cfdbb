"""The UTC days of each unbroken stretch of bars, summed up, so that a quiet day costs one step."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest.layout import (
    BLOCK_CLOSE,
    BLOCK_FIELDS,
    BLOCK_HIGH,
    BLOCK_LOW,
    BLOCK_MARK_HIGH,
    BLOCK_MARK_LOW,
    BLOCK_PAID,
    BLOCK_SWING,
    CLOSE,
    HIGH,
    LOW,
    MARK_HIGH,
    MARK_LOW,
    OPEN,
    PAID_AT_END,
    PAID_AT_OPEN,
)


@dataclass(frozen=True)
class Blocks:
    """``lines`` (blocks, 8) float64 with the columns of :mod:`crypto_bt.backtest.layout`; ``first`` (blocks
    + 1) is each block's first bar, ``day`` its UTC day counted from the first day of the equity; ``of``
    (bars) the block of each bar."""

    lines: NDArray[np.float64]
    first: NDArray[np.int64]
    day: NDArray[np.int64]
    of: NDArray[np.int32]


def blocks_of(
    lines: NDArray[np.float64],
    day: NDArray[np.int64],
    stretches: NDArray[np.int64],
    offsets: NDArray[np.int64],
) -> Blocks:
    """Sum up ``lines`` (bars, 8) by stretch and ``day`` (counted from the first day of the equity).

    ``offsets`` are the symbols' first bars.
    """
    begins = np.append(True, np.diff(day) != 0)
    begins[stretches[:-1]] = True
    first = np.flatnonzero(begins)
    paid_before = np.append(0.0, lines[:-1, PAID_AT_END])
    paid_before[offsets[:-1]] = 0.0
    paid = (paid_before, lines[:, PAID_AT_OPEN], lines[:, PAID_AT_END])
    blocks = np.zeros((len(first), BLOCK_FIELDS))
    blocks[:, BLOCK_HIGH] = np.maximum.reduceat(lines[:, HIGH], first)
    blocks[:, BLOCK_LOW] = np.minimum.reduceat(lines[:, LOW], first)
    blocks[:, BLOCK_MARK_HIGH] = np.maximum.reduceat(np.maximum(lines[:, OPEN], lines[:, MARK_HIGH]), first)
    blocks[:, BLOCK_MARK_LOW] = np.minimum.reduceat(np.minimum(lines[:, OPEN], lines[:, MARK_LOW]), first)
    last = np.append(first[1:], len(day)) - 1
    blocks[:, BLOCK_CLOSE] = lines[last, CLOSE]
    blocks[:, BLOCK_PAID] = lines[last, PAID_AT_END]
    highest = np.maximum.reduceat(np.maximum.reduce(paid), first)
    lowest = np.minimum.reduceat(np.minimum.reduce(paid), first)
    blocks[:, BLOCK_SWING] = highest - lowest
    return Blocks(
        lines=blocks,
        first=np.append(first, len(day)).astype(np.int64),
        day=day[first],
        of=(np.cumsum(begins) - 1).astype(np.int32),
    )
