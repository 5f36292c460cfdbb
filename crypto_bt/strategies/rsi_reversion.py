"""RSI reversion: what fell (or rose) too fast comes part of the way back."""

from dataclasses import dataclass
from typing import Self

import polars as pl

from crypto_bt.strategies.exits import REVERSION_EXITS
from crypto_bt.strategies.strategy import Strategy


@dataclass(frozen=True)
class RsiReversion(Strategy):
    """Long when Wilder's RSI falls below ``oversold``, short when it rises above ``100 - oversold``,
    flat again once it crosses 50; a stop and a target bound what a trend against it can cost. Fails where a
    fall is news: in a crash every low is followed by a lower one."""

    source = "Wilder: New Concepts in Technical Trading Systems (1978)"
    exits = REVERSION_EXITS

    length: int = 14
    oversold: float = 25.0
    stop_loss: float | None = 0.06
    take_profit: float | None = 0.08

    def __post_init__(self) -> None:
        self.require(self.length >= 2 and 0.0 < self.oversold < 50.0, "length >= 2 and 0 < oversold < 50")

    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        return tuple(
            cls(length=length, oversold=oversold)
            for oversold in (25.0, 20.0)
            for length in (14, 6, 10, 20, 28)
        )

    @property
    def warm_up(self) -> int:
        return 12 * self.length  # Wilder's average is slow: by then older moves weigh less than 0.001 %

    def target(self) -> pl.Expr:
        change = pl.col("close").diff()
        rise = change.clip(lower_bound=0.0).ewm_mean(alpha=1 / self.length, adjust=False)
        fall = (-change).clip(lower_bound=0.0).ewm_mean(alpha=1 / self.length, adjust=False)
        rsi = 100.0 * rise / (rise + fall)
        crossed = (rsi > 50.0) != (rsi.shift(1) > 50.0)
        held = pl.when(rsi < self.oversold).then(1).when(rsi > 100.0 - self.oversold).then(-1)
        return held.when(crossed).then(0).otherwise(None).forward_fill().over("symbol")
