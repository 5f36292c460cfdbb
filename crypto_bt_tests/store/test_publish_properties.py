"""Any sequence of publishes equals a dict: new values win, old snapshots stay as they were."""

import tempfile
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.core.datasets import DATASETS
from crypto_bt.store import SnapshotStore
from crypto_bt.store.objects import encode
from crypto_bt.store.rows import in_key_order
from crypto_bt_tests.store.samples import candles, closes, funding, publish, rates

keys = st.tuples(st.sampled_from(["AA", "B2", "ZZ"]), st.sampled_from([0, 1, 2, 719, 720, 721, 1463, 1464]))
rows = st.dictionaries(keys, st.floats(allow_nan=False, allow_infinity=False), max_size=6)
steps = st.lists(st.tuples(rows, rows), min_size=1, max_size=6)


@settings(max_examples=30, deadline=None)
@given(steps)
def test_publish_any_sequence_equals_dict_model(steps: list[tuple[dict, dict]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SnapshotStore(Path(folder) / "store", views=False)
        candle_model: dict[tuple[str, int], float] = {}
        rate_model: dict[tuple[str, int], float] = {}
        history = {}
        for candle_rows, rate_rows in steps:
            candle_model |= candle_rows
            rate_model |= rate_rows
            snapshot = publish(store, candles_1h=candles(candle_rows), funding_rates=funding(rate_rows))
            expected = (sorted(candle_model.items()), sorted(rate_model.items()))
            assert history.get(snapshot.id, expected) == expected, "an unchanged publish made no snapshot"
            history[snapshot.id] = expected
        for snapshot_id, (candle_rows, rate_rows) in history.items():
            assert list(closes(store, snapshot_id).items()) == candle_rows
            assert list(rates(store, snapshot_id).items()) == rate_rows
        assert list(history) == [snapshot.id for snapshot in store.snapshots()]
        assert store.verify().ok


@settings(max_examples=30, deadline=None)
@given(rows.filter(bool), st.integers(1, 5))
def test_encode_equal_rows_from_any_chunks_equal_bytes(rows: dict, cut: int) -> None:
    frame = candles(rows)
    pieces = [frame[:cut], frame[cut:]]
    assert encode(pl.concat(pieces, rechunk=False)) == encode(frame)


@settings(max_examples=50, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4))
def test_in_key_order_sorted_months_equals_sort(months: list[dict]) -> None:
    parts = [
        candles({(symbol, hours + 10_000 * number): value for (symbol, hours), value in month.items()})
        for number, month in enumerate(months)
    ]
    frame = pl.concat(part.sort("symbol", "open_time") for part in parts)
    assert in_key_order(frame, "symbol").equals(frame.sort("symbol", "open_time"))


def test_datasets_every_key_begins_with_symbol_and_time() -> None:
    for dataset in DATASETS.values():
        assert dataset.key[:2] == (dataset.entity, dataset.time), f"{dataset.name}: in_key_order needs this"
