"""Rows in our own schemas, as ``data export`` writes them: which of them may enter a store."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl

from crypto_bt.core.archive_rows import FileRows
from crypto_bt.core.candles import validate_candles, validate_mark_prices
from crypto_bt.core.datasets import CANDLE_DATASETS, DATASETS, SERIES_DATASETS, Dataset
from crypto_bt.core.doubt import raw_candle
from crypto_bt.core.errors import UsageError
from crypto_bt.core.funding import validate_funding
from crypto_bt.core.market import EXCHANGE_OPENED, SYMBOL_PATTERN, to_milliseconds
from crypto_bt.core.positioning import (
    validate_long_short_ratio,
    validate_open_interest,
    validate_taker_volume,
)
from crypto_bt.core.raw_rows import Validated
from crypto_bt.core.schemas import ORDER_RULES
from crypto_bt.core.series import PLAUSIBLE, validate_series

Validator = Callable[..., Validated]
#: The label in an exported file that says whose data it holds.
SOURCE_LABEL: Final = "crypto_bt.source"
#: How fetched rows of a dataset are validated; the other datasets are made here, not fetched.
VALIDATORS: Final[Mapping[str, Validator]] = {
    **dict.fromkeys(CANDLE_DATASETS, validate_candles),
    "mark_price_1h": validate_mark_prices,
    "funding_rates": validate_funding,
    "open_interest": validate_open_interest,
    "long_short_ratio": validate_long_short_ratio,
    "taker_volume": validate_taker_volume,
}
#: What was recorded of other datasets: the rows may be about series as well as symbols.
RECORDS: Final = ("quarantine", "revisions", "decisions")
#: Series may begin and end whenever they like.
_FIRST_MOMENT: Final = datetime.min.replace(tzinfo=UTC)
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)
_POSITIONING_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "open_interest": {
        "sumOpenInterest": "open_interest",
        "sumOpenInterestValue": "open_interest_value",
    },
    "long_short_ratio": {
        "longShortRatio": "long_short_ratio",
        "longAccount": "long_account",
        "shortAccount": "short_account",
    },
    "taker_volume": {
        "buyVol": "buy_volume",
        "sellVol": "sell_volume",
        "buySellRatio": "buy_sell_ratio",
    },
}


def read_exported(frame: pl.DataFrame, dataset: Dataset, now: datetime, *, name: str) -> FileRows:
    """The rows of ``frame``, from a file called ``name``, validated at ``now`` as fetched rows are.

    What the store holds has closed, so nothing is left out. Rows of datasets that are never fetched have to
    be of the past. Raises UsageError for another schema, for a key that is null or cannot be, and where no
    row is good.
    """
    if dict(frame.schema) != dataset.schema:
        raise UsageError(
            f"{name} does not have the columns of {dataset.name}: {_difference(dataset, frame)}.",
            "Import what crypto-bt data export wrote, or CSV as in the exchange's archive.",
        )
    frame = frame.select(list(dataset.schema)).sort(dataset.key, maintain_order=True)
    empty = [column for column in dataset.key if frame[column].null_count()]
    if empty:
        raise UsageError(f"{name} has rows without {empty[0]}.", "Every row needs its key.")
    _check_entities(frame, dataset, name)
    if dataset.name not in VALIDATORS and dataset.name not in SERIES_DATASETS:
        newest = frame[dataset.time].max()
        if isinstance(newest, datetime) and newest > now:
            raise UsageError(f"{name} has rows of the future: {newest:%Y-%m-%d %H:%M}.", "See the clock.")
        _check_made(frame, dataset, name)
        return FileRows(dataset.name, frame, DATASETS["quarantine"].empty())
    valid = [_validate(part, dataset, now) for part in _parts(frame, dataset)]
    # The rows stay as they are, with the time at which they were first known: validation only chooses.
    good = pl.concat([dataset.empty(), *(v.frame for v in valid)], how="diagonal")
    refused = pl.concat([DATASETS["quarantine"].empty(), *(v.quarantine for v in valid)])
    kept = frame.join(good, on=[dataset.entity, dataset.time], how="semi", maintain_order="left")
    if "available_at" in dataset.schema:
        rule = good.select(dataset.entity, dataset.time, earliest="available_at").unique()
        _check_known(kept.join(rule, on=[dataset.entity, dataset.time]), dataset, name)
    if kept.is_empty() and not frame.is_empty():
        reasons = ", ".join(sorted(set(refused["reason"])))
        raise UsageError(f"{name} has no row that can be kept: {reasons}.", "See that it is what you mean.")
    return FileRows(dataset.name, kept, refused)


def _check_made(frame: pl.DataFrame, dataset: Dataset, name: str) -> None:
    """Rows that are computed here cannot have been known before they were over."""
    if "available_at" not in dataset.schema:
        return
    over = dataset.timeframe.delta if dataset.timeframe is not None else timedelta(0)
    _check_known(frame.with_columns(earliest=pl.col(dataset.time) + over), dataset, name)
    for column in (column for column in frame.columns if column.endswith("_regime")):
        wrong = frame.filter(~pl.col(column).is_in([-1, 0, 1]))
        if not wrong.is_empty():
            value = wrong[column][0]
            raise UsageError(f"{name} has the {column} {value}, not -1, 0 or 1.", "Take the row out.")
    for column in (column for column in frame.columns if column in ORDER_RULES):
        wrong = frame.filter(~(pl.col(column).is_finite() & (pl.col(column) >= 0)))
        if not wrong.is_empty():
            raise UsageError(
                f"{name} has the {column} {wrong[column][0]}, not 0 or more.", "Take the row out."
            )


def _check_known(frame: pl.DataFrame, dataset: Dataset, name: str) -> None:
    """UsageError for a row whose available_at is before ``earliest``: a backtest would see it too early."""
    early = frame.filter(pl.col("available_at").is_null() | (pl.col("available_at") < pl.col("earliest")))
    if not early.is_empty():
        row = early.row(0, named=True)
        raise UsageError(
            f"{name} says that {row[dataset.entity]} of {row[dataset.time]:%Y-%m-%d %H:%M} was known from "
            f"{row['available_at']} on, which cannot be before {row['earliest']:%Y-%m-%d %H:%M}.",
            "Correct available_at; docs/feeds.md says from when on values count as known.",
        )


def _difference(dataset: Dataset, frame: pl.DataFrame) -> str:
    missing = [name for name in dataset.schema if name not in frame.schema]
    unknown = [repr(name)[:40] for name in frame.schema if name not in dataset.schema]
    wrong = [
        f"{name} is {frame.schema[name]}, not {kind}"
        for name, kind in dataset.schema.items()
        if name in frame.schema and frame.schema[name] != kind
    ]
    parts = [f"missing {', '.join(missing)}"] if missing else []
    parts += [f"unknown {', '.join(unknown[:5])}"] if unknown else []
    return "; ".join(parts + wrong[:5])


def _check_entities(frame: pl.DataFrame, dataset: Dataset, name: str) -> None:
    entities = frame[dataset.entity].unique().sort().to_list()
    if dataset.name in RECORDS:
        wrong = [item for item in frame["dataset"].unique().sort().to_list() if item not in DATASETS]
    elif dataset.name in SERIES_DATASETS:
        wrong = [item for item in entities if item not in PLAUSIBLE]
    else:
        wrong = [item for item in entities if not SYMBOL_PATTERN.match(item)]
    if wrong:
        what = "dataset" if dataset.name in RECORDS else dataset.entity
        raise UsageError(f"{name} is of {wrong[0]!r}, which is no {what} that can be kept.", "Take it out.")


def _parts(frame: pl.DataFrame, dataset: Dataset) -> Iterator[pl.DataFrame]:
    """The rows of each symbol or series; those of a revised observation apart, version by version."""
    version = pl.int_range(pl.len()).over(dataset.entity, dataset.time)
    parts = frame.with_columns(version.alias("_version")).partition_by(
        dataset.entity, "_version", include_key=True
    )
    return (part.drop("_version") for part in parts)


def _validate(part: pl.DataFrame, dataset: Dataset, now: datetime) -> Validated:
    entity = part[dataset.entity][0]
    rows = [_raw(row, dataset) for row in part.iter_rows(named=True)]
    if dataset.name in SERIES_DATASETS:
        return validate_series(
            rows, dataset=dataset.name, series=entity, start=_FIRST_MOMENT, end=_LAST_MOMENT, now=now
        )
    end = now + timedelta(days=1)
    return VALIDATORS[dataset.name](
        rows, dataset=dataset.name, symbol=entity, start=EXCHANGE_OPENED, end=end, now=now
    )


def _raw(row: Mapping[str, Any], dataset: Dataset) -> Any:
    """A stored row as its source would have sent it."""
    time = to_milliseconds(row[dataset.time])
    if dataset.name in SERIES_DATASETS:
        return (time // 1000, row["value"])
    if dataset.timeframe is not None:
        return raw_candle(row, dataset.timeframe)
    if dataset.name == "funding_rates":
        figures = {"fundingRate": row["funding_rate"], "markPrice": row["mark_price"]}
        return {"symbol": row["symbol"], "fundingTime": time, **figures}
    fields = _POSITIONING_FIELDS[dataset.name].items()
    return {"symbol": row["symbol"], "timestamp": time, **{wire: row[field] for wire, field in fields}}
