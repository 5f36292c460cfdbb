"""Extra columns a strategy may ask for, joined as they were known at each bar's close."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import polars as pl

from crypto_bt.core.errors import BacktestError


@dataclass(frozen=True, slots=True)
class Need:
    """Column ``column`` of ``dataset``, known ``delay`` after the row's ``time`` and until the next row."""

    dataset: str
    time: str
    column: str
    delay: timedelta


#: What ``Strategy.needs`` may name. A mark candle's close is known an hour after it opens.
NEEDS: Final[dict[str, Need]] = {
    "funding_rate": Need("funding_rates", "funding_time", "funding_rate", timedelta(0)),
    "mark_close": Need("mark_price_1h", "open_time", "close", timedelta(hours=1)),
}


def needs_named(names: Iterable[str]) -> dict[str, Need]:
    """The needs by these names; raises :class:`BacktestError` with the list for an unknown one."""
    names = list(names)
    unknown = [name for name in names if name not in NEEDS]
    if unknown:
        raise BacktestError(
            f"There is no column {', '.join(map(repr, unknown))} to need.", f"There are: {', '.join(NEEDS)}."
        )
    return {name: NEEDS[name] for name in names}


def join_needs(frame: pl.DataFrame, names: Iterable[str], extras: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """``frame`` (sorted by symbol, open_time; with close_time) with one column per need.

    ``extras`` maps dataset to its rows; a missing dataset gives nulls. A value counts from the moment it is
    known; one known exactly at a bar's close is used there, as the close itself is.
    """
    for name, need in needs_named(names).items():
        rows = extras.get(need.dataset)
        if rows is None or rows.is_empty():
            frame = frame.with_columns(pl.lit(None, pl.Float64).alias(name))
            continue
        known = rows.select("symbol", known_at=pl.col(need.time) + need.delay, value=need.column)
        known = known.sort("symbol", "known_at").rename({"value": name})
        joined = frame.join_asof(
            known,
            left_on="close_time",
            right_on="known_at",
            by="symbol",
            strategy="backward",
            check_sortedness=False,
        )
        frame = joined.drop("known_at", strict=False)
    return frame
