"""Trend with a filter: follows the slope of a slow average, stands aside when the market is not itself."""

from dataclasses import dataclass
from typing import Self

import polars as pl

from crypto_bt.strategies.strategy import Strategy


@dataclass(frozen=True)
class RegimeTrend(Strategy):
    """Long while a slow average of closes rises, short while it falls, except where the regime forbids it.

    Flat while volatility is wild; no long while longs pay dearly for it or the crowd is greedy, no short
    while shorts pay or the crowd is in fear. A regime that is not known forbids nothing. Fails when the best
    part of a trend is the wild and crowded one, which the filter leaves out.
    """

    source = "Hamilton (1989) on regimes; Daniel, Moskowitz: Momentum Crashes (2016)"

    needs = ("volatility_regime", "funding_regime", "sentiment_regime")

    window: int = 60
    slope: int = 6

    def __post_init__(self) -> None:
        self.require(self.window >= 2 and self.slope >= 1, "window >= 2 and slope >= 1")

    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        return tuple(
            cls(window=window, slope=slope) for slope in (6, 18) for window in (60, 30, 90, 150, 300)
        )

    @property
    def warm_up(self) -> int:
        return self.window + self.slope

    def target(self) -> pl.Expr:
        average = pl.col("close").rolling_mean(self.window).over("symbol")
        # Rounded, so that the last digit of a running mean does not decide where the average stands still.
        rise = (average / average.shift(self.slope).over("symbol") - 1.0).round(9)
        side = rise.sign().cast(pl.Int8)
        crowded_long = (pl.col("funding_regime") == 1) | (pl.col("sentiment_regime") == 1)
        crowded_short = (pl.col("funding_regime") == -1) | (pl.col("sentiment_regime") == -1)
        forbidden = (
            (pl.col("volatility_regime") == 1).fill_null(value=False)
            | ((side == 1) & crowded_long.fill_null(value=False))
            | ((side == -1) & crowded_short.fill_null(value=False))
        )
        return pl.when(forbidden).then(0).otherwise(side)
