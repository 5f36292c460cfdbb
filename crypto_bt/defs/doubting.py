"""Withholding doubtful candles from what is about to be published: reads what ``core.doubt`` judges by."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from crypto_bt.core.datasets import CANDLE_DATASETS, DATASETS
from crypto_bt.core.doubt import PRICES, WAIT, Judged, history_start, withhold
from crypto_bt.core.market import Timeframe
from crypto_bt.store import MarketStore

_MARKS: Final = "mark_price_1h"


def without_doubtful(
    store: MarketStore, changes: Mapping[str, pl.DataFrame], now: datetime
) -> dict[str, pl.DataFrame]:
    """``changes`` (frames to publish, by dataset) with the doubtful candles moved to its quarantine.

    Its mark prices count beside the stored ones. Decisions that the judgement makes are added. To be called
    before revisions are looked for: what is withheld revises nothing. ``now`` is the exchange's clock.
    """
    kept = dict(changes)
    moved: dict[str, list[pl.DataFrame]] = {"quarantine": [], "decisions": []}
    for name in CANDLE_DATASETS:
        if name in kept and not kept[name].is_empty():
            judged = _judge(store, name, kept[name], kept.get(_MARKS, DATASETS[_MARKS].empty()), now)
            kept[name] = judged.keep
            moved["quarantine"].append(judged.withheld)
            moved["decisions"].append(judged.decisions)
    for name, frames in moved.items():
        kept[name] = pl.concat([kept.get(name, DATASETS[name].empty()), *frames]).sort(DATASETS[name].key)
    return kept


def _judge(
    store: MarketStore, name: str, fetched: pl.DataFrame, fetched_marks: pl.DataFrame, now: datetime
) -> Judged:
    timeframe = DATASETS[name].timeframe or Timeframe.H1
    first, last = fetched.select(pl.col("open_time").min(), pl.col("open_time").max().alias("last")).row(0)
    stored, marks = DATASETS[name].empty(), fetched_marks
    if last + timeframe.delta > now - WAIT:
        columns = ["symbol", "open_time", *PRICES]
        stored = store.read(name, start=history_start(timeframe, now), columns=columns)
        known = store.read(_MARKS, start=now - WAIT - Timeframe.D1.delta)
        marks = pl.concat([known.join(marks, on=["symbol", "open_time"], how="anti"), marks])
    span = {"start": first, "end": last + timedelta(milliseconds=1)}
    return withhold(
        fetched,
        timeframe=timeframe,
        stored=stored,
        marks=marks,
        quarantine=store.read("quarantine", **span),
        decisions=store.read("decisions", **span),
        now=now,
    )
