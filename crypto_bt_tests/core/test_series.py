"""What may enter as a value of a series, and what a revision becomes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.raw_rows import CONFLICT, Validated
from crypto_bt.core.schemas import QUARANTINE_SCHEMA, SERIES_SCHEMA
from crypto_bt.core.series import PLAUSIBLE, revised_rows, validate_series
from crypto_bt_tests.recorded import RECORDED, needs_recorded

NOW = datetime(2026, 3, 10, 2, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)


def validate(rows: list[tuple[Any, Any]], series: str = "VIXCLS", start: datetime = START) -> Validated:
    """The rows of one series up to tomorrow."""
    return validate_series(
        rows, dataset="macro_series", series=series, start=start, end=NOW + timedelta(days=1), now=NOW
    )


def test_validate_series_reads_dates_and_seconds() -> None:
    seconds = int(datetime(2026, 3, 4, tzinfo=UTC).timestamp())
    valid = validate([("2026-03-03", "17.5"), (str(seconds), 18), (seconds + 86_400, "19")])
    assert dict(valid.frame.schema) == SERIES_SCHEMA
    assert valid.frame["observed_at"].dt.day().to_list() == [3, 4, 5]
    assert valid.frame["value"].to_list() == [17.5, 18.0, 19.0]
    assert valid.frame["available_at"][0] == datetime(2026, 3, 4, 15, tzinfo=UTC)
    assert valid.quarantine.is_empty()


@pytest.mark.parametrize("missing", [".", "", " ", None])
def test_validate_series_missing_value_is_neither_a_value_nor_refused(missing: str | None) -> None:
    valid = validate([("2026-03-03", missing)])
    assert valid.frame.is_empty()
    assert valid.quarantine.is_empty()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("2026-03-03", "n/a"), "not a number"),
        (("2026-03-03", "nan"), "not a number"),
        (("2026-03-03", "inf"), "not a number"),
        (("2026-03-03", "1_7"), "not a number"),
        (("2026-03-03", "1,7"), "not a number"),
        (("2026-03-03", "17 18"), "not a number"),
        (("2026-03-03", "9" * 5000), "not a number"),
        (("2026-03-03", True), "not a number"),
        (("2026-03-03", [17]), "not a number"),
        (("2026-03-03", "0"), "implausible"),
        (("2026-03-03", "5000"), "implausible"),
        (("2026-03-11", "17"), "future"),
        (("03/03/2026", "17"), "unreadable time"),
        ((None, "17"), "unreadable time"),
        ((10**30, "17"), "unreadable time"),
    ],
)
def test_validate_series_impossible_row_is_refused_with_its_reason(row: tuple[Any, Any], reason: str) -> None:
    valid = validate_series(
        [row], dataset="macro_series", series="VIXCLS", start=START, end=NOW + timedelta(days=5), now=NOW
    )
    assert valid.frame.is_empty()
    assert valid.quarantine["reason"].to_list() == [reason]
    assert valid.quarantine["symbol"].to_list() == ["VIXCLS"]
    assert dict(valid.quarantine.schema) == QUARANTINE_SCHEMA


def test_validate_series_duplicates_count_once_and_conflicts_not_at_all() -> None:
    valid = validate(
        [("2026-03-03", "17"), ("2026-03-03", "17.0"), ("2026-03-04", "18"), ("2026-03-04", "19")]
    )
    assert valid.frame["value"].to_list() == [17.0]
    assert valid.quarantine["reason"].to_list() == [CONFLICT]
    assert valid.quarantine["raw"][0].count("\n") == 1, "both rows are kept for a person to see"


def test_validate_series_disorder_is_harmless() -> None:
    rows = [("2026-03-05", "19"), ("2026-03-03", "17"), ("2026-03-04", "18")]
    assert validate(rows).frame.equals(validate(sorted(rows)).frame)


def test_validate_series_rows_outside_the_window_are_left_out() -> None:
    assert validate([("2020-03-03", "17"), ("2026-03-03", "17")]).frame.height == 1


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.dates().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(rows=st.lists(st.tuples(ANYTHING, ANYTHING), max_size=8), series=st.sampled_from(sorted(PLAUSIBLE)))
def test_validate_series_never_raises_and_stores_only_plausible_values(
    rows: list[tuple[Any, Any]], series: str
) -> None:
    valid = validate(rows, series)
    low, high = PLAUSIBLE[series]
    assert valid.frame["value"].is_between(low, high).all()
    assert valid.frame["observed_at"].is_between(START, NOW).all()
    assert (valid.frame["available_at"] > valid.frame["observed_at"]).all()
    assert not valid.frame["observed_at"].is_duplicated().any()


def rows_of(*rows: tuple[int, float, int]) -> pl.DataFrame:
    """Rows of (day, value, known on day)."""
    return pl.DataFrame(
        [("CPIAUCSL", START + timedelta(days=d), v, START + timedelta(days=k)) for d, v, k in rows],
        schema=SERIES_SCHEMA,
        orient="row",
    )


SEEN = START + timedelta(days=50)


def test_revised_rows_new_observation_keeps_the_moment_of_its_rule() -> None:
    fetched = rows_of((0, 1.0, 10), (1, 2.0, 11))
    assert revised_rows(rows_of((0, 1.0, 10)), fetched, SEEN).equals(rows_of((1, 2.0, 11)))


def test_revised_rows_changed_value_is_a_row_known_from_when_it_was_seen() -> None:
    stored = rows_of((0, 1.0, 10))
    revised = revised_rows(stored, rows_of((0, 1.1, 10)), SEEN)
    assert revised.equals(rows_of((0, 1.1, 50)))
    both = pl.concat([stored, revised])
    assert revised_rows(both, rows_of((0, 1.1, 10)), SEEN).is_empty(), "the latest value is compared"
    assert revised_rows(both, rows_of((0, 1.0, 10)), SEEN + timedelta(days=1)).height == 1


def test_revised_rows_of_nothing_is_nothing() -> None:
    assert revised_rows(rows_of((0, 1.0, 10)), rows_of(), SEEN).is_empty()
    assert revised_rows(rows_of(), rows_of((0, 1.0, 10)), SEEN).height == 1


@needs_recorded
def test_validate_series_recorded_dominance_above_a_hundred_is_refused() -> None:
    lines = (RECORDED / "defects" / "btc_dominance_raw.csv").read_text().splitlines()[1:]
    rows = [tuple(line.split(",")) for line in lines]
    valid = validate_series(
        rows,
        dataset="btc_dominance",
        series="btc_dominance",
        start=datetime(2013, 1, 1, tzinfo=UTC),
        end=NOW,
        now=NOW,
    )
    refused = valid.quarantine.filter(reason="implausible")
    assert refused["open_time"].min() == datetime(2013, 5, 3, tzinfo=UTC), "101.22 %"
    assert valid.frame.height + valid.quarantine.height == len(rows)


@needs_recorded
def test_validate_series_recorded_blanks_are_no_values() -> None:
    lines = (RECORDED / "defects" / "dxy_raw_with_blank_values.csv").read_text().splitlines()[1:]
    rows = [tuple(line.split(",")) for line in lines]
    blanks = sum(not value.strip() for _, value in rows)
    valid = validate(rows, "DTWEXBGS", datetime(2015, 1, 1, tzinfo=UTC))
    assert blanks > 0
    assert valid.frame.height == len(rows) - blanks
    assert valid.quarantine.is_empty()
