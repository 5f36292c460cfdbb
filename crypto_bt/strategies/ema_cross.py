"""EMA cross: the plainest trend follower, on the side of the faster average."""

from dataclasses import dataclass
from typing import Self

import polars as pl

from crypto_bt.strategies.strategy import Strategy


@dataclass(frozen=True)
class EmaCross(Strategy):
    """Long while the fast exponential average of closes is above the slow one, short while below.
    Always in the market: it pays for every turn of a range twice, in losses and in costs."""

    source = "Appel's MACD (1979); Brock, Lakonishok, LeBaron: Simple Technical Trading Rules (1992)"

    fast: int = 12
    slow: int = 48

    def __post_init__(self) -> None:
        self.require(1 <= self.fast < self.slow, "1 <= fast < slow")

    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        pairs = (
            (12, 48), (6, 24), (8, 40), (12, 72), (18, 72),
            (24, 96), (24, 144), (36, 144), (48, 192), (60, 300),
        )  # fmt: skip
        return tuple(cls(fast=fast, slow=slow) for fast, slow in pairs)

    @property
    def warm_up(self) -> int:
        return 6 * self.slow  # by then older closes weigh less than 0.001 % in the slow average

    def target(self) -> pl.Expr:
        fast = pl.col("close").ewm_mean(span=self.fast, adjust=False).over("symbol")
        slow = pl.col("close").ewm_mean(span=self.slow, adjust=False).over("symbol")
        return (fast - slow).sign().cast(pl.Int8)
