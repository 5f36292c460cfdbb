"""Funding settlements as two amounts a bar: settled at its open, and settled inside it."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.core.market import Timeframe

#: Where the mark price of a settlement came from, best first.
MARK_SOURCES = ("exchange", "mark_1h", "candle_open")


@dataclass(frozen=True)
class FundingUse:
    """Settlements that fell into bars, by source of their mark price, and the symbols that had none."""

    marks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MARK_SOURCES, 0))
    symbols_without: tuple[str, ...] = ()


def funding_of_bars(
    candles: pl.DataFrame,
    timeframe: Timeframe,
    funding_rates: pl.DataFrame | None,
    mark_prices: pl.DataFrame | None,
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], FundingUse]:
    """Quote paid by a long per unit of quantity, for each row of ``candles`` (sorted by symbol, open_time).

    A settlement pays mark price x rate. Its mark price is the exchange's; else the open of the mark candle
    of that hour; else the open of the candle that contains it. Settlements outside all candles pay nothing.
    """
    at_open, inside = np.zeros(len(candles)), np.zeros(len(candles))
    symbols = candles["symbol"].unique().sort()
    if funding_rates is None or funding_rates.is_empty():
        return (at_open, inside), FundingUse(symbols_without=tuple(symbols.to_list()))
    settled = _settlements_in(candles, timeframe, funding_rates, mark_prices)
    amount = (settled["mark"] * settled["funding_rate"]).to_numpy()
    bar = settled["bar"].to_numpy()
    on_open = settled["on_open"].to_numpy()
    np.add.at(at_open, bar[on_open], amount[on_open])
    np.add.at(inside, bar[~on_open], amount[~on_open])
    counts = settled["source"].value_counts().rows()
    use = FundingUse(
        marks=dict.fromkeys(MARK_SOURCES, 0) | {str(source): int(count) for source, count in counts},
        symbols_without=tuple(symbols.filter(~symbols.is_in(settled["symbol"].unique().to_list())).to_list()),
    )
    return (at_open, inside), use


def _settlements_in(
    candles: pl.DataFrame, timeframe: Timeframe, funding_rates: pl.DataFrame, mark_prices: pl.DataFrame | None
) -> pl.DataFrame:
    """Settlements inside a candle: symbol, bar (row of ``candles``), on_open, funding_rate, mark, source."""
    rates = funding_rates.select("symbol", "funding_time", "funding_rate", "mark_price").sort(
        "symbol", "funding_time"
    )
    if mark_prices is None or mark_prices.is_empty():
        rates = rates.with_columns(mark_1h=pl.lit(None, pl.Float64))
    else:
        hours = mark_prices.select("symbol", hour="open_time", mark_1h="open")
        rates = rates.with_columns(hour=pl.col("funding_time").dt.truncate("1h")).join(
            hours, on=["symbol", "hour"], how="left", maintain_order="left"
        )
    bars = candles.select(
        "symbol", "open_time", candle_open="open", bar=pl.int_range(pl.len(), dtype=pl.Int64)
    )
    return (
        rates.join_asof(
            bars, left_on="funding_time", right_on="open_time", by="symbol", strategy="backward",
            check_sortedness=False,
        )
        .filter(pl.col("funding_time") < pl.col("open_time") + timeframe.delta)
        .drop_nulls("funding_rate")
        .with_columns(
            on_open=pl.col("funding_time") == pl.col("open_time"),
            mark=pl.coalesce("mark_price", "mark_1h", "candle_open"),
            source=pl.when(pl.col("mark_price").is_not_null())
            .then(pl.lit("exchange"))
            .when(pl.col("mark_1h").is_not_null())
            .then(pl.lit("mark_1h"))
            .otherwise(pl.lit("candle_open")),
        )
    )  # fmt: skip
