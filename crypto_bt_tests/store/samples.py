"""Small frames for the tests of the store, and the two-dataset marker by which a torn publish is seen."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from crypto_bt.core.datasets import DATASETS
from crypto_bt.store import MarketStore, Snapshot, SnapshotStore

SOURCE = "simulated:seed=7"
NOW = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
START = datetime(2026, 9, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def candles(rows: Mapping[tuple[str, int], float]) -> pl.DataFrame:
    """H1 candles from {(symbol, hours after START): close}, in the order given."""
    data = {
        "symbol": [symbol for symbol, _ in rows],
        "open_time": [START + hours * HOUR for _, hours in rows],
        **{name: list(rows.values()) for name in ("open", "high", "low", "close")},
    }
    schema = DATASETS["candles_1h"].schema
    blank = [pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in data]
    frame = pl.DataFrame(data, schema={name: schema[name] for name in data})
    return frame.with_columns(blank).select(list(schema))


def funding(rows: Mapping[tuple[str, int], float]) -> pl.DataFrame:
    """Settlements from {(symbol, hours after START): rate}, in the order given."""
    return pl.DataFrame(
        {
            "symbol": [symbol for symbol, _ in rows],
            "funding_time": [START + hours * HOUR for _, hours in rows],
            "funding_rate": list(rows.values()),
            "mark_price": [None] * len(rows),
        },
        schema=DATASETS["funding_rates"].schema,
    )


def publish(store: MarketStore, **changes: pl.DataFrame) -> Snapshot:
    """Publish ``changes`` (by dataset) from the tests' source."""
    return store.publish(changes, source=SOURCE, published_by="a test", now=NOW)


def closes(store: MarketStore, at: str | None = None) -> dict[tuple[str, int], float]:
    """What the store holds in H1 candles, as :func:`candles` takes it."""
    rows = store.read("candles_1h", columns=["symbol", "open_time", "close"], at=at).iter_rows()
    return {(symbol, (time - START) // HOUR): close for symbol, time, close in rows}


def rates(store: MarketStore, at: str | None = None) -> dict[tuple[str, int], float]:
    """What the store holds in settlements, as :func:`funding` takes it."""
    rows = store.read("funding_rates", columns=["symbol", "funding_time", "funding_rate"], at=at).iter_rows()
    return {(symbol, (time - START) // HOUR): rate for symbol, time, rate in rows}


#: Each marked publish adds a row in another month than the one it overwrites.
STRIDE = 40


def marked(marker: int) -> dict[str, pl.DataFrame]:
    """Changes number ``marker``: overwrite MARK with it and add a row of its own, in two datasets."""
    rows = {("MARK", 0): float(marker), ("ROWS", marker * STRIDE): float(marker)}
    return {"candles_1h": candles(rows), "funding_rates": funding(rows)}


def publish_marked(store: MarketStore, marker: int) -> Snapshot:
    """Publish changes number ``marker``."""
    return store.publish(marked(marker), source=SOURCE, published_by=f"marker {marker}", now=NOW)


def marker_of(store: MarketStore, at: str) -> int:
    """The number of the last marked publish in a snapshot, after checking that it is there whole."""
    seen = closes(store, at)
    last = int(seen[("MARK", 0)])
    expected = {("MARK", 0): float(last)}
    expected |= {("ROWS", number * STRIDE): float(number) for number in range(1, last + 1)}
    assert seen == expected, f"snapshot {at} shows a part of publish {last}"
    assert rates(store, at) == expected, f"snapshot {at} shows publish {last} in candles but not in funding"
    return last


def small_store(root: Path, publishes: int = 3) -> SnapshotStore:
    """A store with marked publishes 1 to ``publishes``."""
    store = SnapshotStore(root, views=False)
    for marker in range(1, publishes + 1):
        publish_marked(store, marker)
    return store
