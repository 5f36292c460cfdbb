"""What an update makes of fetched rows: what was known stays known, and each revision is recorded."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crypto_bt.core.datasets import DATASETS, POSITIONING_DATASETS
from crypto_bt.defs.changes import Window, build_changes
from crypto_bt.defs.kept_pages import uncontradicted
from crypto_bt.sources import Batch, FetchRequest
from crypto_bt.store import KeptPage, SnapshotStore

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
START = NOW.replace(hour=0) - DAY
WINDOW = Window(START, START + DAY)


def rows(name: str, value: float, hours: int = 24) -> pl.DataFrame:
    """One row an hour of BTCUSDT; every figure is ``value``."""
    dataset = DATASETS[name]
    times = [START + number * HOUR for number in range(hours)]
    known = {dataset.time: times, "symbol": ["BTCUSDT"] * hours}
    if "available_at" in dataset.schema:
        known["available_at"] = [moment + 2 * HOUR for moment in times]
    figures = {column: [value] * hours for column in dataset.schema if column not in known}
    return pl.DataFrame({**known, **figures}).select(
        pl.col(column).cast(kind) for column, kind in dataset.schema.items()
    )


def store_with(root: Path, name: str, frame: pl.DataFrame, at: datetime = NOW) -> SnapshotStore:
    store = SnapshotStore(root / "store", views=False)
    store.publish({name: frame}, source="simulated:seed=7", published_by="a test", now=at)
    return store


def changed(store: SnapshotStore, name: str, frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    batch = Batch(FetchRequest(name, "BTCUSDT", START, START + DAY), frame, DATASETS["quarantine"].empty())
    return build_changes(store, [name], [batch], WINDOW, NOW + 2 * DAY)


@pytest.mark.parametrize("name", POSITIONING_DATASETS)
def test_build_changes_position_told_otherwise_later_stays_what_was_known(tmp_path: Path, name: str) -> None:
    store = store_with(tmp_path, name, rows(name, 5.0, hours=20))
    changes = changed(store, name, rows(name, 6.0))
    assert changes[name]["observed_at"].to_list() == [START + number * HOUR for number in range(20, 24)]
    recorded = changes["revisions"]
    assert recorded["open_time"].n_unique() == 20
    assert set(recorded.select("before", "after").rows()) == {(5.0, 6.0)}


@pytest.mark.parametrize("name", ["candles_1h", "mark_price_1h", "funding_rates"])
def test_build_changes_revised_value_is_taken_and_recorded(tmp_path: Path, name: str) -> None:
    store = store_with(tmp_path, name, rows(name, 5.0))
    changes = changed(store, name, rows(name, 6.0))
    assert changes[name].equals(rows(name, 6.0))
    assert set(changes["revisions"].select("before", "after").rows()) == {(5.0, 6.0)}


@pytest.mark.parametrize(
    ("fetched", "value", "kept"),
    [(NOW - HOUR, 5.0, True), (NOW - HOUR, 6.0, False), (NOW + HOUR, 6.0, True)],
    ids=["older and equal", "older and different", "newer and different"],
)
def test_uncontradicted_keeps_no_page_that_newer_data_differs_from(
    tmp_path: Path, fetched: datetime, value: float, kept: bool
) -> None:
    store = store_with(tmp_path, "candles_1h", rows("candles_1h", 5.0))
    quarantine = DATASETS["quarantine"].empty()
    asked = ("candles_1h", "BTCUSDT", START, START + DAY)
    page = KeptPage(asked, fetched, rows("candles_1h", value), quarantine)
    empty = rows("candles_1h", 1.0).clear()
    other = KeptPage(("candles_1h", "ETHUSDT", START, START + DAY), fetched, empty, quarantine)
    assert uncontradicted(store, [page, other]) == ([page, other] if kept else [other])


def test_uncontradicted_of_an_empty_store_keeps_all(tmp_path: Path) -> None:
    asked = ("candles_1h", "BTCUSDT", START, START + DAY)
    page = KeptPage(asked, NOW, rows("candles_1h", 1.0), DATASETS["quarantine"].empty())
    assert uncontradicted(SnapshotStore(tmp_path / "store"), [page]) == [page]
