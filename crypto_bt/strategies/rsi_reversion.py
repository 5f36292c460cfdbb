"""RSI reversion: what fell (or rose) too fast comes part of the way back."""

from dataclasses import dataclass

import polars as pl

from crypto_bt.strategies.strategy import Strategy


@dataclass(frozen=True)
class RsiReversion(Strategy):
    """Long when Wilder's RSI falls below ``oversold``, short when it rises above ``100 - oversold``,
    flat again once it crosses 50; a stop and a target bound what a trend against it can cost."""

    length: int = 14
    oversold: float = 25.0
    stop_loss: float | None = 0.06
    take_profit: float | None = 0.08

    def __post_init__(self) -> None:
        self.require(self.length >= 2 and 0.0 < self.oversold < 50.0, "length >= 2 and 0 < oversold < 50")

    @property
    def warm_up(self) -> int:
        return 6 * self.length  # Wilder's average is slow: by then older moves weigh about 1 %

    def target(self) -> pl.Expr:
        change = pl.col("close").diff()
        rise = change.clip(lower_bound=0.0).ewm_mean(alpha=1 / self.length, adjust=False)
        fall = (-change).clip(lower_bound=0.0).ewm_mean(alpha=1 / self.length, adjust=False)
        rsi = 100.0 * rise / (rise + fall)
        crossed = (rsi > 50.0) != (rsi.shift(1) > 50.0)
        held = pl.when(rsi < self.oversold).then(1).when(rsi > 100.0 - self.oversold).then(-1)
        return held.when(crossed).then(0).otherwise(None).forward_fill().over("symbol")
