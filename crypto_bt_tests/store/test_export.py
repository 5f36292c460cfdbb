"""Exported files: complete, sorted, the same bytes each time."""

from pathlib import Path

import polars as pl
import pytest

from crypto_bt.core.errors import UsageError
from crypto_bt.store import SnapshotStore, export
from crypto_bt_tests.store.samples import candles, funding, publish


def test_export_each_dataset_with_rows_same_bytes_each_time(tmp_path: Path) -> None:
    rows = {("BB", 0): 1.0, ("AA", 1000): 2.0, ("AA", 0): 3.0}
    one, two = SnapshotStore(tmp_path / "one", views=False), SnapshotStore(tmp_path / "two", views=False)
    publish(one, candles_1h=candles(rows), funding_rates=funding({("AA", 0): 0.1}))
    for key, value in rows.items():
        publish(two, candles_1h=candles({key: value}))
    publish(two, funding_rates=funding({("AA", 0): 0.1}))
    paths = export(one, tmp_path / "a" / "b")
    again = export(two, tmp_path / "c")
    assert [path.name for path in paths] == ["candles_1h.parquet", "funding_rates.parquet"]
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
    frame = pl.read_parquet(paths[0])
    assert frame.equals(one.read("candles_1h"))
    assert frame["symbol"].to_list() == ["AA", "AA", "BB"]
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [path.name for path in again]


def test_export_at_older_snapshot(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "store", views=False)
    first = publish(store, candles_1h=candles({("AA", 0): 1.0}))
    publish(store, candles_1h=candles({("AA", 0): 2.0}))
    (path,) = export(store, tmp_path / "out", at=first.id)
    assert pl.read_parquet(path)["close"].to_list() == [1.0]


def test_export_empty_store_no_files(tmp_path: Path) -> None:
    assert export(SnapshotStore(tmp_path / "store"), tmp_path / "out") == []


def test_export_unwritable_folder_usage_error(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "store", views=False)
    publish(store, candles_1h=candles({("AA", 0): 1.0}))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="Cannot write to"):
        export(store, tmp_path / "file" / "out")
    assert (tmp_path / "file").read_text() == "in the way"
