"""The universe's rows of one update: what the exchange says today, and what candles say of days before."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from crypto_bt.core.errors import SourceError
from crypto_bt.core.market import Listing, Timeframe
from crypto_bt.core.universe_history import VOLUME_DAYS, changed_rows, derived_rows, observed_rows
from crypto_bt.defs.changes import Window
from crypto_bt.sources import MarketSource
from crypto_bt.store import MarketStore

UNIVERSE_DATASET: Final = "universe"


async def ask_tickers(
    source: MarketSource, datasets: Sequence[str]
) -> tuple[dict[str, float], dict[str, str]]:
    """Turnovers for the universe, and why there are none; they are worth no failed update."""
    if UNIVERSE_DATASET not in datasets:
        return {}, {}
    try:
        return await source.tickers(), {}
    except SourceError as error:
        return {}, {f"tickers {UNIVERSE_DATASET}": str(error)}


def universe_changes(
    store: MarketStore,
    fresh: pl.DataFrame,
    listings: Mapping[str, Listing],
    tickers: Mapping[str, float],
    *,
    followed: Sequence[str],
    window: Window,
    now: datetime,
    whole: bool,
) -> pl.DataFrame:
    """Rows of the universe: all of them if it was asked for (``whole``), else those whose status changed."""
    stored = store.read(UNIVERSE_DATASET)
    since = min(window.start, Timeframe.D1.floor(now)) - timedelta(days=VOLUME_DAYS)
    known = store.read(Timeframe.D1.dataset, start=since)
    daily = pl.concat([known.join(fresh, on=["symbol", "open_time"], how="anti"), fresh])
    observed = observed_rows(listings, tickers, daily, stored, followed=followed, now=now)
    if not whole:
        return changed_rows(observed, stored)
    end = min(window.end, Timeframe.D1.floor(now))
    derived = derived_rows(listings, daily, stored, followed=followed, start=window.start, end=end)
    return pl.concat([derived, observed])
