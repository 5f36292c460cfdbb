"""EMA cross: the plainest trend follower, on the side of the faster average."""

from dataclasses import dataclass

import polars as pl

from crypto_bt.strategies.strategy import Strategy


@dataclass(frozen=True)
class EmaCross(Strategy):
    """Long while the fast exponential average of closes is above the slow one, short while below."""

    fast: int = 12
    slow: int = 48

    def __post_init__(self) -> None:
        self.require(1 <= self.fast < self.slow, "1 <= fast < slow")

    @property
    def warm_up(self) -> int:
        return 3 * self.slow  # by then older closes weigh less than 0.3 % in the slow average

    def target(self) -> pl.Expr:
        fast = pl.col("close").ewm_mean(span=self.fast, adjust=False).over("symbol")
        slow = pl.col("close").ewm_mean(span=self.slow, adjust=False).over("symbol")
        return (fast - slow).sign().cast(pl.Int8)
