"""From what a session fetched to what is published: rows by dataset, refused rows, revised values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from crypto_bt.core.candle_flags import flag_candles
from crypto_bt.core.candles import revisions
from crypto_bt.core.datasets import CANDLE_DATASETS, DATASETS, POSITIONING_DATASETS
from crypto_bt.defs.doubting import without_doubtful
from crypto_bt.sources import Batch
from crypto_bt.store import MarketStore


@dataclass(frozen=True, slots=True)
class Window:
    """Days to write: times from ``start`` to ``end`` (exclusive), midnight UTC both."""

    start: datetime
    end: datetime


def build_changes(
    store: MarketStore, datasets: Sequence[str], batches: Sequence[Batch], window: Window, now: datetime
) -> dict[str, pl.DataFrame]:
    """The fetched rows by dataset, without doubtful ones; what was refused; what differs from the stored."""
    changes: dict[str, pl.DataFrame] = {}
    for name in datasets:
        frames = [batch.frame for batch in batches if batch.dataset == name]
        changes[name] = pl.concat([DATASETS[name].empty(), *frames]).sort(DATASETS[name].key)
    refused = [DATASETS["quarantine"].empty(), *(batch.quarantine for batch in batches)]
    changes["quarantine"] = pl.concat(refused).sort(DATASETS["quarantine"].key)
    changes = without_doubtful(store, changes, now)
    revised = [DATASETS["revisions"].empty()]
    for name in datasets:
        recorded = DATASETS[name].timeframe is not None or name in ("funding_rates", *POSITIONING_DATASETS)
        if not recorded or changes[name].is_empty():
            continue
        # Positions are also asked from before the window on, where hours are missing.
        first = min(window.start, changes[name].select(pl.col(DATASETS[name].time).min()).item())
        stored = store.read(name, start=first, end=window.end + timedelta(days=1))
        revised.append(revisions(stored, changes[name], dataset=name, seen_at=now))
        if name in POSITIONING_DATASETS:
            # What was known from its hour on is what the desk saw: a later word on it is recorded only.
            changes[name] = changes[name].join(
                stored, on=DATASETS[name].key, how="anti", maintain_order="left"
            )
    changes["revisions"] = (
        pl.concat(revised).unique(DATASETS["revisions"].key).sort(DATASETS["revisions"].key)
    )
    return changes


def flags_of(name: str, frame: pl.DataFrame) -> list[str]:
    """The flags of the fetched candles; empty for what is no candle."""
    timeframe = DATASETS[name].timeframe
    if name not in CANDLE_DATASETS or timeframe is None:
        return []
    return flag_candles(frame, timeframe)["flag"].to_list()


def count_by_dataset(frame: pl.DataFrame, datasets: Sequence[str]) -> Mapping[str, int]:
    """Rows of ``frame`` (with a column dataset) that belong to each of ``datasets``."""
    return {name: frame.filter(pl.col("dataset") == name).height for name in datasets}
