"""What every market store does. A new implementation adds itself to STORES and passes this file."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import SnapshotMissing, SourceMismatch, StoreError
from crypto_bt.store import MarketStore, SnapshotStore
from crypto_bt_tests.store.samples import HOUR, NOW, SOURCE, START, candles, closes, funding, publish, rates

STORES: dict[str, Callable[[Path], MarketStore]] = {
    "SnapshotStore": lambda root: SnapshotStore(root, views=False),
}


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> MarketStore:
    return STORES[request.param](tmp_path / "store")


def test_current_empty_store_none(store: MarketStore) -> None:
    assert store.current() is None
    assert store.snapshots() == []
    assert store.verify().ok


@pytest.mark.parametrize("name", DATASETS)
def test_read_empty_store_empty_frame_with_schema(store: MarketStore, name: str) -> None:
    frame = store.read(name)
    assert frame.is_empty()
    assert dict(frame.schema) == DATASETS[name].schema


def test_read_dataset_without_rows_in_full_store_empty_frame_with_schema(store: MarketStore) -> None:
    publish(store, candles_1h=candles({("AA", 0): 1.0}))
    assert dict(store.read("candles_4h").schema) == DATASETS["candles_4h"].schema
    assert store.read("candles_4h", columns=["close"]).schema == {"close": pl.Float64()}


def test_publish_new_rows_sorted_by_key_over_months(store: MarketStore) -> None:
    rows = {("BB", 900): 4.0, ("AA", 1500): 2.0, ("BB", 0): 3.0, ("AA", 0): 1.0}
    snapshot = publish(store, candles_1h=candles(rows))
    assert list(closes(store).items()) == sorted(rows.items())
    assert [ref.month for ref in snapshot.of("candles_1h")] == ["2026-09", "2026-10", "2026-11"]
    assert snapshot.rows("candles_1h") == 4


def test_publish_known_key_new_value_wins_others_stay(store: MarketStore) -> None:
    publish(store, candles_1h=candles({("AA", 0): 1.0, ("AA", 1): 2.0, ("AA", 1000): 5.0}))
    publish(store, candles_1h=candles({("AA", 1): 9.0, ("AA", 2): 3.0}))
    assert closes(store) == {("AA", 0): 1.0, ("AA", 1): 9.0, ("AA", 2): 3.0, ("AA", 1000): 5.0}


def test_publish_null_replaces_value(store: MarketStore) -> None:
    full = candles({("AA", 0): 1.0}).with_columns(volume=pl.lit(5.0))
    publish(store, candles_1h=full)
    publish(store, candles_1h=candles({("AA", 0): 1.0}))
    assert store.read("candles_1h")["volume"].to_list() == [None]


def test_publish_untouched_month_shares_its_object(store: MarketStore) -> None:
    first = publish(store, candles_1h=candles({("AA", 0): 1.0, ("AA", 1000): 5.0}))
    second = publish(store, candles_1h=candles({("AA", 1001): 6.0}))
    assert first.objects[0] == second.objects[0]
    assert first.objects[1].sha256 != second.objects[1].sha256
    assert second.parent == first.id


def test_publish_same_rows_again_returns_current(store: MarketStore) -> None:
    first = publish(store, candles_1h=candles({("AA", 0): 1.0, ("BB", 0): 2.0}))
    again = publish(store, candles_1h=candles({("BB", 0): 2.0}))
    assert again == first
    assert len(store.snapshots()) == 1


@pytest.mark.parametrize("changes", [{}, {"candles_1h": DATASETS["candles_1h"].empty()}])
def test_publish_no_rows_returns_current(store: MarketStore, changes: dict[str, pl.DataFrame]) -> None:
    first = publish(store, candles_1h=candles({("AA", 0): 1.0}))
    assert publish(store, **changes) == first


def test_publish_no_rows_to_empty_store_makes_empty_snapshot(store: MarketStore) -> None:
    snapshot = publish(store)
    assert snapshot.objects == ()
    assert store.current() == snapshot


def test_snapshot_older_read_at_it_unchanged(store: MarketStore) -> None:
    first = publish(store, candles_1h=candles({("AA", 0): 1.0}))
    publish(store, candles_1h=candles({("AA", 0): 2.0}), funding_rates=funding({("AA", 0): 0.1}))
    assert closes(store, first.id) == {("AA", 0): 1.0}
    assert rates(store, first.id) == {}
    assert rates(store) == {("AA", 0): 0.1}
    assert store.snapshot(first.id) == first


def test_snapshot_carries_what_was_published(store: MarketStore) -> None:
    moment = datetime(2026, 11, 21, 1, 2, 3, 456000, tzinfo=UTC)
    rows = candles({("AA", 5): 1.0, ("BB", 9): 1.0})
    store.publish({"candles_1h": rows}, source="recorded:abc", published_by="backfill", now=moment)
    snapshot = store.snapshots()[0]
    assert (snapshot.source, snapshot.published_by, snapshot.published_at) == (
        "recorded:abc",
        "backfill",
        moment,
    )
    assert snapshot.parent is None
    ref = snapshot.objects[0]
    assert (ref.rows, ref.first, ref.last) == (2, START + 5 * HOUR, START + 9 * HOUR)


def test_snapshot_ids_grow_by_one(store: MarketStore) -> None:
    ids = [publish(store, candles_1h=candles({("AA", n): 1.0})).id for n in range(3)]
    assert ids == ["000001", "000002", "000003"]
    assert [snapshot.id for snapshot in store.snapshots()] == ids


@pytest.mark.parametrize("wrong", ["000002", "1", "0000001", "", "../CURRENT", "latest"])
def test_snapshot_unknown_id_missing_naming_those_there(store: MarketStore, wrong: str) -> None:
    publish(store, candles_1h=candles({("AA", 0): 1.0}))
    with pytest.raises(SnapshotMissing, match="from 000001 to 000001"):
        store.snapshot(wrong)
    with pytest.raises(SnapshotMissing):
        store.read("candles_1h", at=wrong)


def test_digest_same_content_other_time_and_id_equal(tmp_path: Path) -> None:
    rows = candles({("AA", 0): 1.0, ("BB", 800): 2.0})
    for make in STORES.values():
        one, two = make(tmp_path / "one"), make(tmp_path / "two")
        at_once = publish(one, candles_1h=rows)
        publish(two, candles_1h=rows[1:])
        later = two.publish({"candles_1h": rows}, source=SOURCE, published_by="b", now=NOW + HOUR)
        assert later.id != at_once.id
        assert later.digest == at_once.digest
        assert publish(two, candles_1h=candles({("AA", 0): 1.5})).digest != at_once.digest


def test_publish_other_source_refused_with_way_out(store: MarketStore) -> None:
    first = publish(store, candles_1h=candles({("AA", 0): 1.0}))
    with pytest.raises(
        SourceMismatch, match=r"holds data of 'simulated:seed=7'; refused .* 'binanceusdm'.*--home"
    ):
        store.publish(
            {"candles_1h": candles({("AA", 1): 1.0})}, source="binanceusdm", published_by="t", now=NOW
        )
    assert store.current() == first


def _bad_frames() -> dict[str, tuple[pl.DataFrame, str]]:
    good = candles({("AA", 0): 1.0, ("AA", 1): 2.0})
    return {
        "column missing": (good.drop("close"), "missing close"),
        "column unknown": (good.with_columns(extra=pl.lit(1)), "unknown extra"),
        "type wrong": (good.with_columns(pl.col("trades").cast(pl.Int32)), "trades is Int32, not Int64"),
        "time in microseconds": (
            good.with_columns(pl.col("open_time").dt.cast_time_unit("us")),
            "open_time is",
        ),
        "key null": (good.with_columns(symbol=pl.lit(None, pl.String)), "symbol is null in 2 of 2"),
        "two values for a key": (pl.concat([good, candles({("AA", 1): 3.0})]), "two values for one key"),
    }


@pytest.mark.parametrize("case", _bad_frames())
def test_publish_bad_frame_refused_nothing_changed(store: MarketStore, case: str) -> None:
    frame, message = _bad_frames()[case]
    with pytest.raises(StoreError, match=message):
        publish(store, funding_rates=funding({("AA", 0): 0.1}), candles_1h=frame)
    assert store.current() is None


def test_publish_unknown_dataset_refused(store: MarketStore) -> None:
    with pytest.raises(StoreError, match=r"no dataset 'candles_2h'.*candles_1h"):
        publish(store, candles_2h=candles({("AA", 0): 1.0}))


def test_publish_equal_rows_twice_in_input_kept_once(store: MarketStore) -> None:
    rows = candles({("AA", 1): 2.0, ("AA", 0): 1.0})
    publish(store, candles_1h=pl.concat([rows, rows]))
    assert closes(store) == {("AA", 0): 1.0, ("AA", 1): 2.0}


def test_publish_columns_in_other_order_accepted(store: MarketStore) -> None:
    rows = candles({("AA", 0): 1.0})
    publish(store, candles_1h=rows.select(reversed(rows.columns)))
    assert store.read("candles_1h").equals(rows)


def test_read_half_open_bounds(store: MarketStore) -> None:
    publish(store, candles_1h=candles({("AA", hours): float(hours) for hours in range(700, 760)}))
    start, end = START + 715 * HOUR, START + 725 * HOUR
    assert store.read("candles_1h", start=start, end=end)["close"].to_list() == list(range(715, 725))
    assert store.read("candles_1h", start=end, end=end).is_empty()
    assert store.read("candles_1h", start=end)["close"].to_list() == list(range(725, 760))
    assert store.read("candles_1h", end=start)["close"].to_list() == list(range(700, 715))


def test_read_bounds_in_another_timezone_same_moment(store: MarketStore) -> None:
    from datetime import timezone

    publish(store, candles_1h=candles({("AA", hours): float(hours) for hours in range(4)}))
    start = (START + HOUR).astimezone(timezone(timedelta(hours=8)))
    assert store.read("candles_1h", start=start)["close"].to_list() == [1, 2, 3]


def test_read_symbols_and_columns_as_asked(store: MarketStore) -> None:
    publish(store, candles_1h=candles({(symbol, 0): 1.0 for symbol in ("AA", "BB", "CC")}))
    frame = store.read("candles_1h", symbols=["CC", "AA", "ZZ"], columns=["close", "symbol"])
    assert frame.to_dict(as_series=False) == {"close": [1.0, 1.0], "symbol": ["AA", "CC"]}
    assert store.read("candles_1h", symbols=[]).is_empty()


def test_read_unknown_column_or_naive_time_refused(store: MarketStore) -> None:
    with pytest.raises(StoreError, match="no column vwap"):
        store.read("candles_1h", columns=["vwap"])
    with pytest.raises(StoreError, match="no timezone"):
        store.read("candles_1h", start=datetime(2026, 1, 1))  # noqa: DTZ001


def test_gc_keeps_current_and_kept_removes_rest(store: MarketStore) -> None:
    snapshots = [publish(store, candles_1h=candles({("AA", 0): float(n)})) for n in range(4)]
    collected = store.gc([snapshots[1].id, "009999"])
    assert collected.snapshots == (snapshots[0].id, snapshots[2].id)
    assert collected.objects == 2
    assert [item.id for item in store.snapshots()] == [snapshots[1].id, snapshots[3].id]
    assert closes(store, snapshots[1].id) == {("AA", 0): 1.0}
    assert closes(store) == {("AA", 0): 3.0}
    assert store.verify().ok


def test_gc_then_publish_id_never_reused(store: MarketStore) -> None:
    for n in range(3):
        publish(store, candles_1h=candles({("AA", 0): float(n)}))
    store.gc([])
    assert publish(store, candles_1h=candles({("AA", 0): 9.0})).id == "000004"


def test_verify_counts_every_object_once(store: MarketStore) -> None:
    first = publish(store, candles_1h=candles({("AA", 0): 1.0, ("AA", 1000): 1.0}))
    publish(store, candles_1h=candles({("AA", 0): 2.0}))
    assert (store.verify().objects, store.verify().of, store.verify().snapshots) == (3, 3, 2)
    assert (store.verify(first.id).objects, store.verify(first.id).of) == (2, 2)
