"""Doubtful candles between a fetch and a publish."""

from datetime import timedelta
from pathlib import Path

import polars as pl

from crypto_bt.core.datasets import DATASETS
from crypto_bt.defs.doubting import without_doubtful
from crypto_bt.store import SnapshotStore
from crypto_bt_tests.core.test_doubt import HOUR, JUMPED, LAST, NOW, market, marks_of, moved


def store_with(root: Path, frame: pl.DataFrame) -> SnapshotStore:
    store = SnapshotStore(root, views=False)
    publish(store, {"candles_1h": frame})
    return store


def publish(store: SnapshotStore, changes: dict[str, pl.DataFrame]) -> None:
    store.publish(changes, source="simulated:seed=7", published_by="a test", now=NOW)


def fetched(hours: int = 3, **more: pl.DataFrame) -> dict[str, pl.DataFrame]:
    newest = JUMPED.filter(pl.col("open_time") > LAST - hours * HOUR)
    return {"candles_1h": newest, "funding_rates": DATASETS["funding_rates"].empty(), **more}


def test_without_doubtful_moves_a_lone_jump_to_the_quarantine(tmp_path: Path) -> None:
    store = store_with(tmp_path, JUMPED.filter(pl.col("open_time") < LAST))

    changes = without_doubtful(store, fetched(), NOW)

    assert changes["candles_1h"]["open_time"].to_list() == [LAST - 2 * HOUR, LAST - HOUR]
    assert changes["quarantine"].select("open_time", "reason").rows() == [(LAST, "jump")]
    assert changes["decisions"].is_empty()
    assert changes["funding_rates"].is_empty()


def test_without_doubtful_marks_count_whether_fetched_or_stored(tmp_path: Path) -> None:
    store = store_with(tmp_path, JUMPED.filter(pl.col("open_time") < LAST))

    assert without_doubtful(store, fetched(mark_price_1h=marks_of(JUMPED)), NOW)["quarantine"].is_empty()
    publish(store, {"mark_price_1h": marks_of(JUMPED)})
    assert without_doubtful(store, fetched(), NOW)["quarantine"].is_empty()
    newer = marks_of(moved(JUMPED, 399, 0.7))
    assert without_doubtful(store, fetched(mark_price_1h=newer), NOW)["quarantine"].height == 1


def test_without_doubtful_over_a_day_of_updates_the_value_of_the_exchange_wins(tmp_path: Path) -> None:
    store = store_with(tmp_path, JUMPED.filter(pl.col("open_time") < LAST))
    seen = []
    for hours in (0, 6, 12, 18, 25):
        now = NOW + hours * HOUR
        changes = without_doubtful(store, fetched(), now)
        publish(store, changes)
        seen.append(store.read("candles_1h", start=LAST).height)

    assert seen == [0, 0, 0, 0, 1]
    assert store.read("quarantine")["seen_at"].to_list() == [NOW]
    assert store.read("decisions").select("decision", "decided_by").rows() == [("confirmed", "exchange")]


def test_without_doubtful_keeps_what_the_fetch_had_refused_already(tmp_path: Path) -> None:
    store = store_with(tmp_path, JUMPED.filter(pl.col("open_time") < LAST))
    row = ("candles_1h", "BTCUSDT", LAST - HOUR, "null", "[1]", NOW)
    refused = pl.DataFrame([row], schema=DATASETS["quarantine"].schema, orient="row")

    assert without_doubtful(store, fetched(quarantine=refused), NOW)["quarantine"].height == 2


def test_without_doubtful_old_history_into_an_empty_store_is_left_alone(tmp_path: Path) -> None:
    frame = moved(market(), 300, 1.5)
    changes = without_doubtful(SnapshotStore(tmp_path), {"candles_1h": frame}, NOW + timedelta(days=30))

    assert changes["candles_1h"].equals(frame)
    assert changes["quarantine"].is_empty()
