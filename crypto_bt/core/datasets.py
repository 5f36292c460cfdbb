"""The tables of the market store: which there are, their keys and times.

A dataset's name is also the name of its Dagster asset (where it has one), of its SQL view
and of its exported file. Every dataset is sorted by its key, and the key is unique.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from crypto_bt.core.errors import StoreError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import (
    CANDLE_SCHEMA,
    DECISION_SCHEMA,
    FUNDING_SCHEMA,
    LONG_SHORT_SCHEMA,
    MARK_SCHEMA,
    OPEN_INTEREST_SCHEMA,
    QUARANTINE_SCHEMA,
    REGIME_SCHEMA,
    REVISION_SCHEMA,
    SERIES_SCHEMA,
    TAKER_SCHEMA,
    UNIVERSE_SCHEMA,
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Shape of one table: ``time`` names the column that decides partition and month.

    ``entity``, the first column of the key, says whose row it is: a symbol's or a series'. A ``sparse``
    dataset has so few rows that the store keeps a year of it in one object, others a month.
    """

    name: str
    time: str
    schema: dict[str, pl.DataType]
    key: tuple[str, ...]
    timeframe: Timeframe | None = None
    sparse: bool = False

    @property
    def entity(self) -> str:
        """Name of the column that says whose row it is."""
        return self.key[0]

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
        *(
            Dataset(name, "observed_at", schema, ("symbol", "observed_at"))
            for name, schema in (
                ("open_interest", OPEN_INTEREST_SCHEMA),
                ("long_short_ratio", LONG_SHORT_SCHEMA),
                ("taker_volume", TAKER_SCHEMA),
            )
        ),
        *(
            Dataset(
                name, "observed_at", SERIES_SCHEMA, ("series", "observed_at", "available_at"), sparse=True
            )
            for name in ("fear_greed", "macro_series", "btc_dominance")
        ),
        Dataset("market_regime", "open_time", REGIME_SCHEMA, ("symbol", "open_time"), Timeframe.H4),
        Dataset("quarantine", "open_time", QUARANTINE_SCHEMA, ("symbol", "open_time", "dataset", "reason")),
        Dataset(
            "revisions",
            "open_time",
            REVISION_SCHEMA,
            ("symbol", "open_time", "dataset", "field", "seen_at"),
        ),
        Dataset("decisions", "open_time", DECISION_SCHEMA, ("symbol", "open_time", "dataset"), sparse=True),
    )
}
CANDLE_DATASETS: Final = tuple(timeframe.dataset for timeframe in Timeframe)
#: What the exchange says hourly of who holds what: it keeps 30 days of it.
POSITIONING_DATASETS: Final = ("open_interest", "long_short_ratio", "taker_volume")
#: Series that belong to no symbol, each from a source of its own.
SERIES_DATASETS: Final = ("fear_greed", "macro_series", "btc_dominance")


def dataset_named(name: str) -> Dataset:
    """The dataset called ``name``, or :class:`StoreError` listing those there are."""
    try:
        return DATASETS[name]
    except KeyError:
        raise StoreError(f"There is no dataset {name!r}.", f"There are: {', '.join(DATASETS)}.") from None
