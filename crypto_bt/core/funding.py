"""Funding settlements: what may enter the store.

The exchange stamps a settlement some milliseconds after its slot, and two feeds may disagree on them; what
is stored is the slot, rounded to the minute.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import polars as pl

from crypto_bt.core.datasets import dataset_named
from crypto_bt.core.raw_rows import (
    Question,
    Validated,
    conclude,
    first_reason,
    numbers,
    times,
    unreadable,
    window_checks,
)

#: Largest funding rate that can be meant, as a fraction of the notional per settlement.
LARGEST_RATE: Final = 1.0
_MINUTE: Final = 60_000


def validate_funding(
    rows: Sequence[object], *, dataset: str, symbol: str, start: datetime, end: datetime, now: datetime
) -> Validated:
    """Sort REST fundingRate rows into settlements with slots in [``start``, ``end``) and refused rows.

    A mark price that is missing, empty or zero is null: the exchange has none before late 2023. Never
    raises for what ``rows`` hold.
    """
    question = Question(dataset_named(dataset), symbol, start, end, now)
    indices = [index for index, row in enumerate(rows) if isinstance(row, dict)]
    shapeless = [(index, "not a row") for index, row in enumerate(rows) if not isinstance(row, dict)]
    shaped = [row for row in rows if isinstance(row, dict)]
    rates = [row.get("fundingRate") for row in shaped]
    marks = [None if row.get("markPrice") == "" else row.get("markPrice") for row in shaped]
    rate, mark = numbers(rates), numbers(marks)
    garbled = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(shaped))
    for wrong in (unreadable(rates, rate), unreadable(marks, mark)):
        garbled = garbled if wrong is None else garbled | wrong
    table = pl.DataFrame(
        {
            "row": pl.Series(indices, dtype=pl.UInt32),
            "time": times([row.get("fundingTime") for row in shaped]),
            "funding_rate": rate,
            "mark_price": mark,
            "garbled": garbled,
            "same": pl.Series([row.get("symbol") == symbol for row in shaped], dtype=pl.Boolean),
        }
    )
    time, mark_price = pl.col("time"), pl.col("mark_price")
    table = table.with_columns(
        time=(time + _MINUTE // 2) // _MINUTE * _MINUTE,
        mark_price=pl.when(mark_price != 0).then(mark_price),
    )
    checks = [
        ("wrong symbol", ~pl.col("same")),
        *window_checks(question),
        ("not a number", pl.col("garbled")),
        ("null", pl.col("funding_rate").is_null()),
        ("not finite", ~pl.col("funding_rate").is_finite() | ~mark_price.is_finite()),
        ("impossible rate", pl.col("funding_rate").abs() > LARGEST_RATE),
        ("not positive", mark_price < 0),
    ]
    return conclude(rows, table.with_columns(reason=first_reason(checks)), shapeless, question)
