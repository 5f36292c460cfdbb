"""The tables of the market store: their columns, units, keys.

A dataset's name is also the name of its Dagster asset (where it has one), of its SQL view
and of its exported file. Every dataset is sorted by its key, and the key is unique.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from crypto_bt.core.errors import StoreError
from crypto_bt.core.market import Timeframe

UTC_MS: Final = pl.Datetime("ms", "UTC")

#: Prices in quote units, ``volume`` and ``taker_buy_volume`` in base units, ``quote_volume`` in quote
#: units. Fields that a source does not carry are null, never zero.
CANDLE_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "open_time": UTC_MS,
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume": pl.Float64(),
    "quote_volume": pl.Float64(),
    "trades": pl.Int64(),
    "taker_buy_volume": pl.Float64(),
}

#: ``funding_rate`` is a fraction of the notional per settlement (positive: longs pay shorts).
#: ``funding_time`` is the settlement's slot, rounded to the minute; ``mark_price`` null if not published.
FUNDING_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "funding_time": UTC_MS,
    "funding_rate": pl.Float64(),
    "mark_price": pl.Float64(),
}

MARK_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "open_time": UTC_MS,
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
}

#: Rows that a source sent and that were refused: ``raw`` is the row as received, as JSON.
QUARANTINE_SCHEMA: Final[dict[str, pl.DataType]] = {
    "dataset": pl.String(),
    "symbol": pl.String(),
    "open_time": UTC_MS,
    "reason": pl.String(),
    "raw": pl.String(),
    "seen_at": UTC_MS,
}

#: Stored values that the source later gave differently (one row per changed field).
REVISION_SCHEMA: Final[dict[str, pl.DataType]] = {
    "dataset": pl.String(),
    "symbol": pl.String(),
    "open_time": UTC_MS,
    "field": pl.String(),
    "before": pl.Float64(),
    "after": pl.Float64(),
    "seen_at": UTC_MS,
}

#: What the exchange said of a symbol on a day; a symbol it does not list has status ``MISSING``.
UNIVERSE_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "day": UTC_MS,
    "onboard_time": UTC_MS,
    "status": pl.String(),
    "tradable": pl.Boolean(),
}


#: What each column of the market's tables means, with its unit.
MEANING: Final[dict[str, str]] = {
    "symbol": "the exchange's id of the perpetual",
    "open_time": "first moment of the candle, UTC; the candle ends just before the next one's",
    "open": "first price, quote units",
    "high": "highest price, quote units",
    "low": "lowest price, quote units",
    "close": "last price, quote units",
    "volume": "traded quantity, base units",
    "quote_volume": "traded notional, quote units; null where the source does not say",
    "trades": "number of trades; null where the source does not say",
    "taker_buy_volume": "quantity bought by takers, base units; null where the source does not say",
    "funding_time": "settlement, UTC, rounded to its minute",
    "funding_rate": "fraction of the notional; positive: longs pay shorts",
    "mark_price": "mark price at the settlement, quote units; null where not published",
}


@dataclass(frozen=True, slots=True)
class Dataset:
    """Shape of one table: ``time`` names the column that decides partition and month."""

    name: str
    time: str
    schema: dict[str, pl.DataType]
    key: tuple[str, ...]
    timeframe: Timeframe | None = None

    def empty(self) -> pl.DataFrame:
        """A frame of this schema without rows."""
        return pl.DataFrame(schema=self.schema)


def _candles(timeframe: Timeframe) -> Dataset:
    return Dataset(timeframe.dataset, "open_time", CANDLE_SCHEMA, ("symbol", "open_time"), timeframe)


DATASETS: Final[dict[str, Dataset]] = {
    dataset.name: dataset
    for dataset in (
        *(_candles(timeframe) for timeframe in Timeframe),
        Dataset("funding_rates", "funding_time", FUNDING_SCHEMA, ("symbol", "funding_time")),
        Dataset("mark_price_1h", "open_time", MARK_SCHEMA, ("symbol", "open_time"), Timeframe.H1),
        Dataset("universe", "day", UNIVERSE_SCHEMA, ("symbol", "day")),
        Dataset("quarantine", "open_time", QUARANTINE_SCHEMA, ("symbol", "open_time", "dataset", "reason")),
        Dataset(
            "revisions",
            "open_time",
            REVISION_SCHEMA,
            ("symbol", "open_time", "dataset", "field", "seen_at"),
        ),
    )
}
CANDLE_DATASETS: Final = tuple(timeframe.dataset for timeframe in Timeframe)


def dataset_named(name: str) -> Dataset:
    """The dataset called ``name``, or :class:`StoreError` listing those there are."""
    try:
        return DATASETS[name]
    except KeyError:
        raise StoreError(f"There is no dataset {name!r}.", f"There are: {', '.join(DATASETS)}.") from None
