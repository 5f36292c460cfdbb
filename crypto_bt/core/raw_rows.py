"""Rows as a source sent them: turned into columns, refused with a reason, never repaired.

Shared by the validation of candles, mark prices and funding. A row is refused for the first reason that
applies; whatever a source sends, nothing here raises.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from crypto_bt.core.datasets import Dataset
from crypto_bt.core.market import to_milliseconds
from crypto_bt.core.schemas import QUARANTINE_SCHEMA

CONFLICT: Final = "conflicting duplicate"
#: The first moment of the year 10000: no datetime can hold it.
_TIME_LIMIT: Final = 253_402_300_800_000
_INTEGER_LIMIT: Final = 2**53


@dataclass(frozen=True, slots=True)
class Validated:
    """``frame`` has the dataset's schema, sorted and unique by key; ``quarantine`` what was refused.

    A row of ``quarantine`` stands for all refused rows of one time and reason: ``raw`` holds each of them
    as JSON, one a line, equal ones once. A row whose time cannot be read, or lies outside the window that
    was asked for, has the window's start as its open_time.
    """

    frame: pl.DataFrame
    quarantine: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: rows of ``symbol`` from ``start`` to ``end`` (exclusive), at the exchange's ``now``."""

    dataset: Dataset
    symbol: str
    start: datetime
    end: datetime
    now: datetime


def integers(values: Sequence[object]) -> pl.Series:
    """Whole numbers as Int64; null for anything else, a text or a truth value included."""
    if not set(map(type, values)) <= {int}:
        values = [value if type(value) is int else None for value in values]
    try:
        return pl.Series(values, dtype=pl.Int64)
    except (OverflowError, TypeError, pl.exceptions.PolarsError):
        small = [v if isinstance(v, int) and abs(v) < _INTEGER_LIMIT else None for v in values]
        return pl.Series(small, dtype=pl.Int64)


def times(values: Sequence[object]) -> pl.Series:
    """Milliseconds since 1970 as Int64; null where the value is no time of the years 1970 to 9999."""
    column = integers(values)
    sane = (column >= 0) & (column < _TIME_LIMIT)
    return column.zip_with(sane.fill_null(value=False), pl.Series([None], dtype=pl.Int64))


def numbers(values: Sequence[object]) -> pl.Series:
    """Decimal texts and JSON numbers as Float64; null for anything else. NaN and infinity stay."""
    if not set(map(type, values)) <= {str}:
        values = [_number_text(value) for value in values]
    try:
        texts = pl.Series(values, dtype=pl.String)
    except UnicodeEncodeError:
        texts = pl.Series([_number_text(value) for value in values], dtype=pl.String)
    return texts.cast(pl.Float64, strict=False)


def _number_text(value: object) -> str | None:
    if isinstance(value, str):
        return value if value.isascii() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return repr(float(value))
    except OverflowError:
        return "inf"


def unreadable(values: Sequence[object], column: pl.Series) -> pl.Series | None:
    """Where a value was given that ``column`` could not take; None when there is no such row."""
    if not column.null_count():
        return None
    given = pl.Series([value is not None for value in values], dtype=pl.Boolean)
    return column.is_null() & given


def first_reason(checks: Iterable[tuple[str, pl.Expr]]) -> pl.Expr:
    """The reason of the first check that is true; null when none is."""
    return pl.coalesce(pl.when(refused).then(pl.lit(reason)) for reason, refused in checks)


def window_checks(question: Question) -> list[tuple[str, pl.Expr]]:
    """Checks of the column ``time`` (ms) that hold for every dataset."""
    time = pl.col("time")
    start, end = to_milliseconds(question.start), to_milliseconds(question.end)
    return [
        ("unreadable time", time.is_null()),
        ("outside the window", (time < start) | (time >= end)),
        ("future", time > to_milliseconds(question.now)),
    ]


def conclude(
    rows: Sequence[object],
    table: pl.DataFrame,
    shapeless: Sequence[tuple[int, str]],
    question: Question,
) -> Validated:
    """Split ``table`` into good rows and refused ones.

    ``table`` has the columns ``row`` (index into ``rows``), ``time`` (ms), ``reason`` (null for a good
    row) and those of the dataset that are neither symbol nor time. ``shapeless`` are the indices of the
    rows that could not be tabled, each with its reason.
    """
    dataset = question.dataset
    fields = [name for name in dataset.schema if name not in ("symbol", dataset.time)]
    good = table.filter(pl.col("reason").is_null())
    refused = table.filter(pl.col("reason").is_not_null()).select("row", "time", "reason")
    if good["time"].n_unique() < good.height:
        good = good.unique(["time", *fields], keep="first", maintain_order=True)
        conflicts = good.filter(pl.col("time").is_duplicated())
        good = good.filter(~pl.col("time").is_duplicated())
        refused = pl.concat([refused, conflicts.select("row", "time", reason=pl.lit(CONFLICT))])
    frame = good.sort("time").select(
        pl.lit(question.symbol).alias("symbol"),
        pl.col("time").cast(dataset.schema[dataset.time]).alias(dataset.time),
        *fields,
    )
    found = [(index, None, reason) for index, reason in shapeless]
    found += [(index, time, reason) for index, time, reason in refused.iter_rows()]
    return Validated(frame, _quarantine(rows, found, question))


def _quarantine(
    rows: Sequence[object], found: Sequence[tuple[int, int | None, str]], question: Question
) -> pl.DataFrame:
    start, end = to_milliseconds(question.start), to_milliseconds(question.end)
    raws: dict[tuple[int, str], dict[str, None]] = {}
    for index, time, reason in found:
        place = time if time is not None and start <= time < end else start
        raws.setdefault((place, reason), {})[raw_text(rows[index])] = None
    return pl.DataFrame(
        [
            (question.dataset.name, question.symbol, place, reason, "\n".join(texts), question.now)
            for (place, reason), texts in sorted(raws.items())
        ],
        schema={**QUARANTINE_SCHEMA, "open_time": pl.Int64()},
        orient="row",
    ).cast({"open_time": QUARANTINE_SCHEMA["open_time"]})


def raw_text(row: object) -> str:
    """``row`` as JSON on one line; the name of its type where JSON cannot say it."""
    try:
        return json.dumps(row)
    except (TypeError, ValueError, RecursionError):
        return json.dumps(f"not JSON: {type(row).__name__}")
