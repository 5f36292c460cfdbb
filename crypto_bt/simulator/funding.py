"""Funding of a synthetic symbol, every four or eight hours.

The exchange's formula: rate = premium + clamp(interest - premium, -0.05 %, +0.05 %), interest 0.01 % for
eight hours. The premium follows the last three days' return, as longs crowd into what has risen.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from crypto_bt.core.market import to_milliseconds
from crypto_bt.simulator.listings import OPENING
from crypto_bt.simulator.market import FloatArray, IntArray
from crypto_bt.simulator.path import HourlyPath, Hours, generator

_INTEREST: Final = 0.0001
_CLAMP: Final = 0.0005
_LARGEST: Final = 0.0075
_LATEST_MS: Final = 17


@dataclass(frozen=True, slots=True)
class FundingTable:
    """Settlements in order: ``times`` in ms with the exchange's few ms of delay, ``marks`` in ticks.

    ``hours`` is the length of the path that the table was made from.
    """

    hours: int
    times: IntArray
    rates: FloatArray
    marks: IntArray


def funding_table(seed: int, path: HourlyPath, hours: Hours) -> FundingTable:
    """All settlements within ``hours``; each depends only on hours before it."""
    every = path.listing.funding_hours
    slots = np.arange(every, len(hours), every)
    close = hours.close.astype(np.float64)
    risen = np.log(close[slots - 1] / close[np.maximum(slots - 73, 0)])
    surprise = risen / (path.listing.volatility * math.sqrt(3 / 365))
    # The draws come in sequence from one generator: a longer path appends, and changes none.
    noise = generator(seed, path.listing.symbol, "premium").standard_normal(len(slots))
    delay = generator(seed, path.listing.symbol, "delay").integers(0, _LATEST_MS + 1, len(slots))
    premium = 0.0001 + 0.0005 * np.clip(surprise, -6, 6) + 0.0003 * noise
    rates = premium + np.clip(_INTEREST - premium, -_CLAMP, _CLAMP)
    rates = np.clip(rates, -_LARGEST, _LARGEST) * every / 8
    opening = to_milliseconds(OPENING) + path.first_hour * 3_600_000
    return FundingTable(
        hours=len(hours),
        times=opening + slots * 3_600_000 + delay,
        rates=np.round(rates, 8),
        marks=np.rint(close[slots - 1] * (1 + hours.basis[slots - 1].astype(np.float64))).astype(np.int64),
    )
