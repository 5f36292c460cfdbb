"""Donchian breakout: a close beyond the range of the last bars starts a trend worth following."""

from dataclasses import dataclass
from typing import Self

import polars as pl

from crypto_bt.strategies.strategy import Strategy


@dataclass(frozen=True)
class DonchianBreakout(Strategy):
    """Long after a close above the high of the ``channel`` bars before it, short below their low, held
    until the opposite break or the stop. Most breaks fail and a few pay: it bleeds in a range."""

    source = "Donchian's four-week rule (1960s); the Turtles' rules (Faith, 2003)"

    channel: int = 40
    stop_loss: float | None = 0.08

    def __post_init__(self) -> None:
        self.require(self.channel >= 2, "channel >= 2")

    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        return tuple(cls(channel=channel) for channel in (40, 12, 20, 30, 60, 84, 120, 180, 240, 360))

    @property
    def warm_up(self) -> int:
        return self.channel

    def target(self) -> pl.Expr:
        highest = pl.col("high").rolling_max(self.channel).shift(1).over("symbol")
        lowest = pl.col("low").rolling_min(self.channel).shift(1).over("symbol")
        broken = pl.when(pl.col("close") > highest).then(1).when(pl.col("close") < lowest).then(-1)
        return broken.otherwise(None).forward_fill().over("symbol")
