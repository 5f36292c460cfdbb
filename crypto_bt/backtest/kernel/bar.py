"""One bar of a position in full, from the funding at its open to the stop for the next bar (rule 21)."""

from typing import Any

import numpy as np

from crypto_bt.backtest.kernel.compiled import part
from crypto_bt.backtest.kernel.leaving import leave, leave_at_limit, liquidate, settle, worth_but_price
from crypto_bt.backtest.kernel.margin import liquidation_price, sinks, watch_margin
from crypto_bt.backtest.kernel.prices import down, is_adverse, is_favourable, nearest
from crypto_bt.backtest.layout import (
    BARS_HELD,
    CLOSE,
    DECIDED_BY_STOP,
    DECIDED_FINER,
    HIGH,
    LOW,
    MARK_HIGH,
    MARK_LOW,
    OPEN,
    PAID_AT_END,
    PAID_AT_OPEN,
    ExitReason,
)

_STOP = int(ExitReason.STOP)


@part
def survive_open(a: Any, row: Any, trades: Any, contract: Any, tiers: Any, line: Any, i: int) -> Any:
    """Funding settled at the open, then liquidation there; whether a position is still held."""
    settle(a, line[PAID_AT_OPEN])
    if sinks(a, tiers, line[OPEN]):
        liquidate(a, row, trades, contract.liquidation_fee, line[OPEN], i, 0)
        return False
    return True


@part
def hold_through(
    a: Any, row: Any, trades: Any, rules: Any, contract: Any, tiers: Any, bars: Any, volume: float,
    finer: Any, first_finer: int, finer_count: int, i: int,
) -> Any:  # fmt: skip
    """All that may happen in bar ``i`` to the position held after the orders at its open."""
    line = bars[i]
    survived = survive_open(a, row, trades, contract, tiers, line, i)
    if survived or i == a.entry_bar:
        row[BARS_HELD] += 1.0
    if not survived:
        return
    fill_limits_at(a, row, trades, rules, contract, tiers, line[OPEN], i, 0)
    if a.side != 0.0 and is_adverse(a.side, line[OPEN], a.stop):
        leave(a, row, trades, rules, contract, line, volume, line[OPEN], i, 0, _STOP)
    if a.side == 0.0:
        return
    settle(a, line[PAID_AT_END])
    sunk = liquidation_price(a, tiers)
    adverse, favourable, mark = extremes(a.side, line)
    reached = is_adverse(a.side, adverse, a.stop) or is_adverse(a.side, mark, sunk)
    both = reached and is_favourable(a.side, favourable, a.limit)
    if both and first_finer >= 0:
        row[DECIDED_FINER] += 1.0
        for k in range(first_finer, first_finer + finer_count):
            fill_limits_at(a, row, trades, rules, contract, tiers, finer[k, OPEN], i, 1)
            if a.side != 0.0:
                meet_levels(a, row, trades, rules, contract, tiers, line, volume, finer[k], i)
            if a.side == 0.0:
                return
    else:
        if both:
            row[DECIDED_BY_STOP] += 1.0
        meet_levels(a, row, trades, rules, contract, tiers, line, volume, line, i)
    if a.side != 0.0:
        if rules.moves:
            a.best, a.stop = moved_stop(a, rules, contract.tick, a.best, a.stop, favourable)
        a.mark = worth_but_price(a) + a.side * a.held * (line[CLOSE] - line[PAID_AT_END])


@part
def extremes(side: float, line: Any) -> Any:
    """A bar's most adverse and most favourable price, and its most adverse mark price."""
    if side > 0.0:
        return line[LOW], line[HIGH], line[MARK_LOW]
    return line[HIGH], line[LOW], line[MARK_HIGH]


@part
def fill_limits_at(
    a: Any, row: Any, trades: Any, rules: Any, contract: Any, tiers: Any, price: float, i: int, inside: int
) -> Any:
    """An open at or beyond the take-profit, or the scale-out, fills it at this better price."""
    if is_favourable(a.side, price, a.target):
        leave_at_limit(a, row, trades, rules, price, a.held, i, inside)
    elif is_favourable(a.side, price, a.scale):
        scale_out(a, row, trades, rules, contract, tiers, price, i, inside)


@part
def meet_levels(
    a: Any, row: Any, trades: Any, rules: Any, contract: Any, tiers: Any, line: Any, volume: float,
    step: Any, i: int,
) -> Any:  # fmt: skip
    """Inside ``step``, the bar ``line`` or a finer one in it: the adverse side first, then the limits."""
    side = a.side
    adverse, favourable, mark = extremes(side, step)
    sunk = liquidation_price(a, tiers)
    stopped = is_adverse(side, adverse, a.stop)
    if is_adverse(side, mark, sunk) and not (stopped and side * a.stop > side * sunk):
        price = step[OPEN] if is_adverse(side, step[OPEN], sunk) else sunk
        liquidate(a, row, trades, contract.liquidation_fee, price, i, 1)
        return
    if stopped:
        price = step[OPEN] if is_adverse(side, step[OPEN], a.stop) else a.stop
        leave(a, row, trades, rules, contract, line, volume, price, i, 1, _STOP)
        return
    if is_favourable(side, favourable, a.scale) and side * a.scale <= side * a.target:
        scale_out(a, row, trades, rules, contract, tiers, a.scale, i, 1)
    if a.side != 0.0 and is_favourable(side, favourable, a.target):
        leave_at_limit(a, row, trades, rules, a.target, a.held, i, 1)


@part
def scale_out(
    a: Any, row: Any, trades: Any, rules: Any, contract: Any, tiers: Any, price: float, i: int, inside: int
) -> Any:
    """A share of the position leaves, once (rule 19)."""
    a.scale = a.side * np.inf
    a.limit = a.target
    share = down(a.held * rules.scale_share, contract.lot)
    leave_at_limit(a, row, trades, rules, price, share, i, inside)
    if a.side != 0.0:
        watch_margin(a, tiers, 0.0)


@part
def moved_stop(a: Any, rules: Any, tick: float, best: float, stop: float, extreme: float) -> Any:
    """The best price after a bar or block whose favourable extreme is given, and the stop it leads to."""
    side = a.side
    best = extreme if side * extreme > side * best else best
    if is_favourable(side, best, a.trail_from):
        trailing = nearest(best - side * (rules.trail_percent * best + a.trail_amount), tick)
        stop = trailing if side * trailing > side * stop else stop
    if is_favourable(side, best, a.even_from) and side * a.even_stop > side * stop:
        stop = a.even_stop
    return best, stop
