"""The formulas of rules 9, 22 and 23, as the text has them."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, inf

from crypto_bt.backtest.contracts import Tier


def down(value: float, step: float) -> float:
    return value if step == 0.0 else floor(value / step + 1e-9) * step


def up(value: float, step: float) -> float:
    return value if step == 0.0 else ceil(value / step - 1e-9) * step


def nearest(value: float, step: float) -> float:
    return value if step == 0.0 else floor(value / step + 0.5) * step


def amounts(tiers: Sequence[Tier]) -> list[float]:
    """amount_n of rule 23 for each tier."""
    found = [0.0]
    for before, tier in pairwise(tiers):
        found.append(tier.floor * (tier.rate - before.rate) + found[-1])
    return found


def maintenance(tiers: Sequence[Tier], notional: float) -> float:
    """The maintenance margin; a notional above the last cap is in the last tier."""
    if not tiers:
        return 0.0
    number = max(index for index, tier in enumerate(tiers) if index == 0 or tier.floor <= notional)
    return notional * tiers[number].rate - amounts(tiers)[number]


def liquidation_price(tiers: Sequence[Tier], margin: float, side: int, quantity: float, fill: float) -> float:
    """LP of rule 22: the price in whose tier the formula of that tier gives it.

    Where no price above 0 does: a long is sunk at none of them, a short at each.
    """
    bands = (
        [
            (tier.floor, tier.cap if tier is not tiers[-1] else inf, tier.rate, amount)
            for tier, amount in zip(tiers, amounts(tiers), strict=True)
        ]
        if tiers
        else [(0.0, inf, 0.0, 0.0)]
    )
    nearly: list[tuple[float, float]] = []
    for low, high, rate, amount in bands:
        price = (margin + amount - side * quantity * fill) / (quantity * rate - side * quantity)
        if price <= 0.0:
            continue
        if low <= quantity * price < high:
            return price
        nearly.append((min(abs(quantity * price / bound - 1.0) for bound in (low or inf, high)), price))
    missed, price = min(nearly, default=(inf, 0.0))
    return price if missed < 1e-12 else -inf if side == 1 else 0.0


def largest_notional(tiers: Sequence[Tier], leverage: float) -> float:
    """The largest notional whose tier allows ``leverage``."""
    return max((tier.cap for tier in tiers if tier.max_leverage >= leverage), default=0.0) if tiers else inf
