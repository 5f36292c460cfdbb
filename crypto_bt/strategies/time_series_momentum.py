"""Time-series momentum: each symbol's own past return, at a weight that evens out its volatility."""

import math
from dataclasses import dataclass
from typing import Final, Self

import polars as pl

from crypto_bt.strategies.strategy import Strategy

_PER_YEAR: Final = math.sqrt(2190.0)  # of H4 bars


@dataclass(frozen=True)
class TimeSeriesMomentum(Strategy):
    """Long what rose over ``lookback`` bars, short what fell, with weight ``target_volatility`` over the
    annual volatility of the last ``volatility_window`` bars (at most 1), so that a wild symbol risks no more
    than a calm one. Loses where a market turns sharply or goes nowhere; volatility known then is late."""

    source = "Moskowitz, Ooi, Pedersen: Time Series Momentum (Journal of Financial Economics, 2012)"

    lookback: int = 180
    volatility_window: int = 90
    target_volatility: float = 0.4

    def __post_init__(self) -> None:
        self.require(
            self.lookback >= 1 and self.volatility_window >= 2 and self.target_volatility > 0.0,
            "lookback >= 1, volatility_window >= 2 and target_volatility > 0",
        )

    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        return tuple(
            cls(lookback=lookback, target_volatility=volatility)
            for volatility in (0.4, 0.8)
            for lookback in (180, 42, 90, 360, 540)
        )

    @property
    def warm_up(self) -> int:
        return max(self.lookback, self.volatility_window)

    def target(self) -> pl.Expr:
        close = pl.col("close")
        side = (close - close.shift(self.lookback)).sign()
        volatility = close.pct_change().rolling_std(self.volatility_window) * _PER_YEAR
        return (side * (self.target_volatility / volatility).clip(upper_bound=1.0)).over("symbol")
