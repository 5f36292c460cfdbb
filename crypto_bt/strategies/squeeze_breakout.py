"""Squeeze breakout: volatility that has contracted expands again, and the first move shows where to."""

from dataclasses import dataclass
from typing import Self

import polars as pl

from crypto_bt.strategies.expressions import bars_since, held, true_range
from crypto_bt.strategies.strategy import FrameStrategy


@dataclass(frozen=True)
class SqueezeBreakout(FrameStrategy):
    """Long when, at most ``fresh`` bars after the Bollinger bands (``band`` standard deviations of
    ``window`` closes) lay inside the Keltner channel (``channel`` mean true ranges for 20 bars,
    growing with the root of the window), a bar closes above the
    upper band; short below the lower; out at the middle. Fails where the first move is a feint."""

    source = "Bollinger (2001) on the squeeze; Carter: Mastering the Trade (2005)"

    window: int = 20
    band: float = 2.0
    channel: float = 1.5
    fresh: int = 6

    def __post_init__(self) -> None:
        self.require(
            self.window >= 2 and self.band > 0.0 and self.channel > 0.0 and self.fresh >= 1,
            "window >= 2, band > 0, channel > 0 and fresh >= 1",
        )

    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        return tuple(
            cls(window=window, channel=channel) for channel in (1.5, 2.0) for window in (20, 12, 30, 42, 60)
        )

    @property
    def warm_up(self) -> int:
        return self.window + self.fresh

    def targets_of(self, frame: pl.DataFrame) -> pl.Series:
        closes = pl.col("close")
        steps = frame.select(
            "symbol",
            "close",
            middle=closes.rolling_mean(self.window).over("symbol"),
            half=self.band * closes.rolling_std(self.window).over("symbol"),
            range=true_range(),
        )
        usual = pl.col("range").rolling_mean(self.window).over("symbol") * (self.window / 20) ** 0.5
        steps = steps.with_columns(squeezed=pl.col("half") < self.channel * usual)
        steps = steps.with_columns(quiet=bars_since(pl.col("squeezed")).shift(1) < self.fresh)
        quiet, above = pl.col("quiet"), pl.col("close") - pl.col("middle")
        decision = (
            pl.when(quiet & (above > pl.col("half"))).then(1).when(quiet & (above < -pl.col("half"))).then(-1)
        )
        steps = steps.with_columns(decision=decision)
        back = held(pl.col("decision")) * above < 0.0
        return steps.select(target=held(pl.when(back).then(0).otherwise(pl.col("decision"))))["target"]
