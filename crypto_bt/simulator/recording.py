"""The files of a recording: which there must be, their identity, their end, who is best covered."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from crypto_bt.core.market import STANDARD_TIMEFRAMES, Timeframe, from_milliseconds
from crypto_bt.simulator.market import IntArray, decimal_text

FILES: Final = (
    *(f"{timeframe.dataset}.parquet" for timeframe in STANDARD_TIMEFRAMES),
    "funding.parquet",
    "mark_1h.parquet",
)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one symbol, ascending; ``times`` in ms."""

    times: IntArray
    frame: pl.DataFrame


def digest(folder: Path) -> str:
    """12 hex digits that stand for the bytes of all of :data:`FILES` together.

    Files that a recording may lack do not count: a home keeps its identity when one is added.
    """
    total = hashlib.sha256()
    for name in FILES:
        total.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return total.hexdigest()[:12]


def end_of_recording(candles: dict[Timeframe, pl.DataFrame], names: Sequence[str]) -> datetime:
    """The end of the UTC day in which the last candle opened."""
    latest = max(
        int(frame.filter(pl.col("symbol").is_in(names))["open_time"].dt.epoch("ms").to_numpy().max())
        for frame in candles.values()
    )
    return Timeframe.D1.floor(from_milliseconds(latest)) + timedelta(days=1)


def best_covered(
    candles: dict[Timeframe, pl.DataFrame], names: Sequence[str], start: datetime, end: datetime
) -> list[str]:
    """``names`` by falling share of the expected candles in [start, end), then by name."""
    shares = dict.fromkeys(names, 0.0)
    for timeframe, frame in candles.items():
        expected = (end - start) // timeframe.delta
        recent = frame.filter(pl.col("open_time").is_between(start, end, closed="left"))
        for name, rows in recent.group_by("symbol").len().iter_rows():
            if name in shares:
                shares[name] += rows / expected / len(candles)
    return sorted(names, key=lambda name: (-round(shares[name], 9), name))


def by_symbol(frame: pl.DataFrame, names: Sequence[str], time: str) -> dict[str, Table]:
    """``frame``, sorted by symbol and ``time``, cut into a table for each of ``names`` that it holds."""
    chosen = frame.filter(pl.col("symbol").is_in(names))
    return {
        str(name): Table(part[time].dt.epoch("ms").to_numpy(), part)
        for (name,), part in chosen.partition_by("symbol", as_dict=True).items()
    }


def decimals(values: pl.Series) -> int:
    """Decimals that the prices or quantities of a symbol are given in, 8 at most."""
    texts = (decimal_text(value).removesuffix(".0") for value in values.to_list())
    return min(max(len(text.partition(".")[2]) for text in texts), 8)
