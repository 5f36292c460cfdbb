"""A strategy whose positions were decided elsewhere and written into a file, with when they were known."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from crypto_bt.core.errors import BacktestError
from crypto_bt.strategies.content import required_file
from crypto_bt.strategies.strategy import FrameStrategy

_MOMENT: Final = pl.Datetime("ms", "UTC")


@dataclass(frozen=True)
class SignalFile(FrameStrategy):
    """Base of strategies that follow the Parquet file ``path``: symbol, open_time, target, available_at.

    A row speaks of the bar that opens at ``open_time`` and of the ``valid_bars`` - 1 bars after it. Only rows
    available by a bar's close count there, the one of the newest ``open_time`` among them, in its newest
    revision; without one the bar is flat. ``available_at`` is believed: who writes it, answers for it.
    """

    path: str = ""
    valid_bars: int = 1

    @property
    def warm_up(self) -> int:
        return 0

    @property
    def files(self) -> tuple[Path, ...]:
        return (Path(self.path),)

    def targets_of(self, frame: pl.DataFrame) -> pl.Series:
        self.require(self.valid_bars >= 1, "valid_bars >= 1")
        # A row counts from the close of its bar, or from when it was available, whichever is later.
        rows = self._rows().with_columns(
            known_at=pl.max_horizontal("available_at", pl.col("open_time") + self.timeframe.delta)
        )
        rows = rows.sort("symbol", "known_at", "open_time", "available_at")
        newest = pl.col("open_time") == pl.col("open_time").cum_max().over("symbol")
        rows = rows.filter(newest).select("symbol", "known_at", "target", said_for="open_time")
        joined = frame.select("symbol", "open_time", "close_time").join_asof(
            rows,
            left_on="close_time",
            right_on="known_at",
            by="symbol",
            strategy="backward",
            check_sortedness=False,
        )
        valid = pl.col("open_time") - pl.col("said_for") < self.timeframe.delta * self.valid_bars
        return joined.select(target=pl.when(valid).then(pl.col("target")))["target"]

    def _rows(self) -> pl.DataFrame:
        path = required_file(self, Path(self.path))
        try:
            rows = pl.read_parquet(path, columns=["symbol", "open_time", "target", "available_at"])
            rows = rows.cast({"target": pl.Float64, "open_time": _MOMENT, "available_at": _MOMENT})
        except (OSError, pl.exceptions.PolarsError) as error:
            reason = str(error).strip().split("\n")[0]
            raise BacktestError(
                f"{self.name} cannot read {path}: {reason}.",
                "It must be Parquet with symbol, open_time, target and available_at (both times in UTC).",
            ) from error
        keys = ["symbol", "open_time", "available_at"]
        if sum(rows.select(keys).null_count().row(0)):
            raise BacktestError(f"{path} has rows without {', '.join(keys)}.", "Each row needs all of them.")
        twice = rows.filter(rows.select(keys).is_duplicated())
        if not twice.is_empty():
            symbol, open_time = twice.select("symbol", "open_time").row(0)
            raise BacktestError(
                f"{path} has two targets of {symbol} for {open_time:%Y-%m-%d %H:%M}, available at one time.",
                "Give one for each.",
            )
        return rows
