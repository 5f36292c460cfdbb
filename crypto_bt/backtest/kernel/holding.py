"""Passes the bars on which a position is only held: a day in one step where nothing can happen in it."""

from typing import Any

from crypto_bt.backtest.kernel.bar import hold_through, moved_stop
from crypto_bt.backtest.kernel.compiled import part
from crypto_bt.backtest.kernel.days import figures_of, keep_figures, turn_day, turned
from crypto_bt.backtest.kernel.leaving import settle, worth_but_price
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
def is_quiet(a: Any, stop: float, high: float, low: float, mark_high: float, mark_low: float) -> Any:
    """Whether prices of this span reach no exit and no liquidation.

    ``mark_high`` and ``mark_low`` include the opens, at which a position may be liquidated too.
    """
    if a.side > 0.0:
        return low > stop and high < a.limit and mark_low > a.sink
    return high < stop and low > a.limit and mark_high < a.sink


@part
def hold(
    a: Any, row: Any, trades: Any, equity: Any, daily: Any, rules: Any, contract: Any, tiers: Any,
    market: Any, i: int, until: int,
) -> Any:  # fmt: skip
    """Hold the position through the bars ``i`` to ``until`` (exclusive), or until it is left."""
    while i < until:
        block = market.block_of[i]
        day = market.block_day[block]
        if day != a.today:
            turn_day(a, row, daily, day)
        last = min(market.block_first[block + 1], until)
        line = market.blocks[block]
        # A piece of a block is passed where the whole block is quiet: that is stricter, never looser. A stop
        # that moves needs the piece's own extreme.
        if not rules.moves:
            ensure_margin(a, tiers, line[BLOCK_SWING])
            if is_quiet(
                a, a.stop, line[BLOCK_HIGH], line[BLOCK_LOW], line[BLOCK_MARK_HIGH], line[BLOCK_MARK_LOW]
            ):
                pass_bars(a, row, equity, market.bars, i, last)
                i = last
        while i < last:
            hold_bar(a, row, trades, equity, rules, contract, tiers, market, i)
            if a.side == 0.0:
                return
            i += 1
        i = pass_days(a, row, equity, daily, rules, contract.tick, market, i, until)


@part
def ensure_margin(a: Any, tiers: Any, swing: float) -> Any:
    """Let ``sink`` be right for a span in which one unit may have to pay ``swing`` at most."""
    owed = a.held * swing
    if a.margin - owed < a.least_margin:
        watch_margin(a, tiers, 2.0 * owed)


@part
def pass_bars(a: Any, row: Any, equity: Any, bars: Any, i: int, last: int) -> Any:
    """Nothing but funding happens in the bars ``i`` to ``last`` (exclusive)."""
    units = a.side * a.held
    flat = worth_but_price(a)
    if equity.shape[0] > 0:
        record_equity(equity, bars, i, last, flat, units)
    a.mark = flat + units * (bars[last - 1, CLOSE] - bars[last - 1, PAID_AT_END])
    settle(a, bars[last - 1, PAID_AT_END])
    row[BARS_HELD] += last - i


@part
def record_equity(equity: Any, bars: Any, i: int, last: int, flat: float, units: float) -> Any:
    """The marks of the bars ``i`` to ``last`` (exclusive) of ``units`` that nothing happens to."""
    for k in range(i, last):
        equity[k] = flat + units * (bars[k, CLOSE] - bars[k, PAID_AT_END])


@part
def pass_days(
    a: Any, row: Any, equity: Any, daily: Any, rules: Any, tick: float, market: Any, i: int, until: int
) -> Any:
    """Pass the whole blocks from bar ``i`` on that are quiet; returns the bar reached.

    ``i`` is the first bar of a block, and the position was held before: each block is a new day.
    """
    if i >= until:
        return i
    block = begin = market.block_of[i]
    blocks = market.blocks
    units, held, best, stop, mark = a.side * a.held, a.held, a.best, a.stop, a.mark
    flat = worth_but_price(a)
    least = a.least_margin - a.margin - units * a.paid_until
    paid, figures = a.paid_until, figures_of(a, row)
    end = market.block_of[until - 1]
    if market.block_first[end + 1] <= until:
        end += 1
    while block < end:
        high, low = blocks[block, BLOCK_HIGH], blocks[block, BLOCK_LOW]
        now_best, now_stop = best, stop
        if rules.moves:
            extreme = high if units > 0.0 else low
            now_best, now_stop = moved_stop(a, rules, tick, best, stop, extreme)
        if -units * paid - held * blocks[block, BLOCK_SWING] < least or not is_quiet(
            a, now_stop, high, low, blocks[block, BLOCK_MARK_HIGH], blocks[block, BLOCK_MARK_LOW]
        ):
            break
        best, stop = now_best, now_stop
        figures = turned(figures, mark)
        if daily.shape[0] > 0:
            daily[a.today + 1 + block - begin] += mark
        paid = blocks[block, BLOCK_PAID]
        mark = flat + units * (blocks[block, BLOCK_CLOSE] - paid)
        block += 1
    if block == begin:
        return i
    reached = market.block_first[block]
    if equity.shape[0] > 0:
        record_equity(equity, market.bars, i, reached, flat, units)
    keep_figures(a, row, figures)
    a.today += block - begin
    a.best, a.stop, a.mark = best, stop, mark
    settle(a, paid)
    row[BARS_HELD] += reached - i
    return reached


@part
def hold_bar(
    a: Any, row: Any, trades: Any, equity: Any, rules: Any, contract: Any, tiers: Any, market: Any, i: int
) -> Any:
    """One bar: at a glance where that is enough, else in full."""
    line = market.bars[i]
    swing = abs(line[PAID_AT_OPEN] - a.paid_until) + abs(line[PAID_AT_END] - line[PAID_AT_OPEN])
    ensure_margin(a, tiers, swing)
    high, low = max(line[OPEN], line[MARK_HIGH]), min(line[OPEN], line[MARK_LOW])
    if is_quiet(a, a.stop, line[HIGH], line[LOW], high, low):
        pass_bars(a, row, equity, market.bars, i, i + 1)
        if rules.moves:
            extreme = line[HIGH] if a.side > 0.0 else line[LOW]
            a.best, a.stop = moved_stop(a, rules, contract.tick, a.best, a.stop, extreme)
        return
    hold_through(
        a, row, trades, rules, contract, tiers, market.bars, market.volume[i],
        market.finer, market.first_finer[i] if market.first_finer.shape[0] > 0 else -1, market.finer_count, i,
    )  # fmt: skip
    if equity.shape[0] > 0:
        equity[i] = a.mark
