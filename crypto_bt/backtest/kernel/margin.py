"""Maintenance margin and liquidation of an isolated position (rules 22 and 23).

Source: the exchange's own formula, LP = (margin + cum - side x Q x EP) / (Q x MMR - side x Q).
"""

from typing import Any

import numpy as np

from crypto_bt.backtest.kernel.compiled import part
from crypto_bt.backtest.layout import TIER_AMOUNT, TIER_FLOOR, TIER_RATE


@part
def tier_of(tiers: Any, notional: float) -> Any:
    """The number of the tier of a notional; beyond the last cap it is the last."""
    number = 0
    while number + 1 < tiers.shape[0] and tiers[number + 1, TIER_FLOOR] <= notional:
        number += 1
    return number


@part
def maintenance(tiers: Any, notional: float) -> Any:
    """Maintenance margin of a notional, quote; 0 without tiers."""
    if tiers.shape[0] == 0:
        return 0.0
    tier = tier_of(tiers, notional)
    return notional * tiers[tier, TIER_RATE] - tiers[tier, TIER_AMOUNT]


@part
def sinks(a: Any, tiers: Any, price: float) -> Any:
    """Whether the position of the account ``a`` is liquidated at ``price``."""
    equity = a.margin + a.side * a.held * (price - a.entry)
    return equity <= maintenance(tiers, a.held * price)


@part
def liquidation_price(a: Any, tiers: Any) -> Any:
    """The price at which margin and maintenance margin are equal.

    What is above maintenance falls steadily as the price moves against the position, so the tier is the
    last one at whose beginning a long is already sunk, or a short not yet.
    """
    rate = amount = 0.0
    for number in range(tiers.shape[0]):
        notional = tiers[number, TIER_FLOOR]
        needed = notional * tiers[number, TIER_RATE] - tiers[number, TIER_AMOUNT]
        above = a.margin + a.side * (notional - a.held * a.entry) - needed
        if number > 0 and a.side * above > 0.0:
            break
        rate, amount = tiers[number, TIER_RATE], tiers[number, TIER_AMOUNT]
    return (a.margin + amount - a.side * a.held * a.entry) / (a.held * rate - a.side * a.held)


@part
def watch_margin(a: Any, tiers: Any, needed: float) -> Any:
    """Set ``sink``: no price short of it liquidates while the margin is ``least_margin`` or more.

    It is on the safe side: the rate of twice the notional at entry, without the maintenance amount. A short
    is watched closely from twice its entry price on, where higher rates could hold; a long whose sink is
    so far up, always. ``needed`` (quote) is how much the margin may fall before this is called again.
    """
    a.least_margin = a.margin - max(needed, abs(a.margin) * 0.03125)
    rate = 0.0
    if tiers.shape[0] > 0:
        rate = tiers[tier_of(tiers, 2.0 * a.held * a.entry), TIER_RATE]
    twice = 2.0 * a.entry
    a.sink = (a.held * a.entry - a.side * a.least_margin) / (a.held * (1.0 - a.side * rate))
    if a.side < 0.0:
        a.sink = min(a.sink, twice)
    elif a.sink >= twice:
        a.sink = np.inf
