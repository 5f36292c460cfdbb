"""Rounding and the fills of market orders and stops (rules 7 and 9)."""

from typing import Any

import numpy as np

from crypto_bt.backtest.kernel.compiled import part
from crypto_bt.backtest.layout import HIGH, LOW, OPEN


@part
def down(value: float, step: float) -> Any:
    """``value`` rounded down to ``step``; a step of 0 rounds nothing."""
    return value if step == 0.0 else np.floor(value / step + 1e-9) * step


@part
def up(value: float, step: float) -> Any:
    """``value`` rounded up to ``step``."""
    return value if step == 0.0 else np.ceil(value / step - 1e-9) * step


@part
def nearest(value: float, step: float) -> Any:
    """``value`` rounded to the nearest ``step``."""
    return value if step == 0.0 else np.floor(value / step + 0.5) * step


@part
def market_fill(
    rules: Any, contract: Any, line: Any, volume: float, price: float, buys: float, quantity: float
) -> Any:
    """Where a market order or stop of ``quantity`` is filled at ``price``; ``buys`` is 1, for a sale -1."""
    slippage = rules.slippage
    if rules.costs_vary:
        share = min(quantity / volume, 1.0) if volume > 0.0 else 1.0
        slippage += rules.range_share * (line[HIGH] - line[LOW]) / line[OPEN] + rules.impact * np.sqrt(share)
    slippage = min(slippage, 0.5)
    if buys > 0.0:
        return up(price * (1.0 + slippage), contract.tick)
    return down(price * (1.0 - slippage), contract.tick)


@part
def is_adverse(side: float, price: float, level: float) -> Any:
    """Whether ``price`` is at ``level`` or beyond it against a position of ``side``."""
    return side * price <= side * level


@part
def is_favourable(side: float, price: float, level: float) -> Any:
    """Whether ``price`` is at ``level`` or beyond it in favour of a position of ``side``."""
    return side * price >= side * level
