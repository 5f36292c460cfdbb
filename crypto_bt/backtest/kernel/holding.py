"""Passes the bars on which a position is only held: a day in one step where nothing can happen in it."""

from typing import Any

from crypto_bt.backtest.kernel.bar import hold_through, moved_stop
from crypto_bt.backtest.kernel.compiled import part
from crypto_bt.backtest.kernel.days import turn_day
from crypto_bt.backtest.kernel.leaving import settle
from crypto_bt.backtest.kernel.margin import watch_margin
from crypto_bt.backtest.layout import (
    BARS_HELD,
    BLOCK_CLOSE,
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


@part
def is_quiet(
    a: Any, tiers: Any, stop: float, high: float, low: float, mark_high: float, mark_low: float, swing: float
) -> Any:
    """Whether prices of this span reach no exit and no liquidation; in doubt it is not quiet.

    ``mark_high`` and ``mark_low`` include the opens, at which a position may be liquidated too; ``swing``
    is the most that one unit may have to pay in the span.
    """
    owed = a.held * swing
    if a.margin - owed < a.least_margin:
        watch_margin(a, tiers, 2.0 * owed)
    if a.side > 0.0:
        return low > stop and high < a.limit and mark_low > a.sink
    return high < stop and low > a.limit and mark_high < a.sink


@part
def hold(
    a: Any, row: Any, trades: Any, equity: Any, daily: Any, rules: Any, contract: Any, tiers: Any, market: Any,
    i: int, until: int,
) -> Any:  # fmt: skip
    """Hold the position through the bars ``i`` to ``until`` (exclusive), or until it is left.

    Where a piece of a block is passed, the whole block is looked at: that is stricter, never looser. A
    stop that moves needs the piece's own extreme, so then a piece is passed bar by bar.
    """
    block = market.block_of[i]
    while i < until:
        first, end = market.block_first[block], market.block_first[block + 1]
        if market.block_day[block] != a.today:
            turn_day(a, row, daily, market.block_day[block])
        last = min(end, until)
        line = market.blocks[block]
        block += 1
        best, stop = a.best, a.stop
        passes = True
        if rules.moves:
            passes = i == first and last == end
            best, stop = moved_stop(a, rules, contract.tick, line[BLOCK_HIGH] if a.side > 0.0 else line[BLOCK_LOW])
        if passes and is_quiet(
            a, tiers, stop, line[BLOCK_HIGH], line[BLOCK_LOW], line[BLOCK_MARK_HIGH], line[BLOCK_MARK_LOW],
            line[BLOCK_SWING],
        ):  # fmt: skip
            a.best, a.stop = best, stop
            end_line = market.bars[last - 1]
            if last == end:
                pass_quietly(a, row, equity, market.bars, i, last, line[BLOCK_PAID], line[BLOCK_CLOSE])
            else:
                pass_quietly(a, row, equity, market.bars, i, last, end_line[PAID_AT_END], end_line[CLOSE])
            i = last
            continue
        while i < last:
            hold_bar(a, row, trades, equity, rules, contract, tiers, market, i)
            if a.side == 0.0:
                return
            i += 1


@part
def pass_quietly(
    a: Any, row: Any, equity: Any, bars: Any, i: int, last: int, paid: float, close: float
) -> Any:
    """Nothing but funding happens in the bars ``i`` to ``last`` (exclusive), which end at ``close``."""
    if equity.shape[0] > 0:
        for k in range(i, last):
            owed = a.side * a.held * (bars[k, PAID_AT_END] - a.paid_until)
            equity[k] = a.cash + a.margin - owed + a.side * a.held * (bars[k, CLOSE] - a.entry)
    settle(a, paid)
    a.mark = a.cash + a.margin + a.side * a.held * (close - a.entry)
    row[BARS_HELD] += last - i


@part
def hold_bar(
    a: Any, row: Any, trades: Any, equity: Any, rules: Any, contract: Any, tiers: Any, market: Any, i: int
) -> Any:
    """One bar: at a glance where that is enough, else in full."""
    line = market.bars[i]
    swing = abs(line[PAID_AT_OPEN] - a.paid_until) + abs(line[PAID_AT_END] - line[PAID_AT_OPEN])
    high, low = max(line[OPEN], line[MARK_HIGH]), min(line[OPEN], line[MARK_LOW])
    if is_quiet(a, tiers, a.stop, line[HIGH], line[LOW], high, low, swing):
        pass_quietly(a, row, equity, market.bars, i, i + 1, line[PAID_AT_END], line[CLOSE])
        if rules.moves:
            a.best, a.stop = moved_stop(a, rules, contract.tick, line[HIGH] if a.side > 0.0 else line[LOW])
        return
    hold_through(
        a, row, trades, rules, contract, tiers, market.bars, market.volume[i],
        market.finer, market.first_finer[i] if market.first_finer.shape[0] > 0 else -1, market.finer_count, i,
    )  # fmt: skip
    if equity.shape[0] > 0:
        equity[i] = a.mark
