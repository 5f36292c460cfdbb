"""Relative momentum: the strongest symbols against the weakest, whatever the market as a whole does."""

from dataclasses import dataclass
from typing import Self

import polars as pl

from crypto_bt.strategies.expressions import held
from crypto_bt.strategies.strategy import FrameStrategy


@dataclass(frozen=True)
class RelativeMomentum(FrameStrategy):
    """Long the ``share`` of the symbols that rose most over ``lookback`` bars (the last ``skip`` left out, as
    short moves tend to turn), short the ``share`` that rose least, each held until it is back in the middle
    of the ranking. Fails when the laggards lead a rebound; symbols that move as one leave nothing to rank."""

    source = "Jegadeesh, Titman (1993); for coins Liu, Tsyvinski, Wu: Common Risk Factors (2022)"

    lookback: int = 126
    skip: int = 6
    share: float = 0.2

    def __post_init__(self) -> None:
        self.require(
            0 <= self.skip < self.lookback and 0.0 < self.share < 0.5, "0 <= skip < lookback, 0 < share < 0.5"
        )

    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        return tuple(
            cls(lookback=lookback, share=share)
            for share in (0.2, 0.1)
            for lookback in (126, 42, 84, 180, 360)
        )

    @property
    def warm_up(self) -> int:
        return self.lookback

    def targets_of(self, frame: pl.DataFrame) -> pl.Series:
        close = pl.col("close")
        risen = (close.shift(self.skip) / close.shift(self.lookback)).over("symbol")
        ranked = frame.select("symbol", "open_time", risen=risen).with_columns(
            rank=pl.col("risen").rank("average").over("open_time"),
            count=pl.col("risen").count().over("open_time"),
        )
        rank, count = pl.col("rank"), pl.col("count")
        chosen = (count * self.share).floor().clip(lower_bound=1)
        middle = (count + 1) / 2
        decision = (
            pl.when(rank.is_null() | (count < 3))
            .then(0)
            .when(rank > count - chosen)
            .then(1)
            .when(rank <= chosen)
            .then(-1)
        )
        side = held(decision)
        back = ((side == 1) & (rank <= middle)) | ((side == -1) & (rank >= middle))
        return ranked.select(target=held(pl.when(back).then(0).otherwise(decision)))["target"]
