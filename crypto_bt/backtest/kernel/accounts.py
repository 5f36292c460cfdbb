"""Runs the accounts: for each run of the signal at most one trade (rules 4, 5, 10, 19, 20, 24, 30 to 32)."""

from typing import Any

import numpy as np

from crypto_bt.backtest.kernel.bar import survive_open
from crypto_bt.backtest.kernel.compiled import part, whole
from crypto_bt.backtest.kernel.days import turn_day
from crypto_bt.backtest.kernel.holding import hold
from crypto_bt.backtest.kernel.leaving import book, leave
from crypto_bt.backtest.kernel.opening import enter
from crypto_bt.backtest.kernel.runs import find_runs, sign
from crypto_bt.backtest.layout import (
    CLOSE,
    FINAL_EQUITY,
    OPEN,
    REFUSED,
    ExitReason,
)

_SIGNAL, _GAP, _OPEN, _TIME = (
    int(ExitReason.SIGNAL), int(ExitReason.GAP), int(ExitReason.OPEN), int(ExitReason.TIME)
)  # fmt: skip
#: Cash below this share of the account's first capital is rounding, with which nothing is entered.
_NOTHING = 1e-9


@part
def start(a: Any, capital: float) -> Any:
    """A new account, flat, on the matrix's first day."""
    a.cash = a.mark = a.day_equity = a.peak = a.trough = capital
    a.side = a.streak = a.best = 0.0
    a.today = 0


@part
def leave_at_open(
    a: Any, row: Any, trades: Any, equity: Any, daily: Any, rules: Any, contract: Any, tiers: Any,
    market: Any, i: int, reason: int,
) -> Any:  # fmt: skip
    """Leave at the open of bar ``i``, unless its funding and its open liquidate first."""
    day = market.block_day[market.block_of[i]]
    if day != a.today:
        turn_day(a, row, daily, day)
    line = market.bars[i]
    if survive_open(a, row, trades, contract, tiers, line, i):
        leave(a, row, trades, rules, contract, line, market.volume[i], line[OPEN], i, 0, reason)
    if equity.shape[0] > 0:
        equity[i] = a.cash


@part
def given_at(market: Any, which: int, i: int) -> Any:
    """What came with the target of bar ``i``: stop price, target price, ATR; NaN where nothing did."""
    stop = target = atr = np.nan
    if market.stop_prices.shape[0] > 0:
        stop, target = market.stop_prices[which, i], market.target_prices[which, i]
    if market.atr.shape[0] > 0:
        atr = market.atr[min(which, market.atr.shape[0] - 1), i]
    return stop, target, atr


@part
def run_account(
    a: Any, market: Any, stretches: Any, runs: Any, signal: Any, rules: Any, contract: Any, tiers: Any,
    largest: float, capital: float, row: Any, daily: Any, trades: Any, equity: Any,
) -> Any:  # fmt: skip
    """One account through the runs of its signal; writes ``row`` and the recordings.

    Within a run there is one entry at most: whatever else ends the trade, its direction is blocked until
    the sign has changed (rule 20), and that is the next run.
    """
    stretch = 0
    end_of_all = stretches[stretches.shape[0] - 1]
    for number in range(runs.shape[0] - 1):
        first, following = runs[number], runs[number + 1]
        if first >= stretches[stretch + 1]:
            stretch += 1
        end = stretches[stretch + 1]
        side = float(sign(signal[first]))
        i = first + 1
        if side == 0.0 or i >= end or a.cash <= _NOTHING * capital:
            continue
        line = market.bars[i]
        weight = abs(signal[first]) / 100.0
        given = given_at(market, rules.signal_set, first)
        notional = min(rules.exposure * weight * a.cash, largest, a.cash * rules.carried)
        risk = rules.risk * a.cash if rules.risk > 0.0 else np.inf
        if not enter(
            a, rules, contract, tiers, notional, risk, np.inf, line, market.volume[i], i, side, given
        ):
            row[REFUSED] += 1.0
            continue
        until = min(following + 1, end)
        timed = rules.time_stop > 0 and i + rules.time_stop < until
        if timed:
            until = i + rules.time_stop
        hold(a, row, trades, equity, daily, rules, contract, tiers, market, i, until)
        if a.side == 0.0:
            continue
        if until < end:
            reason = _TIME if timed else _SIGNAL
            leave_at_open(a, row, trades, equity, daily, rules, contract, tiers, market, until, reason)
        elif end < end_of_all:  # a gap follows: no bars, never a return
            line, volume = market.bars[end - 1], market.volume[end - 1]
            leave(a, row, trades, rules, contract, line, volume, line[CLOSE], end - 1, 1, _GAP)
            if equity.shape[0] > 0:
                equity[end - 1] = a.cash
    if a.side != 0.0:
        last = end_of_all - 1
        gain = a.side * a.held * (market.bars[last, CLOSE] - a.entry)
        a.moved += gain
        a.proceeds += a.held * market.bars[last, CLOSE]
        book(a, row, trades, last, 1, _OPEN)
    row[FINAL_EQUITY] = a.mark


@whole
def run_parameters(
    first: int, last: int, market: Any, contracts: Any, tiers: Any, tier_offsets: Any, largest: Any,
    signals: Any, parameters: Any, capital: float, statistics: Any, daily: Any, trades: Any,
    trade_offsets: Any, equity: Any, scratch: Any,
) -> Any:  # fmt: skip
    """The accounts of the parameter sets ``first`` to ``last`` (exclusive) on every symbol.

    Symbol outer, parameter set inner, so that a symbol stays in the processor's cache, and the sum over the
    symbols in ``daily`` has one order: (1, parameter sets, days + 1), or (symbols, parameter sets, days + 1)
    for each by itself, or nothing. ``trades`` and ``equity`` have no rows unless the one parameter set is to
    be recorded.
    """
    a, runs, counts = scratch
    no_days = equity[:0]
    for symbol in range(contracts.shape[0]):
        bounds = market.stretches[market.stretch_offsets[symbol] : market.stretch_offsets[symbol + 1] + 1]
        counts[:] = -1
        for p in range(first, last):
            chosen = parameters[p].signal_set
            if counts[chosen] < 0:
                counts[chosen] = find_runs(signals[chosen], bounds, runs[chosen])
            days = daily[min(symbol, daily.shape[0] - 1), p] if daily.shape[0] > 0 else no_days
            start(a, capital)
            if days.shape[0] > 0:
                days[0] += capital
            run_account(
                a, market, bounds, runs[chosen, : counts[chosen] + 1], signals[chosen], parameters[p],
                contracts[symbol], tiers[tier_offsets[symbol] : tier_offsets[symbol + 1]],
                largest[symbol, p], capital, statistics[symbol, p], days,
                trades[trade_offsets[symbol] : trade_offsets[symbol + 1]], equity,
            )  # fmt: skip
            turn_day(a, statistics[symbol, p], days, market.days)
