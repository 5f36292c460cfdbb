"""A slow simulator of one account, written from the text of docs/assumptions.md and from nothing else.

It knows no arrays, jumps nothing and shares no code with the kernel. Rule numbers are those of the text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from crypto_bt.backtest import Rules


@dataclass
class Candle:
    open_time: datetime
    open: float
    high: float
    low: float
    close: float
    target: int = 0
    #: (time, mark price, rate) of the settlements in this candle
    settlements: list[tuple[datetime, float, float]] = field(default_factory=list)


@dataclass
class Position:
    side: int
    quantity: float
    fill: float
    market_price: float
    opened: datetime
    equity_before: float
    commission: float
    funding: float = 0.0


@dataclass
class Trade:
    side: int
    entry_time: datetime
    exit_time: datetime
    entry_price: float
    exit_price: float
    quantity: float
    gross_pnl: float
    commission: float
    slippage: float
    funding: float
    net_pnl: float
    net_return: float
    exit_reason: str


class Account:
    def __init__(self, rules: Rules, capital: float, length: timedelta) -> None:
        self.rules, self.balance, self.length = rules, capital, length
        self.position: Position | None = None
        self.trades: list[Trade] = []
        self.equity: list[float] = []
        self.bars_held = 0

    def run(self, candles: Sequence[Candle]) -> None:
        order: int | None = None
        barred = 0
        for number, candle in enumerate(candles):
            before = candles[number - 1] if number else None
            if before is None or before.open_time + self.length != candle.open_time:  # 21
                order, barred = None, 0
            if self.position or self.balance > 0:
                self.pay([s for s in candle.settlements if s[0] == candle.open_time])  # 17
                if self.position and self.equity_at(candle.open) <= 0:  # 15
                    self.liquidate(candle.open_time)
                if order is not None:
                    self.follow(order, candle)
                if self.position:
                    self.bars_held += 1
                self.pay([s for s in candle.settlements if s[0] != candle.open_time])
                side = self.position.side if self.position else 0
                if self.position and self.exits(candle):
                    barred = side  # 14
            after = candles[number + 1] if number + 1 < len(candles) else None
            if self.position and after and after.open_time != candle.open_time + self.length:  # 21
                self.sell(candle.close, candle.open_time + self.length, "gap")
            self.equity.append(self.equity_at(candle.close))
            if candle.target != barred:
                barred = 0
            order = 0 if barred and candle.target == barred else candle.target
        if self.position:  # 22
            last = candles[-1]
            self.book("open", last.close, last.close, 0.0, last.open_time + self.length)

    def equity_at(self, price: float) -> float:
        p = self.position
        return self.balance + (p.side * p.quantity * (price - p.fill) if p else 0.0)

    def pay(self, settlements: Sequence[tuple[datetime, float, float]]) -> None:
        if self.position:
            amount = (
                sum(mark * rate for _, mark, rate in settlements)
                * self.position.quantity
                * self.position.side
            )
            self.balance -= amount
            self.position.funding += amount

    def follow(self, order: int, candle: Candle) -> None:
        if self.position and self.position.side != order:  # 5
            self.sell(candle.open, candle.open_time, "signal")
        if not self.position and order and self.balance > 0:
            fill = candle.open * (1 + order * self.rules.costs.slippage)  # 6
            quantity = self.rules.leverage * self.balance / fill  # 10
            fee = quantity * fill * self.rules.costs.commission
            self.position = Position(order, quantity, fill, candle.open, candle.open_time, self.balance, fee)
            self.balance -= fee

    def exits(self, candle: Candle) -> bool:
        """Rule 13, in its order; whether the position was left."""
        p = self.position
        assert p is not None
        stop = p.fill * (1 - p.side * self.rules.stop_loss) if self.rules.stop_loss else None
        target = p.fill * (1 + p.side * self.rules.take_profit) if self.rules.take_profit else None
        adverse, favourable = (candle.low, candle.high) if p.side == 1 else (candle.high, candle.low)

        def beyond(price: float, level: float) -> bool:
            """``price`` is at or past ``level`` against the position."""
            return price <= level if p.side == 1 else price >= level

        end = candle.open_time + self.length
        if self.equity_at(candle.open) <= 0:
            self.liquidate(candle.open_time)
        elif target is not None and (candle.open == target or not beyond(candle.open, target)):
            self.sell(candle.open, candle.open_time, "target")
        elif stop is not None and beyond(candle.open, stop):
            self.sell(candle.open, candle.open_time, "stop")
        elif stop is not None and beyond(adverse, stop) and self.equity_at(stop) > 0:
            self.sell(stop, end, "stop")
        elif self.equity_at(adverse) <= 0:
            self.liquidate(end)
        elif target is not None and (favourable == target or not beyond(favourable, target)):
            self.sell(target, end, "target")
        return self.position is None

    def sell(self, price: float, time: datetime, reason: str) -> None:
        p = self.position
        assert p is not None
        fill = price if reason == "target" else price * (1 - p.side * self.rules.costs.slippage)
        fee = p.quantity * fill * self.rules.costs.commission
        if self.equity_at(fill) - fee <= 0:
            self.liquidate(time)
            return
        self.balance += p.side * p.quantity * (fill - p.fill) - fee
        self.book(reason, price, fill, fee, time)
        self.position = None

    def liquidate(self, time: datetime) -> None:
        p = self.position
        assert p is not None
        price = p.fill - p.side * self.balance / p.quantity
        self.book("liquidation", price, price, 0.0, time)
        self.balance, self.position = 0.0, None

    def book(self, reason: str, market_price: float, fill: float, fee: float, time: datetime) -> None:
        p = self.position
        assert p is not None
        gross = p.side * p.quantity * (market_price - p.market_price)
        slippage = p.quantity * (abs(p.fill - p.market_price) + abs(fill - market_price))
        commission = p.commission + fee
        net = gross - commission - slippage - p.funding
        self.trades.append(
            Trade(
                p.side, p.opened, time, p.fill, fill, p.quantity, gross, commission, slippage, p.funding, net,
                net / p.equity_before, reason,
            )
        )  # fmt: skip
