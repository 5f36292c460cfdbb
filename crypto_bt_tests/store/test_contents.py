"""Coverage by symbol: first, last, rows, holes and missing candles."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.datasets import DATASETS
from crypto_bt.store import SnapshotStore, coverage_summary
from crypto_bt.store.contents import coverage_of
from crypto_bt_tests.store.samples import HOUR, START, candles, funding, publish


def test_coverage_summary_gaps_and_missing_by_symbol(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, views=False)
    hours = {"AA": [0, 1, 2], "BB": [0, 2, 3, 7], "CC": [740]}
    first = publish(
        store, candles_1h=candles({(name, at): 1.0 for name, all_ in hours.items() for at in all_})
    )
    publish(store, candles_1h=candles({("CC", 742): 1.0}))
    assert coverage_summary(store, "candles_1h").rows() == [
        ("AA", START, START + 2 * HOUR, 3, 0, 0),
        ("BB", START, START + 7 * HOUR, 4, 2, 4),
        ("CC", START + 740 * HOUR, START + 742 * HOUR, 2, 1, 1),
    ]
    assert coverage_summary(store, "candles_1h", at=first.id).rows()[2][3:] == (1, 0, 0)


def test_coverage_summary_dataset_without_timeframe_gaps_null(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, views=False)
    publish(store, funding_rates=funding({("AA", 0): 0.1, ("AA", 16): 0.1}))
    assert coverage_summary(store, "funding_rates").rows() == [
        ("AA", START, START + 16 * HOUR, 2, None, None)
    ]


def test_coverage_summary_empty_store_same_columns(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "empty")
    empty = coverage_summary(store, "candles_1h")
    assert empty.columns == ["symbol", "first", "last", "rows", "gaps", "missing"]
    assert empty.schema == coverage_summary(store, "funding_rates").schema


@given(st.dictionaries(st.sampled_from(["AA", "BB"]), st.sets(st.integers(0, 50), min_size=1), min_size=1))
def test_coverage_of_rows_and_missing_add_up_to_the_span(hours: dict[str, set[int]]) -> None:
    frame = candles({(name, at): 1.0 for name in sorted(hours) for at in sorted(hours[name])})
    for symbol, first, last, rows, gaps, missing in coverage_of(DATASETS["candles_1h"], frame).rows():
        assert rows + missing == (last - first) // HOUR + 1
        assert gaps == sum(at + 1 not in hours[symbol] for at in hours[symbol]) - 1
