"""The held positions of a portfolio: at a step's open, through its bars, and in the books (rules 55, 56, 67).

A held position is an account of the other kernel with no cash of its own: what leaves it lies in its ``cash``
until the portfolio takes it, and its ``mark`` is what it is worth.
"""

from typing import Any

from crypto_bt.backtest.kernel.bar import survive_open
from crypto_bt.backtest.kernel.compiled import part
from crypto_bt.backtest.kernel.holding import hold_bar
from crypto_bt.backtest.kernel.leaving import book, leave
from crypto_bt.backtest.kernel.shared_layout import (
    BAR,
    BY_GAP,
    BY_SIGN,
    ENDING,
    PLACE_ENDING,
    PLACE_SYMBOL,
    PLACE_TIMED,
    PLACE_UNTIL,
    SHIFT,
    STEP,
    SYMBOL,
    UNTIL,
)
from crypto_bt.backtest.kernel.shared_limits import open_risk
from crypto_bt.backtest.layout import CLOSE, OPEN, ExitReason

_SIGNAL, _GAP, _OPEN, _TIME, _DRAWDOWN = (
    int(ExitReason.SIGNAL), int(ExitReason.GAP), int(ExitReason.OPEN), int(ExitReason.TIME),
    int(ExitReason.DRAWDOWN),
)  # fmt: skip


@part
def take_back(p: Any, a: Any) -> Any:
    """What left the position is the portfolio's."""
    p.cash += a.cash
    p.streak = a.streak
    a.cash = 0.0


@part
def close_ranks(slots: Any, k: int, held: int) -> Any:
    """Take the slot at ``k`` out of the ``held`` first ones, which keep their order; returns their number."""
    freed = slots[k]
    for following in range(k, held - 1):
        slots[following] = slots[following + 1]
    slots[held - 1] = freed
    return held - 1


@part
def begin_step(
    p: Any, accounts: Any, slots: Any, places: Any, held: int, row: Any, trades: Any, rules: Any,
    contracts: Any, tiers: Any, tier_offsets: Any, market: Any, step: int, closes: bool, enters: bool,
) -> Any:  # fmt: skip
    """The open of ``step`` for the positions carried into it; returns how many are still held.

    Those that leave at this open do; where entries are to be decided (``enters``), funding and liquidation
    of the others come first too.
    """
    k = 0
    while k < held:
        slot = slots[k]
        i = step + places[slot, SHIFT]
        leaves = i == places[slot, PLACE_UNTIL]
        if not (leaves or closes or enters):
            k += 1
            continue
        a = accounts[slot]
        symbol = places[slot, PLACE_SYMBOL]
        owed = tiers[tier_offsets[symbol] : tier_offsets[symbol + 1]]
        line = market.bars[i]
        a.streak = p.streak
        if survive_open(a, row, trades, contracts[symbol], owed, line, i) and (leaves or closes):
            reason = _DRAWDOWN
            if leaves:
                reason = _TIME if places[slot, PLACE_TIMED] else _SIGNAL
            volume = market.volume[i]
            leave(a, row, trades, rules, contracts[symbol], line, volume, line[OPEN], i, 0, reason)
        if a.side == 0.0:
            take_back(p, a)
            held = close_ranks(slots, k, held)
        else:
            k += 1
    return held


@part
def hold_step(
    p: Any, accounts: Any, slots: Any, places: Any, held: int, row: Any, trades: Any, rules: Any,
    contracts: Any, tiers: Any, tier_offsets: Any, market: Any, step: int,
) -> Any:  # fmt: skip
    """All positions through the bars of ``step``, and the equity at its close; returns how many are held.

    What is freed inside the bars is cash from the next open on.
    """
    equity = p.cash
    nothing = market.volume[:0]
    k = 0
    while k < held:
        slot = slots[k]
        i = step + places[slot, SHIFT]
        a = accounts[slot]
        symbol = places[slot, PLACE_SYMBOL]
        owed = tiers[tier_offsets[symbol] : tier_offsets[symbol + 1]]
        a.streak = p.streak
        hold_bar(a, row, trades, nothing, rules, contracts[symbol], owed, market, i)
        if a.side != 0.0 and i + 1 == places[slot, PLACE_UNTIL] and places[slot, PLACE_ENDING] == BY_GAP:
            line = market.bars[i]
            leave(a, row, trades, rules, contracts[symbol], line, market.volume[i], line[CLOSE], i, 1, _GAP)
        equity += a.mark
        take_back(p, a)
        if a.side == 0.0:
            held = close_ranks(slots, k, held)
        else:
            k += 1
    p.mark = equity
    return held


@part
def occupy(places: Any, slot: int, event: Any, time_stop: int) -> Any:
    """Note where the position that was just entered is, and when it leaves at the latest."""
    i = event[BAR]
    places[slot, SHIFT] = i - event[STEP]
    places[slot, PLACE_UNTIL], places[slot, PLACE_SYMBOL] = event[UNTIL], event[SYMBOL]
    places[slot, PLACE_ENDING], places[slot, PLACE_TIMED] = event[ENDING], 0
    if time_stop > 0 and i + time_stop < event[UNTIL]:
        places[slot, PLACE_UNTIL] = i + time_stop
        places[slot, PLACE_ENDING], places[slot, PLACE_TIMED] = BY_SIGN, 1


@part
def record_step(
    p: Any, accounts: Any, slots: Any, places: Any, held: int, market: Any, line: Any, step: int
) -> Any:
    """Equity, cash, positions, open risk and notional at the close of ``step``."""
    risk = notional = 0.0
    for k in range(held):
        a = accounts[slots[k]]
        risk += open_risk(a)
        notional += a.held * market.bars[step + places[slots[k], SHIFT], CLOSE]
    line[0], line[1], line[2], line[3], line[4] = p.mark, p.cash, held, risk, notional


@part
def book_open(
    accounts: Any, slots: Any, places: Any, held: int, row: Any, trades: Any, market: Any, step: int
) -> Any:
    """List what is still held at the close of the last step, marked there (rule 31)."""
    for k in range(held):
        a = accounts[slots[k]]
        last = step + places[slots[k], SHIFT]
        a.moved += a.side * a.held * (market.bars[last, CLOSE] - a.entry)
        a.proceeds += a.held * market.bars[last, CLOSE]
        book(a, row, trades, last, 1, _OPEN)
