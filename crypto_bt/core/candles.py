"""Candles: what may enter the store, coarser candles out of finer ones, and what the exchange revised.

A candle that is wrong is refused with a reason, and leaves a gap; nothing is repaired or filled.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import polars as pl

from crypto_bt.core.datasets import dataset_named
from crypto_bt.core.errors import StoreError
from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.core.raw_rows import (
    Question,
    Validated,
    conclude,
    first_reason,
    integers,
    numbers,
    times,
    unreadable,
    window_checks,
)
from crypto_bt.core.schemas import REVISION_SCHEMA

#: Fields of a REST candle row; the exchange sends twelve.
ROW_WIDTH: Final = 12
_CLOSE_TIME: Final = 6
#: Quote units. The cheapest coins are traded by the thousand or the million, none beyond a billion.
PLAUSIBLE_PRICE: Final = (1e-12, 1e9)
#: Base or quote units in one candle: a thousand times the busiest day of the cheapest coin.
MOST_VOLUME: Final = 1e18
_PRICES: Final = {"open": 1, "high": 2, "low": 3, "close": 4}
_VOLUME: Final = {"volume": 5}
_OPTIONAL: Final = {"quote_volume": 7, "trades": 8, "taker_buy_volume": 9}
_AGGREGATES: Final = {
    "open": pl.col("open").first(),
    "high": pl.col("high").max(),
    "low": pl.col("low").min(),
    "close": pl.col("close").last(),
}


def validate_candles(
    rows: Sequence[object], *, dataset: str, symbol: str, start: datetime, end: datetime, now: datetime
) -> Validated:
    """Sort REST klines of ``dataset`` into candles and refused rows.

    Open times must lie in [``start``, ``end``) and the candles be closed at ``now``, the exchange's clock.
    Equal duplicates count once; duplicates that differ are all refused. ``quote_volume``, ``trades`` and
    ``taker_buy_volume`` may be null, and stay so. Never raises for what ``rows`` hold.
    """
    question = Question(dataset_named(dataset), symbol, start, end, now)
    return _validate(rows, question, {**_PRICES, **_VOLUME}, _OPTIONAL)


def validate_mark_prices(
    rows: Sequence[object], *, dataset: str, symbol: str, start: datetime, end: datetime, now: datetime
) -> Validated:
    """Sort REST markPriceKlines likewise; they have no volumes."""
    question = Question(dataset_named(dataset), symbol, start, end, now)
    return _validate(rows, question, _PRICES, {})


def _validate(
    rows: Sequence[object], question: Question, required: dict[str, int], optional: dict[str, int]
) -> Validated:
    timeframe = question.dataset.timeframe
    if timeframe is None:
        raise StoreError(f"{question.dataset.name} has no timeframe.", "Candles are validated by theirs.")
    shaped: list[Sequence[object]] = []
    indices: list[int] = []
    shapeless: list[tuple[int, str]] = []
    for index, row in enumerate(rows):
        if not isinstance(row, list | tuple):
            shapeless.append((index, "not a row"))
        elif len(row) < ROW_WIDTH:
            shapeless.append((index, "short row"))
        else:
            shaped.append(row)
            indices.append(index)
    columns = {"row": pl.Series(indices, dtype=pl.UInt32), "time": times([row[0] for row in shaped])}
    columns["close_time"] = integers([row[_CLOSE_TIME] for row in shaped])
    garbled = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(shaped))
    for name, place in {**required, **optional}.items():
        values = [row[place] for row in shaped]
        columns[name] = integers(values) if name == "trades" else numbers(values)
        wrong = unreadable(values, columns[name])
        garbled = garbled if wrong is None else garbled | wrong
    table = pl.DataFrame({**columns, "garbled": garbled})
    reason = first_reason(_checks(question, timeframe, required, optional))
    return conclude(rows, table.with_columns(reason=reason), shapeless, question)


def _checks(
    question: Question, timeframe: Timeframe, required: dict[str, int], optional: dict[str, int]
) -> list[tuple[str, pl.Expr]]:
    time, step = pl.col("time"), timeframe.milliseconds
    figures, prices = [*required, *optional], [*_PRICES]
    volumes = [name for name in figures if name not in _PRICES]
    o, h, low, c = (pl.col(name) for name in _PRICES)
    checks = [
        *window_checks(question),
        # A row of another timeframe may open on this one's grid, but does not close on it.
        ("misaligned", (time % step != 0) | (pl.col("close_time") != time + (step - 1))),
        ("unclosed", time + step > to_milliseconds(question.now)),
        ("not a number", pl.col("garbled")),
        ("null", pl.any_horizontal(pl.col(name).is_null() for name in required)),
        ("not finite", pl.any_horizontal(~pl.col(name).is_finite() for name in figures)),
        ("not positive", pl.any_horizontal(pl.col(name) <= 0 for name in prices)),
        ("implausible", pl.any_horizontal(~pl.col(name).is_between(*PLAUSIBLE_PRICE) for name in prices)),
        ("inconsistent", (low > pl.min_horizontal(o, c)) | (h < pl.max_horizontal(o, c))),
    ]
    if volumes:
        checks.append(("negative volume", pl.any_horizontal(pl.col(name) < 0 for name in volumes)))
        checks.append(("implausible", pl.any_horizontal(pl.col(name) > MOST_VOLUME for name in volumes)))
    return checks


def resample(frame: pl.DataFrame, timeframe: Timeframe, source: Timeframe = Timeframe.H1) -> pl.DataFrame:
    """Candles of ``timeframe`` out of candles of the finer ``source``; only whole groups give one.

    ``frame`` has symbol, open_time and any of the other candle columns, sorted by symbol and open_time.
    Volumes and trades add up; null if any of the group's is null.
    """
    parts = timeframe.delta // source.delta
    group = pl.col("open_time").dt.truncate(timeframe.value)
    figures = [name for name in frame.columns if name not in ("symbol", "open_time")]
    return (
        frame.group_by("symbol", group, maintain_order=True)
        .agg(pl.len().alias("_parts"), *(_AGGREGATES.get(name, _total(name)) for name in figures))
        .filter(pl.col("_parts") == parts)
        .select(frame.columns)
    )


def _total(name: str) -> pl.Expr:
    column = pl.col(name)
    return pl.when(column.null_count() == 0).then(column.sum()).alias(name)


def revisions(stored: pl.DataFrame, fetched: pl.DataFrame, dataset: str, seen_at: datetime) -> pl.DataFrame:
    """Values in ``stored`` that ``fetched`` gives differently, in the schema of ``revisions``.

    A stored null is no value, so filling it is no revision. Sorted by the key of ``revisions``.
    """
    time = dataset_named(dataset).time
    key = ["symbol", time]
    fields = [name for name in dataset_named(dataset).schema if name not in key]
    both = stored.join(fetched, on=key, suffix="_new")
    changed = [
        both.filter(pl.col(name).ne_missing(pl.col(f"{name}_new")), pl.col(name).is_not_null()).select(
            pl.lit(dataset).alias("dataset"),
            "symbol",
            pl.col(time).alias("open_time"),
            pl.lit(name).alias("field"),
            pl.col(name).cast(pl.Float64).alias("before"),
            pl.col(f"{name}_new").cast(pl.Float64).alias("after"),
            pl.lit(seen_at).cast(REVISION_SCHEMA["seen_at"]).alias("seen_at"),
        )
        for name in fields
    ]
    return pl.concat(changed).sort(dataset_named("revisions").key)
