"""Donchian breakout: a close beyond the range of the last bars starts a trend worth following."""

from dataclasses import dataclass

import polars as pl

from crypto_bt.strategies.strategy import Strategy


@dataclass(frozen=True)
class DonchianBreakout(Strategy):
    """Long after a close above the high of the ``channel`` bars before it, short below their low, held
    until the opposite break or the stop. After Donchian's four-week rule; most breaks fail, a few pay."""

    channel: int = 40
    stop_loss: float | None = 0.08

    def __post_init__(self) -> None:
        self.require(self.channel >= 2, "channel >= 2")

    @property
    def warm_up(self) -> int:
        return self.channel

    def target(self) -> pl.Expr:
        highest = pl.col("high").rolling_max(self.channel).shift(1).over("symbol")
        lowest = pl.col("low").rolling_min(self.channel).shift(1).over("symbol")
        broken = pl.when(pl.col("close") > highest).then(1).when(pl.col("close") < lowest).then(-1)
        return broken.otherwise(None).forward_fill().over("symbol")
