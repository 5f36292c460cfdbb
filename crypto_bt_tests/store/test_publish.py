"""Publishing to the snapshot store: files on disk, permissions, healing, determinism."""

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import SourceMismatch, StoreError
from crypto_bt.core.schemas import ORDER_RULES
from crypto_bt.store import SnapshotStore
from crypto_bt.store.objects import object_path
from crypto_bt_tests.store.samples import NOW, candles, closes, marked, publish, small_store


def test_publish_first_creates_layout_for_owner_alone(tmp_path: Path) -> None:
    root = tmp_path / "home" / "store"
    store = SnapshotStore(root)
    publish(store, candles_1h=candles({("AA", 0): 1.0}))
    assert sorted(path.name for path in root.iterdir()) == [
        "CURRENT",
        "market.duckdb",
        "objects",
        "snapshots",
        "writer.lock",
    ]
    for path in [root.parent, root, *root.rglob("*")]:
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_store_opened_and_read_creates_nothing(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "store")
    store.current()
    store.read("candles_1h")
    store.verify()
    store.gc([])
    assert list(tmp_path.iterdir()) == []


def test_publish_refused_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no name"):
        SnapshotStore(tmp_path).publish({}, source="", published_by="t", now=NOW)
    with pytest.raises(StoreError, match="wrong schema"):
        publish(SnapshotStore(tmp_path / "b"), candles_1h=candles({("AA", 0): 1.0}).drop("close"))
    assert not (tmp_path / "b").exists()


def test_publish_other_source_names_the_folder_to_remove(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store", 1)
    with pytest.raises(SourceMismatch, match=f"remove the folder {tmp_path / 'store'}"):
        store.publish(marked(2), source="binanceusdm", published_by="t", now=NOW)


def test_publish_same_rows_elsewhere_same_bytes(tmp_path: Path) -> None:
    one, two = small_store(tmp_path / "one"), small_store(tmp_path / "two")
    files = [
        {path.name: path.read_bytes() for path in (store.root / "objects").iterdir()} for store in (one, two)
    ]
    assert files[0] == files[1]
    assert (tmp_path / "one/CURRENT").read_bytes() == (tmp_path / "two/CURRENT").read_bytes()


def test_publish_object_there_but_damaged_is_healed(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, views=False)
    first = publish(store, candles_1h=candles({("AA", 0): 1.0}))
    publish(store, candles_1h=candles({("AA", 0): 2.0}))
    path = object_path(tmp_path, first.objects[0].sha256)
    path.write_bytes(path.read_bytes()[:-1])
    assert not store.verify().ok
    publish(store, candles_1h=candles({("AA", 0): 1.0}))
    assert store.verify().ok
    assert closes(store) == {("AA", 0): 1.0}


def test_publish_root_is_a_file_store_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(StoreError, match="Cannot"):
        publish(SnapshotStore(tmp_path / "store"), candles_1h=candles({("AA", 0): 1.0}))


def test_publish_sparse_dataset_keeps_a_year_in_one_object(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "store")
    days = [datetime(2025, 12, 30, tzinfo=UTC) + timedelta(days=30 * n) for n in range(4)]
    rows = pl.DataFrame(
        {
            "series": ["VIXCLS"] * 4,
            "observed_at": days,
            "value": [1.0, 2.0, 3.0, 4.0],
            "available_at": [day + timedelta(hours=37) for day in days],
        },
        schema=DATASETS["macro_series"].schema,
    )
    snapshot = store.publish({"macro_series": rows}, source="test", published_by="test", now=days[-1])
    assert [(item.month, item.rows) for item in snapshot.of("macro_series")] == [("2025", 1), ("2026", 3)]
    assert store.read("macro_series").equals(rows)
    assert store.read("macro_series", symbols=["VIXCLS"], start=days[2]).equals(rows[2:])
    assert store.read("macro_series", symbols=["DFF"]).is_empty()


@pytest.mark.parametrize("gained", [("quote_volume_30d",), ORDER_RULES])
def test_read_column_that_the_dataset_gained_later_is_null(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gained: tuple[str, ...]
) -> None:
    store = SnapshotStore(tmp_path / "store")
    today = DATASETS["universe"]
    older = replace(today, schema={n: k for n, k in today.schema.items() if n not in gained})
    day = datetime(2026, 3, 1, tzinfo=UTC)
    values = {"symbol": "BTCUSDT", "day": day, "tradable": True}
    rows = pl.DataFrame([{name: values.get(name) for name in older.schema}], schema=older.schema)
    with monkeypatch.context() as earlier:
        earlier.setitem(DATASETS, "universe", older)
        store.publish({"universe": rows}, source="test", published_by="test", now=day)
    found = store.read("universe")
    assert dict(found.schema) == today.schema
    assert found.select(gained).rows() == [(None,) * len(gained)]
    assert found.drop(gained).equals(rows)
