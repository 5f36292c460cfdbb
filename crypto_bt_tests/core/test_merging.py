"""Rows from files against stored ones: new, filling, the same, or contradicting."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.merging import merge

NOW = datetime(2026, 3, 10, tzinfo=UTC)
AT = datetime(2026, 3, 1, tzinfo=UTC)
DATASET = DATASETS["candles_1h"]
KEY = list(DATASET.key)


def candles(*rows: tuple) -> pl.DataFrame:
    """H1 candles from (hour, close, quote_volume)."""
    full = [
        ("BTCUSDT", AT + timedelta(hours=hour), close, close, close, close, 1.0, quote, None, None)
        for hour, close, quote in rows
    ]
    return pl.DataFrame(full, schema=DATASET.schema, orient="row")


def counts(made) -> tuple[int, int, int, int]:
    return made.new, made.filled, made.same, made.differing.height


STORED = candles((0, 1.0, 5.0), (1, 2.0, None), (2, 3.0, 6.0))


def test_merge_new_rows_are_written_and_equal_ones_are_not():
    made = merge(DATASET, STORED, candles((0, 1.0, 5.0), (3, 4.0, 7.0)), overwrite=False, now=NOW)

    assert counts(made) == (1, 0, 1, 0)
    assert made.write.equals(candles((3, 4.0, 7.0)))


def test_merge_a_null_says_nothing_in_either():
    made = merge(DATASET, STORED, candles((0, 1.0, None), (1, 2.0, 9.0)), overwrite=True, now=NOW)

    assert counts(made) == (0, 1, 1, 0)
    assert made.write.equals(candles((1, 2.0, 9.0)))
    assert made.revisions.is_empty()


@pytest.mark.parametrize("overwrite", [False, True])
def test_merge_differing_rows_are_written_only_when_asked(overwrite):
    made = merge(DATASET, STORED, candles((2, 3.5, None)), overwrite=overwrite, now=NOW)

    assert counts(made) == (0, 0, 0, 1)
    assert made.differing.rows() == [("BTCUSDT", AT + timedelta(hours=2))]
    if overwrite:
        assert made.write["close"].to_list() == [3.5]
        assert made.write["quote_volume"].to_list() == [6.0], "what the file does not know stays"
        assert made.revisions.select("field", "before", "after", "seen_at").rows() == [
            (field, 3.0, 3.5, NOW) for field in ("close", "high", "low", "open")
        ]
    else:
        assert made.write.is_empty()
        assert made.revisions.is_empty()


def test_merge_a_row_that_fills_and_differs_counts_as_differing():
    stored = candles((1, 2.0, None))

    assert counts(merge(DATASET, stored, candles((1, 2.5, 9.0)), overwrite=False, now=NOW)) == (0, 0, 0, 1)


rows = st.dictionaries(
    st.integers(0, 8),
    st.tuples(st.sampled_from([1.0, 2.0]), st.sampled_from([None, 5.0, 6.0])),
).map(lambda found: candles(*((hour, *values) for hour, values in sorted(found.items()))))


@given(rows, rows, st.booleans())
def test_merge_accounts_for_every_row_and_repeats_to_nothing(stored, fresh, overwrite):
    made = merge(DATASET, stored, fresh, overwrite=overwrite, now=NOW)

    assert sum(counts(made)) == fresh.height
    after = pl.concat([stored.join(made.write, on=KEY, how="anti"), made.write]).sort(KEY)
    again = merge(DATASET, after, fresh, overwrite=overwrite, now=NOW)
    assert again.write.is_empty()
    assert again.differing.height == (0 if overwrite else made.differing.height)
    untouched = stored.join(fresh, on=KEY, how="anti")
    assert after.join(untouched, on=KEY, how="semi").equals(untouched.sort(KEY))


def test_merge_series_versions_of_one_observation_are_rows_of_their_own():
    dataset = DATASETS["macro_series"]
    stored = pl.DataFrame([("DFF", AT, 4.33, AT)], schema=dataset.schema, orient="row")
    revised = pl.DataFrame([("DFF", AT, 4.32, NOW)], schema=dataset.schema, orient="row")

    assert counts(merge(dataset, stored, revised, overwrite=False, now=NOW)) == (1, 0, 0, 0)
    changed = revised.with_columns(available_at=AT.replace())
    made = merge(dataset, stored, changed.cast(dataset.schema), overwrite=True, now=NOW)
    assert made.revisions.select("symbol", "field", "before", "after").rows() == [
        ("DFF", "value", 4.33, 4.32)
    ]


def test_merge_records_of_other_datasets_have_no_revisions():
    dataset = DATASETS["decisions"]
    row = ("candles_1h", "BTCUSDT", AT, "accepted", "a person", AT)
    stored = pl.DataFrame([row], schema=dataset.schema, orient="row")
    made = merge(dataset, stored, stored.with_columns(decision=pl.lit("rejected")), overwrite=True, now=NOW)

    assert made.write["decision"].to_list() == ["rejected"]
    assert made.revisions.is_empty()
