"""Reading a series as it was known: equal to brute force, and never early."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.as_known import as_known, newest_known
from crypto_bt.core.schemas import SERIES_SCHEMA, UTC_MS

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
Row = tuple[str, int, float, int]


def frame(rows: list[Row]) -> pl.DataFrame:
    """Series rows of (series, observed hour, value, hours until it is known), each key once."""
    unique = {(name, day, day + wait): value for name, day, value, wait in rows}
    return pl.DataFrame(
        [
            (name, BEGIN + HOUR * day, value, BEGIN + HOUR * known)
            for (name, day, known), value in unique.items()
        ],
        schema=SERIES_SCHEMA,
        orient="row",
    )


def brute_force(rows: pl.DataFrame, series: str, at: datetime) -> float | None:
    """The newest observation available, in its latest revision."""
    known = [
        (observed, available, value)
        for name, observed, value, available in rows.iter_rows()
        if name == series and available <= at
    ]
    return max(known)[2] if known else None


ROWS = st.lists(
    st.tuples(st.sampled_from("AB"), st.integers(0, 20), st.floats(-9, 9), st.integers(0, 15)), max_size=25
)


@given(rows=ROWS, moments=st.lists(st.integers(-1, 40), max_size=12))
def test_as_known_equals_brute_force_at_every_moment(rows: list[Row], moments: list[int]) -> None:
    table = frame(rows)
    at = [BEGIN + HOUR * n for n in moments]
    found = as_known(table, "A", pl.Series(at, dtype=UTC_MS))
    assert found.to_list() == [brute_force(table, "A", moment) for moment in at]


@given(rows=ROWS, cut=st.integers(0, 40))
def test_as_known_sees_nothing_that_was_not_available(rows: list[Row], cut: int) -> None:
    table, at = frame(rows), BEGIN + HOUR * cut
    known = table.filter(pl.col("available_at") <= at)
    assert newest_known(table, "A", at) == newest_known(known, "A", at)


def test_as_known_late_revision_of_an_older_value_does_not_replace_a_newer_one() -> None:
    table = frame([("A", 0, 1.0, 1), ("A", 5, 2.0, 1), ("A", 0, 1.5, 10)])
    assert newest_known(table, "A", BEGIN + HOUR * 12) == 2.0


def test_as_known_revision_counts_from_when_it_was_seen() -> None:
    table = frame([("A", 0, 1.0, 1), ("A", 0, 1.5, 10)])
    assert [newest_known(table, "A", BEGIN + HOUR * n) for n in (0, 1, 9, 10)] == [None, 1.0, 1.0, 1.5]
