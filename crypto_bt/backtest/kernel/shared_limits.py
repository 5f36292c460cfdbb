"""What the portfolio permits an entry: how large, or why not at all (rules 57 to 63)."""

from typing import Any

import numpy as np

from crypto_bt.backtest.kernel.accounts import given_at
from crypto_bt.backtest.kernel.compiled import part
from crypto_bt.backtest.kernel.opening import enter
from crypto_bt.backtest.kernel.shared_layout import (
    BAR,
    CASH,
    CORRELATION,
    HUNDREDTHS,
    LEVERAGE,
    LOOKBACK_DAYS,
    ORDER,
    PLACE_SYMBOL,
    RISK,
    SHIFT,
    STEP,
    SYMBOL,
    VOLATILITY,
)
from crypto_bt.backtest.layout import OPEN

#: Equity below this share of the initial capital is rounding, and nothing (rule 57).
NOTHING = 1e-9
#: What is left of a limit below this share of the equity is worth no order (rule 60).
CRUMBS = 1e-6
#: What :func:`enter_within` answers where it neither enters nor refuses.
RUINED = -1
ENTERED = 0


@part
def open_risk(a: Any) -> Any:
    """What the position may still lose of its entry's worth: down to its stop, at most its margin (quote)."""
    return max(0.0, min(a.margin, a.held * max(0.0, a.side * (a.entry - a.stop))))


@part
def at_open(accounts: Any, slots: Any, places: Any, held: int, market: Any, step: int) -> Any:
    """Worth, notional and open risk (quote) of all positions at the open of ``step``."""
    worth = notional = risk = 0.0
    for k in range(held):
        a = accounts[slots[k]]
        price = market.bars[step + places[slots[k], SHIFT], OPEN]
        worth += a.margin + a.side * a.held * (price - a.entry)
        notional += a.held * price
        risk += open_risk(a)
    return worth, notional, risk


@part
def correlation(history: Any, first: int, second: int, day: int) -> Any:
    """Pearson's correlation of two symbols' daily returns before ``day``; NaN where it is not known."""
    scale = history.scale[first, day] * history.scale[second, day]
    if np.isnan(scale):
        return np.nan
    total = 0.0
    for k in range(day - LOOKBACK_DAYS, day):
        total += history.returns[first, k] * history.returns[second, k]
    return (total - LOOKBACK_DAYS * history.mean[first, day] * history.mean[second, day]) * scale


@part
def moves_alike(
    accounts: Any, slots: Any, places: Any, held: int, history: Any, symbol: int, side: float, day: int,
    most: float,
) -> Any:  # fmt: skip
    """Whether the entry would move with any held position more than ``most`` allows; unknown: no."""
    for k in range(held):
        sides = side * accounts[slots[k]].side
        if sides * correlation(history, symbol, places[slots[k], PLACE_SYMBOL], day) > most:
            return True
    return False


@part
def enter_within(
    p: Any, accounts: Any, slots: Any, places: Any, held: int, market: Any, history: Any, contracts: Any,
    tiers: Any, largest: Any, event: Any, rules: Any, limits: Any, day: int, capital: float,
) -> Any:  # fmt: skip
    """Enter the event in the slot after the ``held`` ones; returns ENTERED, RUINED or the refusal's cause."""
    symbol = event[SYMBOL]
    side = 1.0 if event[HUNDREDTHS] > 0 else -1.0
    weight = abs(event[HUNDREDTHS]) / 100.0
    worth, notional, risk = at_open(accounts, slots, places, held, market, event[STEP])
    equity = p.cash + worth
    if equity <= NOTHING * capital:
        return RUINED
    if limits.max_correlation < 1.0 and moves_alike(
        accounts, slots, places, held, history, symbol, side, day, limits.max_correlation
    ):
        return CORRELATION
    size = rules.exposure
    if limits.target_volatility < np.inf:
        volatility = history.volatility[symbol, day]
        if np.isnan(volatility):
            return VOLATILITY
        if volatility > 0.0:
            size = min(size, limits.target_volatility / volatility)
    risk_left = limits.total_risk * equity - risk
    if risk_left <= CRUMBS * equity:
        return RISK
    notional_left = limits.max_leverage * equity - notional
    if notional_left <= CRUMBS * equity:
        return LEVERAGE
    if p.cash <= CRUMBS * equity:
        return CASH
    most = min(
        weight * size * equity, limits.max_asset_share * equity, notional_left, largest[symbol],
        p.cash * rules.carried,
    )  # fmt: skip
    loss = min(weight * limits.risk_per_trade * equity, risk_left)
    a = accounts[slots[held]]
    a.cash = p.cash
    i = event[BAR]
    given = given_at(market, rules.signal_set, i - 1)
    if not enter(
        a, rules, contracts[symbol], tiers, most, loss, rules.margin_rate, market.bars[i], market.volume[i],
        i, side, given,
    ):  # fmt: skip
        return ORDER
    a.before = equity
    p.cash = a.cash
    a.cash = 0.0
    return ENTERED
