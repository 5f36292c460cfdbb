"""Short-term reversal: who provides liquidity to a hurried crowd is paid when the price comes back."""

from dataclasses import dataclass
from typing import Self

import polars as pl

from crypto_bt.strategies.exits import REVERSION_EXITS
from crypto_bt.strategies.expressions import held
from crypto_bt.strategies.strategy import FrameStrategy


@dataclass(frozen=True)
class ShortTermReversal(FrameStrategy):
    """Long what over ``lookback`` bars lagged the mean of all symbols by more than ``entry`` of its own
    standard deviations (of ``volatility_window`` bars), short what ran ahead of it as far, until the distance
    is half of that. Fails where the move was news about that one coin, and costs eat small ones."""

    source = "Lehmann (1990); Nagel: Evaporating Liquidity (2012)"
    exits = REVERSION_EXITS

    lookback: int = 6
    volatility_window: int = 90
    entry: float = 2.0

    def __post_init__(self) -> None:
        self.require(
            self.lookback >= 1 and self.volatility_window >= 2 and self.entry > 0.0,
            "lookback >= 1, volatility_window >= 2 and entry > 0",
        )

    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        return tuple(
            cls(lookback=lookback, entry=entry) for entry in (2.0, 3.0) for lookback in (6, 1, 3, 12, 18)
        )

    @property
    def warm_up(self) -> int:
        return max(self.lookback, self.volatility_window)

    def targets_of(self, frame: pl.DataFrame) -> pl.Series:
        close = pl.col("close")
        moved = (close / close.shift(self.lookback) - 1.0).over("symbol")
        usual = close.pct_change().rolling_std(self.volatility_window).over("symbol") * self.lookback**0.5
        moves = frame.select("symbol", "open_time", moved=moved, usual=usual)
        ahead = (pl.col("moved") - pl.col("moved").mean().over("open_time")) / pl.col("usual")
        moves = moves.with_columns(ahead=pl.when(pl.col("usual") > 0.0).then(ahead))
        decision = pl.when(pl.col("ahead") > self.entry).then(-1).when(pl.col("ahead") < -self.entry).then(1)
        side = held(decision)
        back = side * pl.col("ahead") > -self.entry / 2.0
        return moves.select(target=held(pl.when(back).then(0).otherwise(decision)))["target"]
