"""Buy and hold: the benchmark every other strategy has to beat."""

from dataclasses import dataclass

import polars as pl

from crypto_bt.strategies.strategy import Strategy


@dataclass(frozen=True)
class BuyAndHold(Strategy):
    """Long from the second bar on, without leverage, for ever. Fails when the market does."""

    source = "The benchmark of every study; no idea, no parameter"
    exits = ()

    @property
    def warm_up(self) -> int:
        return 0

    def target(self) -> pl.Expr:
        return pl.lit(1)
