"""A slow simulator of one account, written from the text of docs/assumptions.md and from nothing else.

It knows no arrays, jumps nothing and shares no code with the kernel. Rule numbers are those of the text. What
an entry is made of is in ``reference_entry``, the formulas of rules 9, 22 and 23 in ``reference_margin``, how
frames become candles in ``reference_market``.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import inf

from crypto_bt.backtest.contracts import Contract
from crypto_bt.backtest.rules import Rules
from crypto_bt_tests.backtest.reference_entry import (
    Refused,
    attach,
    fill_price,
    quantity_and_fill,
    wanted_quantity,
)
from crypto_bt_tests.backtest.reference_margin import down, liquidation_price, maintenance, nearest
from crypto_bt_tests.backtest.reference_parts import Candle, Position, Settlement, Trade, Wish

#: Cash below this share of the account's first capital is rounding, with which nothing is entered (rule 24).
NOTHING = 1e-9


class Account:
    def __init__(self, rules: Rules, contract: Contract, capital: float, length: timedelta) -> None:
        self.rules, self.contract, self.length = rules, contract, length
        self.capital = self.cash = capital
        self.position: Position | None = None
        self.blocked = 0
        self.trades: list[Trade] = []
        self.equity: list[float] = []
        self.bars_held = self.refused = self.decided_finer = self.decided_by_stop = 0

    def run(self, candles: Sequence[Candle]) -> None:
        order: Wish | None = None
        for number, candle in enumerate(candles):
            before = candles[number - 1] if number else None
            if before is None or before.open_time + self.length != candle.open_time:  # 30
                order, self.blocked = None, 0
            self.bar(number, candle, order)
            after = candles[number + 1] if number + 1 < len(candles) else None
            if self.position and after and after.open_time != candle.open_time + self.length:  # 30
                self.leave(candle, candle.close, "gap", candle.open_time + self.length)
            self.equity.append(self.equity_at(candle.close))
            order = candle.wish
        if self.position:  # 31
            p, last = self.position, candles[-1]
            p.part_with(p.held, last.close, last.close, p.gain(last.close), 0.0)
            self.book("open", last.open_time + self.length)

    def equity_at(self, price: float) -> float:  # 11
        p = self.position
        return self.cash + (p.margin + p.gain(price) if p else 0.0)

    def bar(self, number: int, candle: Candle, order: Wish | None) -> None:  # 21
        if self.position:
            self.pay([s for s in candle.settlements if s.time == candle.open_time])
            self.liquidate_where_it_sinks(candle)
        if order is not None:
            self.obey(number, candle, order)
        if self.position:
            self.bars_held += 1
            self.liquidate_where_it_sinks(candle)
            self.limits_at(candle.open, candle.open_time)
            if self.position and self.position.falls_to(self.position.levels.stop, candle.open):
                self.leave(candle, candle.open, "stop", candle.open_time)
        if self.position:
            self.pay([s for s in candle.settlements if s.time != candle.open_time])
            self.inside(candle)
        if self.position:
            self.move_stop(candle)

    def obey(self, number: int, candle: Candle, order: Wish) -> None:
        """The orders of rule 5 and the time stop of rule 19, under the block of rule 20."""
        if self.position and self.position.side != order.side:
            self.leave(candle, candle.open, "signal", candle.open_time)
        elif (
            self.position
            and self.rules.exits.time_stop is not None
            and number == self.position.bar + self.rules.exits.time_stop
        ):
            self.leave(candle, candle.open, "time", candle.open_time)
        if order.side != self.blocked:
            self.blocked = 0
        able = self.cash > NOTHING * self.capital  # 24
        if self.position is None and order.side and not self.blocked and able:
            self.enter(number, candle, order)

    def enter(self, number: int, candle: Candle, order: Wish) -> None:
        side, sizing = order.side, self.rules.sizing
        try:
            quantity, fill = quantity_and_fill(
                self.rules, self.contract, order, candle, lambda fill: self.wanted_quantity(order, fill)
            )
            levels = attach(self.rules, self.contract, order, fill)
        except Refused:  # 9
            self.refused, self.blocked = self.refused + 1, side
            return
        if not 0.0 < self.share_of(quantity) < quantity:
            levels.scale_out = side * inf
        margin = quantity * fill / (sizing.leverage or max(1.0, sizing.exposure))  # 13
        fee = quantity * fill * self.rules.costs.taker_bps / 10_000
        self.position = Position(
            side=side, bar=number, opened=candle.open_time, fill=fill, market=candle.open, quantity=quantity,
            held=quantity, margin=margin, levels=levels, equity_before=self.cash, commission=fee,
            slippage=quantity * abs(fill - candle.open),
        )  # fmt: skip
        self.cash = max(0.0, self.cash - margin - fee)

    def wanted_quantity(self, order: Wish, fill: float) -> float:  # 12
        return wanted_quantity(self.rules, self.contract, order, fill, self.cash)

    def pay(self, settlements: Sequence[Settlement]) -> None:  # 25, 26
        p = self.position
        assert p is not None
        for settlement in settlements:
            amount = p.side * p.held * settlement.mark * settlement.rate
            p.margin -= amount
            p.funding += amount

    def liquidate_where_it_sinks(self, candle: Candle) -> None:  # 22 at the open
        p = self.position
        assert p is not None
        if p.margin + p.gain(candle.open) <= maintenance(self.contract.tiers, p.held * candle.open):
            self.liquidate(candle.open, candle.open_time)

    def limits_at(self, price: float, time: datetime) -> None:
        """An open at or beyond the take-profit or the scale-out: filled at this better price."""
        p = self.position
        if p and p.rises_to(p.levels.target, price):
            self.leave_at_limit(price, p.held, time)
        elif p and p.rises_to(p.levels.scale_out, price):
            self.scale_out(price, time)

    def inside(self, candle: Candle) -> None:
        """The last two points of rule 21, on finer candles where a limit lies in the bar too."""
        p = self.position
        assert p is not None
        best = candle.extreme(p.side)
        sunk = liquidation_price(self.contract.tiers, p.margin, p.side, p.held, p.fill)
        both = (
            p.falls_to(p.levels.stop, candle.extreme(-p.side))
            or p.falls_to(sunk, candle.mark_extreme(-p.side))
        ) and (p.rises_to(p.levels.target, best) or p.rises_to(p.levels.scale_out, best))
        steps = candle.finer if both and candle.finer else [candle]
        if both and candle.finer:
            self.decided_finer += 1
        elif both:
            self.decided_by_stop += 1
        for step in steps:
            self.limits_at(step.open, candle.open_time + self.length)
            if self.position:
                self.adverse(step, candle)
            if self.position:
                self.favourable(step, candle)
            if self.position is None:
                return

    def adverse(self, step: Candle, candle: Candle) -> None:
        """Stop or liquidation, whichever a price that moves against the position meets first."""
        p = self.position
        assert p is not None
        end = candle.open_time + self.length
        stop = p.levels.stop
        sunk = liquidation_price(self.contract.tiers, p.margin, p.side, p.held, p.fill)
        stopped = p.falls_to(stop, step.extreme(-p.side))
        if p.falls_to(sunk, step.mark_extreme(-p.side)) and not (stopped and p.side * stop > p.side * sunk):
            self.liquidate(step.open if p.falls_to(sunk, step.open) else sunk, end)
        elif stopped:
            self.leave(candle, step.open if p.falls_to(stop, step.open) else stop, "stop", end)

    def favourable(self, step: Candle, candle: Candle) -> None:
        """Scale-out and take-profit at their levels, the nearer one first."""
        p = self.position
        assert p is not None
        end, best = candle.open_time + self.length, step.extreme(p.side)
        target, share = p.levels.target, p.levels.scale_out
        if p.rises_to(share, best) and p.side * share <= p.side * target:
            self.scale_out(share, end)
        if self.position and p.rises_to(target, best):
            self.leave_at_limit(target, p.held, end)

    def move_stop(self, candle: Candle) -> None:
        """Trailing stop and break-even for the next bar (rules 17 and 18)."""
        p = self.position
        assert p is not None
        levels, tick = p.levels, self.contract.tick
        now = candle.extreme(p.side)
        p.best = p.best if p.side * p.best >= p.side * now else now
        stops = [levels.stop]
        if p.rises_to(levels.trail_from, p.best):
            away = levels.trail_percent * p.best + levels.trail_amount
            stops.append(nearest(p.best - p.side * away, tick))
        if p.rises_to(levels.break_even_from, p.best):
            stops.append(levels.break_even)
        levels.stop = max(stops, key=lambda level: p.side * level)

    def scale_out(self, price: float, time: datetime) -> None:  # 19
        p = self.position
        assert p is not None
        p.levels.scale_out = p.side * inf
        self.leave_at_limit(price, self.share_of(p.held), time)

    def share_of(self, quantity: float) -> float:
        return down(quantity * self.rules.exits.scale_out_share, self.contract.lot)

    def leave(self, candle: Candle, price: float, reason: str, time: datetime) -> None:
        """By a market order or a stop."""
        p = self.position
        assert p is not None
        fill = fill_price(self.rules, self.contract, candle, price, -p.side, p.held)
        self.part_with(p.held, fill, price, self.rules.costs.taker_bps, reason, time)

    def leave_at_limit(self, price: float, quantity: float, time: datetime) -> None:
        self.part_with(quantity, price, price, self.rules.costs.maker_bps, "target", time)

    def part_with(
        self, quantity: float, fill: float, market: float, bps: float, reason: str, time: datetime
    ) -> None:  # 14
        p = self.position
        assert p is not None
        margin = p.margin * quantity / p.held
        gain = p.gain(fill, quantity)
        fee = quantity * fill * bps / 10_000
        if margin + gain - fee <= 1e-12 * quantity * p.fill:
            self.liquidate(market, time, nothing_left=True)
            return
        whole = quantity == p.held
        self.cash += margin + gain - fee
        p.margin -= margin
        p.part_with(quantity, fill, market, gain, fee)
        if whole:
            self.blocked = 0 if reason == "signal" else p.side  # 20
            self.book(reason, time)

    def liquidate(self, price: float, time: datetime, nothing_left: bool = False) -> None:  # 14, 22, 35
        p = self.position
        assert p is not None
        left = p.margin + p.gain(price)
        fee = max(0.0, left)
        if not nothing_left:
            fee = min(self.contract.liquidation_fee * p.held * price, fee)
        self.cash += max(0.0, left - fee)
        p.part_with(p.held, price, price, max(p.gain(price), -p.margin), fee)
        self.blocked = p.side
        self.book("liquidation", time)

    def book(self, reason: str, time: datetime) -> None:  # 35
        p = self.position
        assert p is not None
        net = p.moved - p.commission - p.funding
        self.trades.append(
            Trade(
                p.side, p.opened, time, p.fill, p.proceeds / p.quantity, p.quantity, p.moved + p.slippage,
                p.commission, p.slippage, p.funding, net, net / p.equity_before, reason,
            )
        )  # fmt: skip
        if reason != "open":
            self.position = None
