"""What the exchange says each hour of who holds and who takes what: what may enter the store.

Three feeds at period 1h: open interest, the accounts of all traders that are long and short, and what takers
bought and sold. Their stamps lie on the hour exactly, and are stored as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from crypto_bt.core.datasets import dataset_named
from crypto_bt.core.market import Timeframe, to_milliseconds
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

#: A row may describe the hour that begins at its stamp (the exchange does not say), and appears within
#: minutes: from this long after its stamp on, it was known whatever it describes.
AVAILABLE_AFTER: Final = timedelta(hours=1, minutes=5)
#: The exchange tells so much of the past; older hours are in its public archive alone.
KEPT: Final = timedelta(days=30)
#: The exchange rounds shares and ratios to four decimals.
_LAST_DIGIT: Final = 1e-4
#: How far the two shares of accounts may miss 1 together.
_SHARES_MISS: Final = 1e-3


@dataclass(frozen=True, slots=True)
class _Feed:
    """The names of a feed's figures on the wire, by our columns; ``ratio`` is (ratio, over, under)."""

    figures: Mapping[str, str]
    named: bool = True
    ratio: tuple[str, str, str] | None = None
    bounds: Sequence[tuple[str, pl.Expr]] = field(default_factory=tuple)


_OPEN_INTEREST: Final = _Feed(
    {"open_interest": "sumOpenInterest", "open_interest_value": "sumOpenInterestValue"},
    bounds=[("not positive", (pl.col("open_interest") <= 0) | (pl.col("open_interest_value") <= 0))],
)
_LONG_SHORT: Final = _Feed(
    {"long_account": "longAccount", "short_account": "shortAccount", "long_short_ratio": "longShortRatio"},
    ratio=("long_short_ratio", "long_account", "short_account"),
    bounds=[
        ("negative share", (pl.col("long_account") < 0) | (pl.col("short_account") < 0)),
        (
            "shares miss 1",
            (pl.col("long_account") + pl.col("short_account") - 1).abs() > _SHARES_MISS,
        ),
    ],
)
_TAKER: Final = _Feed(
    {"buy_volume": "buyVol", "sell_volume": "sellVol", "buy_sell_ratio": "buySellRatio"},
    named=False,
    ratio=("buy_sell_ratio", "buy_volume", "sell_volume"),
    bounds=[("negative volume", (pl.col("buy_volume") < 0) | (pl.col("sell_volume") < 0))],
)


def validate_open_interest(
    rows: Sequence[object], *, dataset: str, symbol: str, start: datetime, end: datetime, now: datetime
) -> Validated:
    """Sort REST openInterestHist rows into those stamped in [``start``, ``end``) and refused ones.

    A row is refused as unclosed while the hour that begins at its stamp still runs at ``now``, the exchange's
    clock. ``available_at`` is AVAILABLE_AFTER its stamp. Never raises for what ``rows`` hold.
    """
    return _validate(rows, Question(dataset_named(dataset), symbol, start, end, now), _OPEN_INTEREST)


def validate_long_short_ratio(
    rows: Sequence[object], *, dataset: str, symbol: str, start: datetime, end: datetime, now: datetime
) -> Validated:
    """Sort REST globalLongShortAccountRatio rows likewise.

    The shares have to add up to 1 and their ratio has to be the one given, both as far as rounding allows.
    The ratio is null where no account is short.
    """
    return _validate(rows, Question(dataset_named(dataset), symbol, start, end, now), _LONG_SHORT)


def validate_taker_volume(
    rows: Sequence[object], *, dataset: str, symbol: str, start: datetime, end: datetime, now: datetime
) -> Validated:
    """Sort REST takerlongshortRatio rows likewise; they do not name their symbol.

    The ratio has to be that of the volumes as far as rounding allows; it is null where nothing was sold.
    """
    return _validate(rows, Question(dataset_named(dataset), symbol, start, end, now), _TAKER)


def _validate(rows: Sequence[object], question: Question, feed: _Feed) -> Validated:
    indices = [index for index, row in enumerate(rows) if isinstance(row, dict)]
    shapeless = [(index, "not a row") for index, row in enumerate(rows) if not isinstance(row, dict)]
    shaped = [row for row in rows if isinstance(row, dict)]
    columns = {
        "row": pl.Series(indices, dtype=pl.UInt32),
        "time": times([row.get("timestamp") for row in shaped]),
        "same": pl.Series(
            [not feed.named or row.get("symbol") == question.symbol for row in shaped], dtype=pl.Boolean
        ),
    }
    garbled = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(shaped))
    for name, wire in feed.figures.items():
        values = [row.get(wire) for row in shaped]
        if feed.ratio is not None and name == feed.ratio[0]:
            # Over nothing there is no ratio, whatever the exchange writes in its place.
            nothing = (columns[feed.ratio[2]] == 0).fill_null(value=False).to_list()
            values = [None if none else value for value, none in zip(values, nothing, strict=True)]
        columns[name] = numbers(values)
        wrong = unreadable(values, columns[name])
        garbled = garbled if wrong is None else garbled | wrong
    table = pl.DataFrame({**columns, "garbled": garbled})
    available = (pl.col("time") + AVAILABLE_AFTER // timedelta(milliseconds=1)).cast(
        question.dataset.schema["available_at"]
    )
    return conclude(
        rows,
        table.with_columns(reason=first_reason(_checks(question, feed)), available_at=available),
        shapeless,
        question,
    )


def _checks(question: Question, feed: _Feed) -> list[tuple[str, pl.Expr]]:
    time, hour = pl.col("time"), Timeframe.H1.milliseconds
    missing = [pl.col(name).is_null() for name in feed.figures if not feed.ratio or name != feed.ratio[0]]
    checks = [
        ("wrong symbol", ~pl.col("same")),
        *window_checks(question),
        ("misaligned", time % hour != 0),
        ("unclosed", time + hour > to_milliseconds(question.now)),
        ("not a number", pl.col("garbled")),
        ("null", pl.any_horizontal(missing)),
        ("not finite", pl.any_horizontal(~pl.col(name).is_finite() for name in feed.figures)),
        *feed.bounds,
    ]
    if feed.ratio is not None:
        ratio, over, under = (pl.col(name) for name in feed.ratio)
        # What a last digit in either quantity, and one in the ratio itself, can make of over / under.
        rounding = _LAST_DIGIT * (1 + (1 + over / under) / under)
        checks += [
            ("null", ratio.is_null() & (under != 0)),
            ("inconsistent", (under != 0) & ((ratio - over / under).abs() > rounding)),
        ]
    return checks
