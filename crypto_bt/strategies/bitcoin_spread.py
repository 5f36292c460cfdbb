"""Bitcoin spread: each symbol against the market's leader, at the ratio that held until now."""

from dataclasses import dataclass
from typing import Self

import polars as pl

from crypto_bt.strategies.exits import REVERSION_EXITS
from crypto_bt.strategies.expressions import held
from crypto_bt.strategies.strategy import FrameStrategy


@dataclass(frozen=True)
class BitcoinSpread(FrameStrategy):
    """Short a symbol whose log price stands ``entry`` standard deviations above the line through the last
    ``window`` bars of it and of ``leader`` (slope: the hedge ratio), long one as far below, until it is back
    on the line. The leader is held against their sum, as far as its account allows; being one position, its
    size changes only with its side, so the hedge is rough. Fails when a coin leaves its old relation for
    good.
    """

    source = "Gatev, Goetzmann, Rouwenhorst: Pairs Trading (2006); Avellaneda, Lee (2010)"
    exits = REVERSION_EXITS

    window: int = 180
    entry: float = 2.0
    leader: str = "BTCUSDT"

    def __post_init__(self) -> None:
        self.require(self.window >= 3 and self.entry > 0.0, "window >= 3 and entry > 0")

    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        return tuple(
            cls(window=window, entry=entry) for entry in (2.0, 2.5) for window in (180, 60, 90, 120, 360)
        )

    @property
    def warm_up(self) -> int:
        return 2 * self.window  # a window to measure, one more for spreads that were already open to close

    def targets_of(self, frame: pl.DataFrame) -> pl.Series:
        lines = self._distances(frame)
        far, follows = pl.col("far"), pl.col("symbol") != self.leader
        decision = pl.when(far > self.entry).then(-1).when(far < -self.entry).then(1)
        side = held(decision)
        back = side * far > 0.0
        lines = lines.with_columns(side=held(pl.when(back).then(0).otherwise(decision)))
        hedge = -(pl.col("side") * pl.col("slope")).filter(follows).sum().over("open_time")
        target = pl.when(follows).then(pl.col("side")).otherwise(hedge.clip(-1.0, 1.0))
        return lines.select(target=target)["target"]

    def _distances(self, frame: pl.DataFrame) -> pl.DataFrame:
        """``slope`` and ``far``: the residual of the newest bar in standard deviations of the residuals."""
        leader = frame.filter(pl.col("symbol") == self.leader).select("open_time", x=pl.col("close").log())
        logs = frame.select("symbol", "open_time", y=pl.col("close").log()).join(
            leader, on="open_time", how="left", maintain_order="left"
        )
        # The first price of a symbol is taken off: squares of large numbers would leave few digits.
        logs = logs.with_columns((pl.col("x", "y") - pl.col("x", "y").drop_nulls().first()).over("symbol"))

        def mean(value: pl.Expr) -> pl.Expr:
            return value.rolling_mean(self.window).over("symbol")

        x, y = pl.col("x"), pl.col("y")
        logs = logs.with_columns(mx=mean(x), my=mean(y), xx=mean(x * x), xy=mean(x * y), yy=mean(y * y))
        across = pl.col("xx") - pl.col("mx") ** 2
        together = pl.col("xy") - pl.col("mx") * pl.col("my")
        up = pl.col("yy") - pl.col("my") ** 2
        logs = logs.with_columns(
            slope=pl.when(across > 1e-12).then(together / across), up=up, together=together
        )
        residual = y - pl.col("my") - pl.col("slope") * (x - pl.col("mx"))
        variance = pl.col("up") - pl.col("slope") * pl.col("together")
        return logs.with_columns(far=pl.when(variance > 1e-9).then(residual / variance.sqrt()))
