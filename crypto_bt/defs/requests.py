"""Which requests cover a window: whole days, and what the exchange keeps for 30 days only."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from crypto_bt.core.datasets import POSITIONING_DATASETS
from crypto_bt.core.market import Timeframe
from crypto_bt.core.positioning import KEPT
from crypto_bt.defs.changes import Window
from crypto_bt.sources import FetchRequest
from crypto_bt.store import MarketStore

#: The public archive has no taker volume by the hour.
ARCHIVED_DATASETS: Final = ("open_interest", "long_short_ratio")


def requests_for(
    store: MarketStore, dataset: str, symbols: Sequence[str], window: Window, now: datetime
) -> list[FetchRequest]:
    """What to ask of ``dataset`` for each of ``symbols`` over ``window``.

    What the exchange keeps for 30 days only is asked, where that is earlier, from the hour on up to which a
    symbol's rows are whole: an hour missed today cannot be had next month.
    """
    starts = dict.fromkeys(symbols, window.start)
    if dataset in POSITIONING_DATASETS:
        kept = now - KEPT
        times = store.read(dataset, symbols=symbols, start=kept, columns=["symbol", "observed_at"])
        whole = _whole_until(times)
        starts = {symbol: max(kept, min(window.start, whole.get(symbol, kept))) for symbol in symbols}
    return [FetchRequest(dataset, symbol, start, window.end) for symbol, start in starts.items()]


def _whole_until(times: pl.DataFrame) -> dict[str, datetime]:
    """By symbol the last hour before the first hole in ``times`` (symbol, observed_at), or the newest."""
    hour = pl.col("observed_at").sort()
    followed = (hour.shift(-1) - hour <= timedelta(hours=1)).fill_null(value=False)
    return dict(times.group_by("symbol").agg(hour.filter(~followed).first()).iter_rows())


def archived_requests(
    datasets: Sequence[str], symbols: Sequence[str], window: Window, now: datetime
) -> list[FetchRequest]:
    """What the public archive has of ``datasets`` over the part of ``window`` that the exchange forgot."""
    until = min(window.end, Timeframe.D1.floor(now - KEPT) + timedelta(days=1))
    if window.start >= until:
        return []
    return [
        FetchRequest(dataset, symbol, window.start, until)
        for dataset in datasets
        if dataset in ARCHIVED_DATASETS
        for symbol in symbols
    ]
