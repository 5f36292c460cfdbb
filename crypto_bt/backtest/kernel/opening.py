"""The beginning of a trade: fill, quantity and the exits attached to it (rules 7, 9, 12, 13, 15 to 19)."""

from typing import Any

import numpy as np

from crypto_bt.backtest.kernel.compiled import part
from crypto_bt.backtest.kernel.leaving import settle_from_here
from crypto_bt.backtest.kernel.margin import watch_margin
from crypto_bt.backtest.kernel.prices import down, market_fill, nearest
from crypto_bt.backtest.layout import OPEN, PAID_AT_OPEN


@part
def stop_level(rules: Any, tick: float, side: float, fill: float, given: float, atr: float) -> Any:
    """The nearer of the rule's stop-loss and the strategy's (``given``, NaN for none); else far away."""
    stop = -side * np.inf
    if rules.stop_percent > 0.0 or rules.stop_atr > 0.0:
        stop = nearest(fill - side * length(rules.stop_percent, rules.stop_atr, fill, atr), tick)
    if not np.isnan(given):
        own = nearest(given, tick)
        stop = own if side * own > side * stop else stop
    return stop


@part
def length(percent: float, atrs: float, fill: float, atr: float) -> Any:
    """A distance in quote; the ATR need not be known where none is asked for."""
    return percent * fill + (atrs * atr if atrs > 0.0 else 0.0)


@part
def ahead(percent: float, atrs: float, side: float, fill: float, atr: float, tick: float) -> Any:
    """The level that far on the favourable side of the entry; infinitely far where there is no such rule."""
    if percent == 0.0 and atrs == 0.0:
        return side * np.inf
    return nearest(fill + side * length(percent, atrs, fill, atr), tick)


@part
def wanted_quantity(
    rules: Any, tick: float, notional: float, risk: float, unstopped: float, side: float, fill: float,
    given_stop: float, atr: float,
) -> Any:  # fmt: skip
    """Rule 12 before rounding to the lot: at most ``notional``, and what loses at most ``risk`` (quote).

    One unit loses its distance to the stop, but not more than the share ``unstopped`` of the fill.
    """
    quantity = notional / fill
    if risk < np.inf:
        stop = stop_level(rules, tick, side, fill, given_stop, atr)
        if stop != fill:
            quantity = min(quantity, risk / min(abs(fill - stop), unstopped * fill))
    return quantity


@part
def enter(
    a: Any, rules: Any, contract: Any, tiers: Any, notional: float, risk: float, unstopped: float, line: Any,
    volume: float, i: int, side: float, given: Any,
) -> Any:  # fmt: skip
    """Open a position at the open of the bar ``line``; False where the entry is refused.

    ``given`` is what came with the target: (stop price, target price, ATR), NaN where nothing did. For
    ``notional``, ``risk`` and ``unstopped`` see :func:`wanted_quantity`.
    """
    given_stop, given_target, atr = given
    if rules.needs_atr and np.isnan(atr):
        return False
    price, tick, cash = line[OPEN], contract.tick, a.cash
    expected = 0.0  # only costs that vary with the quantity ask for it
    if rules.costs_vary:
        expected = wanted_quantity(rules, tick, notional, risk, unstopped, side, price, given_stop, atr)
    fill = market_fill(rules, contract, line, volume, price, side, expected)
    if fill <= 0.0:
        return False
    quantity = down(
        wanted_quantity(rules, tick, notional, risk, unstopped, side, fill, given_stop, atr), contract.lot
    )
    if not quantity > 0.0 or quantity < contract.min_quantity or quantity * fill < contract.min_notional:
        return False
    stop = stop_level(rules, tick, side, fill, given_stop, atr)
    if not np.isnan(given_stop) and side * (fill - nearest(given_stop, tick)) <= 0.0:
        return False
    target = ahead(rules.target_percent, rules.target_atr, side, fill, atr, tick)
    if not np.isnan(given_target):
        own = nearest(given_target, tick)
        if side * (own - fill) <= 0.0:
            return False
        target = own if side * own < side * target else target
    a.side, a.quantity, a.held, a.entry, a.market = side, quantity, quantity, fill, price
    a.stop, a.target = stop, target
    attach_moving_exits(a, rules, contract, fill, atr)
    a.entry_bar, a.before, a.paid_until = i, cash, line[PAID_AT_OPEN]
    a.margin = quantity * fill * rules.margin_rate
    a.commission = rules.taker * quantity * fill
    a.slippage = quantity * abs(fill - price)
    a.funding = a.moved = a.proceeds = 0.0
    settle_from_here(a)
    a.cash = max(0.0, cash - a.margin - a.commission)
    watch_margin(a, tiers, 0.0)
    return True


@part
def attach_moving_exits(a: Any, rules: Any, contract: Any, fill: float, atr: float) -> Any:
    """Scale-out, trailing stop and break-even of the entry."""
    side, tick = a.side, contract.tick
    a.scale = side * np.inf
    if rules.scale_percent > 0.0 or rules.scale_atr > 0.0:
        share = down(a.quantity * rules.scale_share, contract.lot)
        if 0.0 < share < a.quantity:
            a.scale = ahead(rules.scale_percent, rules.scale_atr, side, fill, atr, tick)
    a.limit = a.scale if side * a.scale < side * a.target else a.target
    if not rules.moves:
        return
    a.best = -side * np.inf
    a.trail_from = a.even_from = side * np.inf
    a.trail_amount = a.even_stop = 0.0
    if rules.trails:
        a.trail_amount = rules.trail_atr * atr if rules.trail_atr > 0.0 else 0.0
        a.trail_from = -side * np.inf
        if rules.waits_to_trail:
            a.trail_from = ahead(rules.trail_after_percent, rules.trail_after_atr, side, fill, atr, tick)
    if rules.even_after_percent > 0.0 or rules.even_after_atr > 0.0:
        a.even_from = ahead(rules.even_after_percent, rules.even_after_atr, side, fill, atr, tick)
        a.even_stop = nearest(fill * (1.0 + side * rules.even_offset), tick)
