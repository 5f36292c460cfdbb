"""What the slow simulator handles: candles with all that belongs to them, a position, a trade."""

from dataclasses import dataclass, field
from datetime import datetime
from math import nan


@dataclass
class Wish:
    """A target as it is seen at a bar's close, with what the strategy gave with it."""

    target: float = 0.0
    stop_price: float | None = None
    target_price: float | None = None
    atr: float | None = None
    rank: float | None = None

    @property
    def weight(self) -> float:
        return round(abs(self.target) * 100) / 100

    @property
    def side(self) -> int:
        return 0 if self.weight == 0.0 else 1 if self.target > 0 else -1


@dataclass
class Settlement:
    time: datetime
    mark: float
    rate: float


@dataclass
class Candle:
    """``finer`` are the candles of a finer timeframe, only where they cover this one wholly."""

    open_time: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    mark_high: float
    mark_low: float
    wish: Wish = field(default_factory=Wish)
    settlements: list[Settlement] = field(default_factory=list)
    finer: list["Candle"] = field(default_factory=list)

    def extreme(self, side: int) -> float:
        """The price most favourable to ``side``; the most adverse one is that of the other side."""
        return self.high if side == 1 else self.low

    def mark_extreme(self, side: int) -> float:
        return self.mark_high if side == 1 else self.mark_low


@dataclass
class Levels:
    """The exits of one entry as prices, infinitely far away where there is none; the trailing stop's distance
    is ``trail_percent`` of the best price and ``trail_amount``."""

    stop: float
    target: float
    scale_out: float
    trail_from: float
    trail_percent: float
    trail_amount: float
    break_even_from: float
    break_even: float


@dataclass
class Position:
    """``market`` is the price before slippage of the entry; ``quantity`` entered, ``held`` what is left."""

    side: int
    bar: int
    opened: datetime
    fill: float
    market: float
    quantity: float
    held: float
    margin: float
    levels: Levels
    equity_before: float
    commission: float
    slippage: float
    funding: float = 0.0
    moved: float = 0.0
    proceeds: float = 0.0
    best: float = nan

    def gain(self, price: float, quantity: float | None = None) -> float:
        return self.side * (self.held if quantity is None else quantity) * (price - self.fill)

    def falls_to(self, level: float, price: float) -> bool:
        """``price`` is at ``level`` or beyond it against the position."""
        return price <= level if self.side == 1 else price >= level

    def rises_to(self, level: float, price: float) -> bool:
        """``price`` is at ``level`` or beyond it in favour of the position."""
        return price >= level if self.side == 1 else price <= level

    def part_with(self, quantity: float, fill: float, market: float, moved: float, fee: float) -> None:
        """Book that ``quantity`` leaves."""
        self.proceeds += quantity * fill
        self.slippage += quantity * abs(fill - market)
        self.moved += moved
        self.commission += fee
        self.held -= quantity


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
