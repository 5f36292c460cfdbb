"""The simulation of one account per (symbol, parameter set), compiled by numba.

Imported only inside functions, because importing numba takes most of a second. The rules are those of
docs/assumptions.md. All helpers stay in this file: numba drops its cache when this file changes, and
would not notice a change in another one. No fastmath, no exp or log, no reduction across threads: the
same input gives the same bits on any number of threads.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

# Written out, not computed from layout.py, so that a change of the layout changes this file and with it
# drops numba's cache; a test compares the two.
_SIGNAL, _STOP, _TARGET, _LIQUIDATION, _GAP, _OPEN = 1, 2, 3, 4, 5, 6
_FINAL_EQUITY, _TRADES, _CLOSED_TRADES, _WINS, _PROFIT, _LOSS, _LOSING_STREAK = 0, 1, 2, 3, 4, 5, 6
_COMMISSION, _SLIPPAGE, _FUNDING, _LIQUIDATIONS, _BARS_HELD = 7, 8, 9, 10, 11
_MAX_DRAWDOWN, _RETURN_SUM, _RETURN_SQUARE_SUM, _DOWNSIDE_SQUARE_SUM = 12, 13, 14, 15


def _part(function: Callable[..., Any]) -> Any:
    """A part of the kernel, compiled into :func:`run_symbols`."""
    return njit(nogil=True, error_model="numpy")(function)


def _whole(function: Callable[..., Any]) -> Any:
    """Compiled without the interpreter lock, and cached on disk where any cache folder can be written."""
    try:
        return njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # a read-only installation and a read-only home
        return _part(function)


# A position is the tuple (side, quantity, entry fill, stop, target); its stop and target are infinitely far
# away when there are none. What was opened is (bar, equity before, commission, slippage).


@_part
def is_liquidated(position: Any, balance: float, price: float) -> Any:
    """Whether the account's equity at ``price`` is used up. A maintenance margin would enter here."""
    side, quantity, entry, _, _ = position
    return balance + side * quantity * (price - entry) <= 0.0


@_part
def liquidation_price(position: Any, balance: float) -> Any:
    """The price at which nothing is left (bankruptcy). The exchange's tiered formula would enter here."""
    side, quantity, entry, _, _ = position
    return entry - side * balance / quantity


@_part
def exit_in_bar(position: Any, balance: float, price: float, worst: float) -> Any:
    """Reason and price of leaving a bar that opens at ``price`` and reaches an exit; the open comes first."""
    side, _, _, stop, target = position
    if is_liquidated(position, balance, price):
        return _LIQUIDATION, price
    if side * (price - target) >= 0.0:
        return _TARGET, price
    if side * (price - stop) <= 0.0:
        return _STOP, price
    if side * (worst - stop) <= 0.0:  # a stop at which nothing is left becomes a liquidation in leave()
        return _STOP, stop
    if is_liquidated(position, balance, worst):
        return _LIQUIDATION, worst
    return _TARGET, target


@_part
def enter(side: float, price: float, balance: float, rules: Any) -> Any:
    """The position opened at ``price``, its commission and its slippage in quote."""
    entry = price * (1.0 + side * rules.slippage)
    quantity = rules.leverage * balance / entry
    stop = entry * (1.0 - side * rules.stop_loss) if rules.stop_loss > 0.0 else -side * np.inf
    target = entry * (1.0 + side * rules.take_profit) if rules.take_profit > 0.0 else side * np.inf
    commission = rules.commission * quantity * entry
    return (side, quantity, entry, stop, target), commission, quantity * price * rules.slippage


@_part
def book_trade(
    row: Any, trades: Any, how: Any, position: Any, opened: Any, paid: float, costs: Any, streak: float
) -> Any:
    """Add a trade to the statistics and, when recording, to ``trades``; returns the losing streak.

    ``costs`` are the exit's (fill, commission, slippage).
    """
    reason, inside, i = how
    side, quantity, entry, _, _ = position
    entry_bar, before, commission, slippage = opened
    fill = costs[0]
    commission += costs[1]
    slippage += costs[2]
    if trades.shape[0] > 0:
        line = trades[int(row[_TRADES])]
        line[0], line[1], line[2], line[3], line[4], line[5] = entry_bar, i, side, quantity, entry, fill
        line[6], line[7], line[8], line[9] = commission, slippage, paid, before
        line[10], line[11] = reason, inside
    row[_TRADES] += 1.0
    row[_COMMISSION] += commission
    row[_SLIPPAGE] += slippage
    row[_FUNDING] += paid
    if reason == _OPEN:
        return streak
    net = side * quantity * (fill - entry) - commission - paid
    row[_CLOSED_TRADES] += 1.0
    if reason == _LIQUIDATION:
        row[_LIQUIDATIONS] += 1.0
    if net > 0.0:
        row[_WINS] += 1.0
        row[_PROFIT] += net
        return 0.0
    row[_LOSS] -= net
    row[_LOSING_STREAK] = max(row[_LOSING_STREAK], streak + 1.0)
    return streak + 1.0


@_part
def leave(
    row: Any, trades: Any, how: Any, position: Any, opened: Any, paid: float, money: Any, rules: Any
) -> Any:
    """Close a position and book it; returns the balance and the losing streak.

    ``how`` is (reason, whether inside the bar, bar), ``money`` (balance, price, losing streak), ``paid`` the
    funding. No account goes below zero: when the costs of leaving use it up, it is liquidated instead.
    """
    reason, inside, i = how
    balance, price, streak = money
    side, quantity, entry, _, _ = position
    slippage = 0.0 if reason == _TARGET else rules.slippage
    fill = price * (1.0 - side * slippage)
    fee = rules.commission * quantity * fill
    after = balance + side * quantity * (fill - entry) - fee
    if reason == _LIQUIDATION or after <= 0.0:
        costs = (liquidation_price(position, balance), 0.0, 0.0)
        return 0.0, book_trade(row, trades, (_LIQUIDATION, inside, i), position, opened, paid, costs, streak)
    costs = (fill, fee, quantity * price * slippage)
    return after, book_trade(row, trades, how, position, opened, paid, costs, streak)


@_part
def end_day(row: Any, day_equity: float, peak: float, equity: float) -> Any:
    """Book one UTC day's return and drawdown; returns the new peak."""
    change = equity / day_equity - 1.0
    row[_RETURN_SUM] += change
    row[_RETURN_SQUARE_SUM] += change * change
    if change < 0.0:
        row[_DOWNSIDE_SQUARE_SUM] += change * change
    if equity > peak:
        return equity
    row[_MAX_DRAWDOWN] = min(row[_MAX_DRAWDOWN], equity / peak - 1.0)
    return peak


@_part
def run_account(
    prices: Any, funding: Any, day: Any, bounds: Any, base: int, signals: Any, changes: Any, rules: Any,
    capital: float, row: Any, trades: Any, equity: Any,
) -> Any:  # fmt: skip
    """One account of one symbol over its unbroken stretches; writes ``row`` and the recordings.

    ``prices`` is (open, high, low, close), ``funding`` (at the open, inside the bar) in quote per unit of
    quantity; ``changes[i - base]`` is the next bar of the stretch whose target differs from bar ``i``'s.
    """
    opens, highs, lows, closes = prices
    balance = day_equity = peak = capital
    side = quantity = entry = paid = streak = 0.0
    position, opened = (0.0, 0.0, 0.0, 0.0, 0.0), (0, 0.0, 0.0, 0.0)
    today = day[bounds[0]]
    held = 0
    for stretch in range(bounds.shape[0] - 1):
        wanted = blocked = 0.0
        i, end = bounds[stretch], bounds[stretch + 1]
        while i < end and (side != 0.0 or balance > 0.0):  # a lost account stays out
            if side == 0.0 and wanted == 0.0:  # flat, no order: nothing can happen before the target changes
                if signals[i] == 0 or signals[i] == blocked:
                    i = changes[i - base]
                else:
                    wanted = float(signals[i])
                    i += 1
                blocked = 0.0
                continue
            if side != 0.0 and wanted == side:  # pass the bars on which the position only pays funding
                until = changes[i - 1 - base]
                adverse, favourable = (lows, highs) if side > 0.0 else (highs, lows)
                _, _, _, stop, target = position
                while i < until:
                    at_open, within = side * quantity * funding[0][i], side * quantity * funding[1][i]
                    least = balance - max(at_open, 0.0) - max(within, 0.0)
                    reached = side * (adverse[i] - stop) <= 0.0 or side * (favourable[i] - target) >= 0.0
                    if reached or is_liquidated(position, least, adverse[i]):
                        break  # perhaps an exit: look closely
                    if day[i] != today:
                        marked = balance + side * quantity * (closes[i - 1] - entry)
                        peak = end_day(row, day_equity, peak, marked)
                        day_equity, today = marked, day[i]
                    balance -= at_open + within
                    paid += at_open + within
                    held += 1
                    if equity.shape[0] > 0:
                        equity[i] = balance + side * quantity * (closes[i] - entry)
                    i += 1
                if i >= end:
                    continue
            if day[i] != today:
                marked = balance + side * quantity * (closes[i - 1] - entry) if side != 0.0 else balance
                peak = end_day(row, day_equity, peak, marked)
                day_equity, today = marked, day[i]
            price = opens[i]
            if side != 0.0:
                payment = side * quantity * funding[0][i]
                balance -= payment
                paid += payment
                gone = is_liquidated(position, balance, price)
                if gone or wanted != side:
                    how = (_LIQUIDATION if gone else _SIGNAL, 0, i)
                    money = (balance, price, streak)
                    balance, streak = leave(row, trades, how, position, opened, paid, money, rules)
                    side = 0.0
            if side == 0.0 and wanted != 0.0 and balance > 0.0:
                position, commission, slippage = enter(wanted, price, balance, rules)
                side, quantity, entry, _, _ = position
                opened, paid = (i, balance, commission, slippage), 0.0
                balance -= commission
            if side != 0.0:
                held += 1
                payment = side * quantity * funding[1][i]
                balance -= payment
                paid += payment
                _, _, _, stop, target = position
                worst, best = (lows[i], highs[i]) if side > 0.0 else (highs[i], lows[i])
                reached = side * (worst - stop) <= 0.0 or side * (best - target) >= 0.0
                if reached or is_liquidated(position, balance, worst):
                    reason, at = exit_in_bar(position, balance, price, worst)
                    how = (reason, 0 if at == price else 1, i)
                    money = (balance, at, streak)
                    balance, streak = leave(row, trades, how, position, opened, paid, money, rules)
                    blocked, side = side, 0.0
            if equity.shape[0] > 0:
                equity[i] = balance + side * quantity * (closes[i] - entry) if side != 0.0 else balance
            wanted = float(signals[i])
            if side == 0.0 and wanted == blocked:
                wanted = 0.0
            elif side == 0.0:
                blocked = 0.0
            i += 1
        if side != 0.0 and stretch < bounds.shape[0] - 2:  # a gap follows: no bars, never a return
            money = (balance, closes[end - 1], streak)
            balance, streak = leave(row, trades, (_GAP, 1, end - 1), position, opened, paid, money, rules)
            side = 0.0
            if equity.shape[0] > 0:
                equity[end - 1] = balance
    final = balance
    if side != 0.0:
        last = bounds[bounds.shape[0] - 1] - 1
        final = balance + side * quantity * (closes[last] - entry)
        costs = (closes[last], 0.0, 0.0)
        book_trade(row, trades, (_OPEN, 1, last), position, opened, paid, costs, streak)
    end_day(row, day_equity, peak, final)
    row[_FINAL_EQUITY] = final
    row[_BARS_HELD] = held


@_whole
def run_symbols(
    first: int, last: int, prices: Any, funding: Any, day: Any, stretches: Any, offsets: Any, signals: Any,
    parameters: Any, capital: float, output: Any, trades: Any, trade_offsets: Any, equity: Any,
) -> Any:  # fmt: skip
    """Every account of the symbols ``first`` to ``last`` (exclusive): symbol outer, parameter set inner.

    ``stretches[offsets[s] : offsets[s + 1] + 1]`` bound the unbroken stretches of symbol ``s``.
    ``trades`` and ``equity`` have no rows unless the one parameter set is to be recorded.
    """
    for symbol in range(first, last):
        bounds = stretches[offsets[symbol] : offsets[symbol + 1] + 1]
        base = bounds[0]
        changes = np.empty((signals.shape[0], bounds[bounds.shape[0] - 1] - base), np.int64)
        for row in range(signals.shape[0]):
            for stretch in range(bounds.shape[0] - 1):
                following = bounds[stretch + 1]
                for i in range(bounds[stretch + 1] - 1, bounds[stretch] - 1, -1):
                    if i + 1 < bounds[stretch + 1] and signals[row, i + 1] != signals[row, i]:
                        following = i + 1
                    changes[row, i - base] = following
        for p in range(parameters.shape[0]):
            chosen = parameters[p].signal_set
            run_account(
                prices, funding, day, bounds, base, signals[chosen], changes[chosen], parameters[p], capital,
                output[symbol, p], trades[trade_offsets[symbol] : trade_offsets[symbol + 1]], equity,
            )  # fmt: skip
