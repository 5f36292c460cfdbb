"""Extra columns a strategy may ask for, joined as they were known at each bar's close."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import polars as pl

from crypto_bt.core.errors import BacktestError


@dataclass(frozen=True, slots=True)
class Need:
    """Column ``column`` of ``dataset``, known ``delay`` after the row's ``known`` and until the next row.

    ``by_symbol``: each symbol has its own values; else one row speaks of the whole market. ``per_8_hours``:
    the value is paid for the time since the row before (8 hours at most), and is scaled to 8 hours.
    """

    dataset: str
    known: str
    column: str
    delay: timedelta = timedelta(0)
    by_symbol: bool = True
    per_8_hours: bool = False

    def values(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``rows`` as symbol (where by symbol), known_at and value, sorted by these."""
        whose = ["symbol"] if self.by_symbol else []
        rows = rows.sort(*whose, self.known)
        value = pl.col(self.column).cast(pl.Float64)
        if self.per_8_hours:
            since = pl.col(self.known).diff().over(*whose).dt.total_minutes() / 60.0
            # A settlement is stamped some milliseconds late; one hour is the shortest interval there is.
            value = value * 8.0 / since.round().fill_null(8.0).clip(1.0, 8.0)
        return rows.select(*whose, known_at=pl.col(self.known) + self.delay, value=value)


def _regime(column: str) -> Need:
    return Need("market_regime", "available_at", column, by_symbol=False)


_REGIME_COLUMNS: Final = (
    "volatility_regime", "trend_regime", "funding_regime", "sentiment_regime", "realized_volatility",
    "trend_strength", "funding_level", "fear_greed", "vix", "dollar_index", "rate_10y", "btc_dominance",
    "stablecoin_supply",
)  # fmt: skip
#: What ``Strategy.needs`` may name. A mark candle's close is known an hour after it opens; all others say
#: themselves when they could be known.
NEEDS: Final[dict[str, Need]] = {
    "funding_rate": Need("funding_rates", "funding_time", "funding_rate"),
    "funding_rate_8h": Need("funding_rates", "funding_time", "funding_rate", per_8_hours=True),
    "mark_close": Need("mark_price_1h", "open_time", "close", timedelta(hours=1)),
    "open_interest": Need("open_interest", "available_at", "open_interest"),
    "long_short_ratio": Need("long_short_ratio", "available_at", "long_short_ratio"),
    "taker_buy_sell_ratio": Need("taker_volume", "available_at", "buy_sell_ratio"),
    **{column: _regime(column) for column in _REGIME_COLUMNS},
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


def datasets_needed(names: Iterable[str]) -> set[str]:
    """The datasets that hold the needs by these names; raises as :func:`needs_named`."""
    return {need.dataset for need in needs_named(names).values()}


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
        known = need.values(rows).rename({"value": name})
        if need.by_symbol:
            joined = frame.join_asof(
                known,
                left_on="close_time",
                right_on="known_at",
                by="symbol",
                strategy="backward",
                check_sortedness=False,
            )
        else:
            joined = _join_by_time(frame, known)
        frame = joined.drop("known_at", strict=False)
    return frame


def _join_by_time(frame: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The value of the whole market at each row, whatever its symbol; the rows keep their order."""
    closes = frame.select("close_time").unique().sort("close_time")
    values = closes.join_asof(known, left_on="close_time", right_on="known_at", strategy="backward")
    return frame.join(
        values.drop("known_at", strict=False), on="close_time", how="left", maintain_order="left"
    )
