"""The end of a trade: orders that leave, liquidation, and the books (rules 14, 22 and 35)."""

from typing import Any

import numpy as np

from crypto_bt.backtest.kernel.compiled import part
from crypto_bt.backtest.kernel.prices import market_fill
from crypto_bt.backtest.layout import (
    CLOSED_TRADES,
    COMMISSION,
    FUNDING,
    LIQUIDATIONS,
    LOSING_STREAK,
    LOSS,
    PROFIT,
    SLIPPAGE,
    TRADES,
    WINS,
    ExitReason,
)

_TARGET, _LIQUIDATION, _OPEN = int(ExitReason.TARGET), int(ExitReason.LIQUIDATION), int(ExitReason.OPEN)

#: What is left of a notional below this share of it is the rounding of a difference, and nothing.
_ROUNDING = 1e-12


@part
def settle(a: Any, paid: float) -> Any:
    """Pay the funding of the position up to where a long has paid ``paid`` for one unit (rule 25)."""
    payment = a.side * a.held * (paid - a.paid_from)
    a.margin = a.margin_from - payment
    a.funding = a.funding_from + payment
    a.paid_until = paid


@part
def settle_from_here(a: Any) -> Any:
    """What is held has changed: funding counts anew from here."""
    a.paid_from, a.margin_from, a.funding_from = a.paid_until, a.margin, a.funding


@part
def worth_but_price(a: Any) -> Any:
    """The equity without its part in the price: with a long's close less what it has paid, the mark."""
    return a.cash + a.margin_from + a.side * a.held * (a.paid_from - a.entry)


@part
def book(a: Any, row: Any, trades: Any, i: int, inside: int, reason: int) -> Any:
    """Add the trade to the statistics and, when recording, to ``trades``; the position is gone."""
    if trades.shape[0] > 0:
        line = trades[int(row[TRADES])]
        line[0], line[1], line[2], line[3], line[4] = a.entry_bar, i, a.side, a.quantity, a.entry
        line[5], line[6] = a.proceeds / a.quantity, a.moved
        line[7], line[8], line[9] = a.commission, a.slippage, a.funding
        line[10], line[11], line[12] = a.before, reason, inside
    row[TRADES] += 1.0
    row[COMMISSION] += a.commission
    row[SLIPPAGE] += a.slippage
    row[FUNDING] += a.funding
    a.side = 0.0
    if reason == _OPEN:
        return
    a.mark = a.cash
    net = a.moved - a.commission - a.funding
    row[CLOSED_TRADES] += 1.0
    if reason == _LIQUIDATION:
        row[LIQUIDATIONS] += 1.0
    if net > 0.0:
        row[WINS] += 1.0
        row[PROFIT] += net
        a.streak = 0.0
    else:
        row[LOSS] -= net
        a.streak += 1.0
        row[LOSING_STREAK] = max(row[LOSING_STREAK], a.streak)


@part
def liquidate(a: Any, row: Any, trades: Any, fee_rate: float, price: float, i: int, inside: int) -> Any:
    """Close all at ``price``; ``fee_rate`` is infinite where nothing of the margin is to be left."""
    gain = a.side * a.held * (price - a.entry)
    left = max(0.0, a.margin + gain)
    fee = min(fee_rate * a.held * price, left)
    a.cash += left - fee
    a.moved += max(gain, -a.margin)
    a.commission += fee
    a.proceeds += a.held * price
    book(a, row, trades, i, inside, _LIQUIDATION)


@part
def part_with(a: Any, quantity: float, fill: float, market: float, fee_rate: float) -> Any:
    """Take ``quantity`` out of the position at ``fill``; False where nothing would be left of its margin."""
    share = 1.0 if quantity == a.held else quantity / a.held
    margin = a.margin * share
    gain = a.side * quantity * (fill - a.entry)
    fee = fee_rate * quantity * fill
    if margin + gain - fee <= _ROUNDING * quantity * a.entry:
        return False
    a.cash += margin + gain - fee
    a.margin -= margin
    a.held -= quantity
    a.moved += gain
    a.commission += fee
    a.slippage += quantity * abs(fill - market)
    a.proceeds += quantity * fill
    settle_from_here(a)
    return True


@part
def leave(
    a: Any, row: Any, trades: Any, rules: Any, contract: Any, line: Any, volume: float, price: float,
    i: int, inside: int, reason: int,
) -> Any:  # fmt: skip
    """Leave by a market order or a stop at ``price`` of the bar ``line``."""
    fill = market_fill(rules, contract, line, volume, price, -a.side, a.held)
    if part_with(a, a.held, fill, price, rules.taker):
        book(a, row, trades, i, inside, reason)
    else:
        liquidate(a, row, trades, np.inf, price, i, inside)


@part
def leave_at_limit(
    a: Any, row: Any, trades: Any, rules: Any, price: float, quantity: float, i: int, inside: int
) -> Any:
    """Leave with ``quantity`` by a limit order at ``price``."""
    whole = quantity == a.held
    if not part_with(a, quantity, price, price, rules.maker):
        liquidate(a, row, trades, np.inf, price, i, inside)
    elif whole:
        book(a, row, trades, i, inside, _TARGET)
