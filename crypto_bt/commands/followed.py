"""What is known of each symbol that a home follows, or followed once, from its store alone."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.market import Timeframe
from crypto_bt.core.universe_history import VOLUME_DAYS, turnover

if TYPE_CHECKING:
    from crypto_bt.defs.resources import Desk


def followed_symbols(desk: "Desk") -> list[dict[str, Any]]:
    """One row for each symbol: those of the list in its order, then those that only have history.

    Keys: symbol, followed; status, onboard, followed_since (first day of the last unbroken stretch of days
    on which the exchange was asked for it; of one no longer followed: None); first, last, rows of its stored
    candles of all timeframes; quote_volume_30d in quote units. What is not known is None (rows: 0).
    """
    snapshot = desk.store.current()
    at = snapshot.id if snapshot else None
    symbols = list(desk.settings.SYMBOLS)
    held = _held(desk, at)
    symbols += sorted(held.keys() - set(symbols))
    said = _said(desk.store.read("universe", symbols=symbols, at=at))
    today = Timeframe.D1.floor(desk.clock())
    since = today - timedelta(days=VOLUME_DAYS)
    daily = desk.store.read(Timeframe.D1.dataset, symbols=symbols, start=since, at=at)
    listed = {symbol: onboard for symbol, (_, onboard, _) in said.items() if onboard}
    volumes = {symbol: value for symbol, _, value in turnover(daily, [today], listed).iter_rows()}
    rows = []
    for symbol in symbols:
        status, onboard, followed_since = said.get(symbol, (None, None, None))
        first, last, count = held.get(symbol, (None, None, 0))
        followed = symbol in desk.settings.SYMBOLS
        rows.append(
            {
                "symbol": symbol,
                "followed": followed,
                "status": status,
                "onboard": onboard,
                "followed_since": followed_since if followed else None,
                "first": first,
                "last": last,
                "rows": count,
                "quote_volume_30d": volumes.get(symbol),
            }
        )
    return rows


def _held(desk: "Desk", at: str | None) -> dict[str, tuple[Any, Any, int]]:
    """First and last open time and rows of each symbol's candles, over all timeframes."""
    from crypto_bt.store import coverage_summary

    names = [name for name in DATASETS if name in desk.settings.candle_datasets]
    found = pl.concat([coverage_summary(desk.store, name, at=at) for name in names])
    whole = found.group_by("symbol").agg(pl.col("first").min(), pl.col("last").max(), pl.col("rows").sum())
    return {symbol: (first, last, rows) for symbol, first, last, rows in whole.iter_rows()}


def _said(universe: pl.DataFrame) -> dict[str, tuple[Any, Any, Any]]:
    """Status, listing date and start of the last followed stretch; rows from before a column was added
    were observed of followed symbols."""
    observed = universe.filter(pl.col("observed").fill_null(value=True)).sort("symbol", "day")
    followed = pl.col("followed").fill_null(value=True)
    left = pl.col("day").filter(~followed).max()
    since = pl.col("day").filter(followed, (pl.col("day") > left).fill_null(value=True)).min()
    told = observed.group_by("symbol").agg(pl.col("status", "onboard_time").last(), since.alias("since"))
    return {symbol: (status, onboard, day) for symbol, status, onboard, day in told.iter_rows()}
