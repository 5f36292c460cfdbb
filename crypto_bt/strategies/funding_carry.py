"""Funding carry: be paid for holding what the crowd does not want to hold."""

from dataclasses import dataclass
from typing import Self

import polars as pl

from crypto_bt.strategies.exits import REVERSION_EXITS
from crypto_bt.strategies.expressions import held
from crypto_bt.strategies.strategy import FrameStrategy


@dataclass(frozen=True)
class FundingCarry(FrameStrategy):
    """Short while longs pay more than ``rich`` for eight hours (mean over ``window`` bars), long while shorts
    pay more than ``cheap``, until the mean is back on the other side of ``neutral`` (the exchange's interest
    rate). Fails in a squeeze: funding is dear because the price runs, and one run costs a year of it."""

    needs = ("funding_rate_8h",)
    source = (
        "Koijen, Moskowitz, Pedersen, Vrugt: Carry (2018); Schmeling, Schrimpf, Todorov: Crypto Carry (2023)"
    )
    exits = REVERSION_EXITS

    window: int = 18
    rich: float = 0.0003
    cheap: float = 0.0001
    neutral: float = 0.0001

    def __post_init__(self) -> None:
        self.require(
            self.window >= 1 and -self.cheap < self.neutral < self.rich,
            "window >= 1 and -cheap < neutral < rich",
        )

    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        return tuple(
            cls(window=window, rich=rich, cheap=cheap)
            for rich, cheap in ((0.0003, 0.0001), (0.0006, 0.0003))
            for window in (18, 6, 42, 84, 180)
        )

    @property
    def warm_up(self) -> int:
        return self.window

    def targets_of(self, frame: pl.DataFrame) -> pl.Series:
        # Most rates are the neutral one exactly; unrounded, the running mean's last digit would decide.
        mean = pl.col("funding_rate_8h").rolling_mean(self.window).over("symbol").round(10)
        paid, rate = frame.select("symbol", rate=mean), pl.col("rate")
        decision = pl.when(rate > self.rich).then(-1).when(rate < -self.cheap).then(1)
        side = held(decision)
        back = ((side == -1) & (rate < self.neutral)) | ((side == 1) & (rate > self.neutral))
        return paid.select(target=held(pl.when(back).then(0).otherwise(decision)))["target"]
