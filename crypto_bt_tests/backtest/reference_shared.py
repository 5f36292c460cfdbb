"""A slow simulator of the portfolio with shared capital, written from the text of docs/assumptions.md.

Each symbol's position is the slow simulator's of a single account, whose cash is handed to the portfolio at
once. Rule numbers are those of the text.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import inf, sqrt
from statistics import StatisticsError, correlation, stdev

from crypto_bt.backtest.contracts import Contract
from crypto_bt.backtest.portfolio_rules import PortfolioRules
from crypto_bt.backtest.rules import Rules
from crypto_bt_tests.backtest.reference import Account
from crypto_bt_tests.backtest.reference_entry import stop_of
from crypto_bt_tests.backtest.reference_margin import largest_notional
from crypto_bt_tests.backtest.reference_parts import Candle, Wish

DAY = timedelta(days=1)
WINDOW = 30
NOTHING = 1e-9
CRUMBS = 1e-6


class NotNow(Exception):
    """The portfolio refuses the entry; the text is the cause."""


@dataclass(frozen=True)
class Close:
    """What the books say at a bar's close."""

    time: datetime
    equity: float
    cash: float
    positions: int
    open_risk: float
    notional: float


class Holder(Account):
    """One symbol's position and its bars; ``wanted`` is set by the portfolio before an entry."""

    def __init__(
        self, rules: Rules, contract: Contract, length: timedelta, candles: Sequence[Candle]
    ) -> None:
        super().__init__(rules, contract, 0.0, length)
        self.candles = candles
        self.numbers = {candle.open_time: number for number, candle in enumerate(candles)}
        self.allowed_notional = self.allowed_loss = 0.0
        days: dict[date, float] = {candle.open_time.date(): candle.close for candle in candles}
        self.returns = {
            day: close / days[day - DAY] - 1.0 for day, close in days.items() if day - DAY in days
        }

    def order_at(self, number: int) -> Wish | None:
        """The target seen at the close before; None at the first bar and after missing candles (30)."""
        before = self.candles[number - 1] if number else None
        if before is None or before.open_time + self.length != self.candles[number].open_time:
            self.blocked = 0
            return None
        return before.wish

    def unit_loss(self, order: Wish, fill: float) -> float:  # 58
        return min(
            abs(fill - stop_of(self.rules, self.contract, order, fill)),
            fill / self.rules.sizing.leverage_used,
        )

    def wanted_quantity(self, order: Wish, fill: float) -> float:  # 58 to 60
        quantity = self.allowed_notional / fill
        loss = self.unit_loss(order, fill)
        return min(quantity, self.allowed_loss / loss) if loss else quantity

    def open_risk(self) -> float:  # 60
        p = self.position
        assert p is not None
        return max(0.0, min(p.margin, p.held * max(0.0, p.side * (p.fill - p.levels.stop))))

    def worth(self, price: float) -> float:
        p = self.position
        return p.margin + p.gain(price) if p else 0.0

    def last_returns(self, day: date) -> list[float] | None:
        """Those of the 30 days before ``day``; None where one is missing (54)."""
        days = [day - DAY * back for back in range(1, WINDOW + 1)]
        return [self.returns[each] for each in days] if all(each in self.returns for each in days) else None

    def rest_of_bar(self, candle: Candle) -> None:
        """Rule 21 from the liquidation at the open on."""
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


class Portfolio:
    def __init__(
        self,
        lines: Mapping[str, Sequence[Candle]],
        *,
        rules: Rules,
        portfolio: PortfolioRules,
        contracts: Mapping[str, Contract],
        length: timedelta,
        capital: float,
    ) -> None:
        self.rules, self.limits, self.length = rules, portfolio, length
        self.capital = self.cash = capital
        self.holders = {
            symbol: Holder(rules, contracts.get(symbol, Contract()), length, line)
            for symbol, line in sorted(lines.items())
        }
        self.refusals: Counter[str] = Counter()
        self.stops: list[tuple[datetime, str, float]] = []
        self.closes: list[Close] = []
        self.waits_until: datetime | None = None
        self.halted = self.closing = False

    def run(self) -> None:
        times = sorted({time for holder in self.holders.values() for time in holder.numbers})
        peak = before_today = before = self.capital
        today = times[0].date()
        for time in times:
            if time.date() != today:
                today, before_today = time.date(), before
            here = {symbol: h for symbol, h in self.holders.items() if time in h.numbers}
            held = self.holds()
            self.open(time, here)
            held = held or self.holds()
            for holder in here.values():
                number = holder.numbers[time]
                holder.rest_of_bar(holder.candles[number])
                self.leave_before_gap(holder, number, last=time == times[-1])
            for holder in here.values():
                self.collect(holder)
            before = self.mark(time)
            self.watch(time, before, peak, before_today, held=held)
            peak = max(peak, before)
        for holder in self.holders.values():
            if holder.position:  # 31
                p, candle = holder.position, holder.candles[-1]
                p.part_with(p.held, candle.close, candle.close, p.gain(candle.close), 0.0)
                holder.book("open", candle.open_time + self.length)

    def open(self, time: datetime, here: Mapping[str, Holder]) -> None:  # 56
        asking: list[tuple[str, Wish]] = []
        for symbol, holder in here.items():
            number = holder.numbers[time]
            candle, order = holder.candles[number], holder.order_at(number)
            if holder.position:
                holder.pay([s for s in candle.settlements if s.time == time])
                holder.liquidate_where_it_sinks(candle)
            if holder.position and order is not None:
                age = number - holder.position.bar
                if order.side != holder.position.side:
                    holder.leave(candle, candle.open, "signal", time)
                elif age == self.rules.exits.time_stop:
                    holder.leave(candle, candle.open, "time", time)
                elif self.closing:
                    holder.leave(candle, candle.open, "drawdown", time)
            if order is not None and order.side != holder.blocked:  # 20
                holder.blocked = 0
            if order is not None and order.side and not holder.blocked and holder.position is None:
                asking.append((symbol, order))
            self.collect(holder)
        self.closing = False
        asking.sort(
            key=lambda each: (-inf if each[1].rank is None else each[1].rank, each[1].weight), reverse=True
        )
        for symbol, order in asking:
            if self.halted:
                return
            holder = here[symbol]
            number = holder.numbers[time]
            try:
                self.enter(time, holder, number, order)
            except NotNow as refused:
                self.refusals[str(refused)] += 1
            holder.blocked = order.side if holder.position is None else 0

    def enter(self, time: datetime, holder: Holder, number: int, order: Wish) -> None:  # 57 to 63
        limits, sizing = self.limits, self.rules.sizing
        if self.waits_until is not None and time < self.waits_until:
            raise NotNow("waiting")
        held = [each for each in self.holders.values() if each.position]
        if len(held) >= limits.max_positions:
            raise NotNow("positions")
        opens = {id(each): each.candles[each.numbers[time]].open for each in held}
        equity = self.cash + sum(each.worth(opens[id(each)]) for each in held)
        if equity <= NOTHING * self.capital:
            return
        if any(self.alike(holder, order.side, each, time.date()) for each in held):
            raise NotNow("correlation")
        wished = order.weight * sizing.exposure * equity
        if limits.target_volatility is not None:  # 59
            returns = holder.last_returns(time.date())
            if returns is None:
                raise NotNow("volatility")
            volatility = stdev(returns) * sqrt(365)
            if volatility:
                wished = min(wished, order.weight * equity * limits.target_volatility / volatility)
        least = CRUMBS * equity
        loss = (limits.total_risk or inf) * equity - sum(each.open_risk() for each in held)
        if loss <= least:
            raise NotNow("risk")
        notional = sum(each.position.held * opens[id(each)] for each in held if each.position)
        room = limits.max_leverage * equity - notional
        if room <= least:
            raise NotNow("leverage")
        if self.cash <= least:
            raise NotNow("cash")
        leverage = sizing.leverage_used
        holder.allowed_notional = min(
            wished,
            (limits.max_asset_share or inf) * equity,
            room,
            largest_notional(holder.contract.tiers, leverage),
            self.cash / (1 / leverage + self.rules.costs.taker_bps / 10_000),
        )
        holder.allowed_loss = min(loss, order.weight * (limits.risk_per_trade or inf) * equity)
        holder.cash, refused = self.cash, holder.refused
        Account.enter(holder, number, holder.candles[number], order)
        if holder.refused > refused:
            holder.cash = 0.0
            raise NotNow("order")
        self.cash, holder.cash = holder.cash, 0.0
        assert holder.position is not None
        holder.position.equity_before = equity

    def alike(self, holder: Holder, side: int, other: Holder, day: date) -> bool:  # 62
        most = self.limits.max_correlation
        mine, theirs = holder.last_returns(day), other.last_returns(day)
        if most is None or mine is None or theirs is None:
            return False
        assert other.position is not None
        try:
            return side * other.position.side * correlation(mine, theirs) > most
        except StatisticsError:  # one of them did not move
            return False

    def leave_before_gap(self, holder: Holder, number: int, *, last: bool) -> None:  # 30, 67
        candle = holder.candles[number]
        after = holder.candles[number + 1] if number + 1 < len(holder.candles) else None
        end = candle.open_time + self.length
        if holder.position and not last and (after is None or after.open_time != end):
            holder.leave(candle, candle.close, "gap", end)

    def collect(self, holder: Holder) -> None:
        self.cash += holder.cash
        holder.cash = 0.0

    def mark(self, time: datetime) -> float:  # 55
        held = [each for each in self.holders.values() if each.position]
        closes = [each.candles[each.numbers[time]].close for each in held]
        equity = self.cash + sum(each.worth(close) for each, close in zip(held, closes, strict=True))
        notional = sum(
            each.position.held * close for each, close in zip(held, closes, strict=True) if each.position
        )
        risk = sum(each.open_risk() for each in held)
        self.closes.append(Close(time, equity, self.cash, len(held), risk, notional))
        return equity

    def holds(self) -> bool:
        return any(holder.position for holder in self.holders.values())

    def watch(
        self, time: datetime, equity: float, peak: float, before_today: float, *, held: bool
    ) -> None:  # 64, 65
        limits, end = self.limits, time + self.length
        if self.halted:
            return
        waiting = self.waits_until is not None and time < self.waits_until
        if limits.total_drawdown is not None and equity <= (1 - limits.total_drawdown) * peak:
            self.closing = self.halted = True
            self.stops.append((end, "total", equity))
        elif (
            limits.daily_drawdown is not None
            and held
            and not waiting
            and equity <= (1 - limits.daily_drawdown) * before_today
        ):
            self.closing, self.waits_until = True, end + timedelta(hours=limits.wait_hours)
            self.stops.append((end, "daily", equity))
