"""Rows of the public archive: which hours enter the store, and what is made of the rest."""

import csv
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.metrics_rows import COLUMNS, FIGURES, has_midnight, validate_metrics
from crypto_bt.core.positioning import AVAILABLE_AFTER
from crypto_bt.core.raw_rows import CONFLICT, Validated
from crypto_bt.core.schemas import QUARANTINE_SCHEMA
from crypto_bt_tests.recorded import RECORDED, needs_recorded

DAY = datetime(2026, 3, 3, tzinfo=UTC)
ONE = timedelta(days=1)
NOW = DAY + 10 * ONE
datasets = pytest.mark.parametrize("dataset", FIGURES)


def line(
    time: str, interest: str = "80424.5", ratio: str = "1.09030379", symbol: str = "BTCUSDT"
) -> list[str]:
    """One line of a file."""
    return [time, symbol, interest, "2934227437.9" if interest else "", "1.1", "1.4", ratio, "0.6"]


def validate(
    files: dict[datetime, list[list[str]]],
    dataset: str = "open_interest",
    start: datetime = DAY,
    end: datetime = DAY + ONE,
) -> Validated:
    """One symbol's lines."""
    return validate_metrics(files, dataset=dataset, symbol="BTCUSDT", start=start, end=end, now=NOW)


@datasets
def test_validate_metrics_keeps_the_hours_with_what_was_known_when(dataset: str) -> None:
    lines = [line(f"2026-03-03 {n // 12:02}:{n % 12 * 5:02}:00") for n in range(288)]

    valid = validate({DAY: lines}, dataset)

    assert dict(valid.frame.schema) == DATASETS[dataset].schema
    assert valid.frame["observed_at"].to_list() == [DAY + timedelta(hours=n) for n in range(24)]
    assert (valid.frame["available_at"] - valid.frame["observed_at"]).unique().to_list() == [AVAILABLE_AFTER]
    assert valid.quarantine.is_empty()


def test_validate_metrics_shares_follow_from_the_ratio_of_all_accounts() -> None:
    (row,) = validate({DAY: [line("2026-03-03 00:00:00", ratio="3.0")]}, "long_short_ratio").frame.iter_rows()
    assert row[2:5] == (3.0, 0.75, 0.25)


@datasets
def test_validate_metrics_row_without_figures_is_no_row(dataset: str) -> None:
    blank = ["2026-03-03 01:00:00", *[""] * 7]
    valid = validate({DAY: [blank, line("2026-03-03 02:00:00")]}, dataset)
    assert valid.frame.height == 1
    assert valid.quarantine.is_empty()


@pytest.mark.parametrize(
    ("dataset", "row", "reason"),
    [
        ("open_interest", line("2026-03-03 01:00:00", interest="0"), "not positive"),
        ("open_interest", line("2026-03-03 01:00:00", interest="-1"), "not positive"),
        ("open_interest", line("2026-03-03 01:00:00", interest="many"), "not a number"),
        ("open_interest", line("2026-03-03 01:00:00", interest="nan"), "not finite"),
        ("open_interest", line("2026-03-03 01:00:00", symbol="ETHUSDT"), "wrong symbol"),
        ("open_interest", line("2026-03-03 01:00:07"), "misaligned"),
        ("open_interest", line("2026-03-03"), "unreadable time"),
        ("open_interest", line("2026-03-33 01:00:00"), "unreadable time"),
        ("open_interest", line("2026-03-03 01:00:00")[:5], "not a row"),
        ("open_interest", [*line("2026-03-03 01:00:00"), ""], "not a row"),
        ("long_short_ratio", line("2026-03-03 01:00:00", ratio="-0.5"), "negative share"),
        ("long_short_ratio", line("2026-03-03 01:00:00", ratio="-1"), "not finite"),
        ("long_short_ratio", line("2026-03-03 01:00:00", ratio="inf"), "not finite"),
        ("long_short_ratio", line("2026-03-03 01:00:00", ratio="1,5"), "not a number"),
    ],
)
def test_validate_metrics_impossible_row_is_refused_with_its_reason(
    dataset: str, row: list[str], reason: str
) -> None:
    valid = validate({DAY: [row, line("2026-03-03 02:00:00")]}, dataset)

    assert valid.frame.height == 1
    assert valid.quarantine["reason"].to_list() == [reason]
    assert row[0] in json.dumps(json.loads(valid.quarantine["raw"][0]))


def test_validate_metrics_open_interest_without_its_value_is_refused() -> None:
    half = ["2026-03-03 01:00:00", "BTCUSDT", "80424.5", "", "1.1", "1.4", "1.1", "0.6"]
    valid = validate({DAY: [half]})
    assert valid.frame.is_empty()
    assert valid.quarantine.height == 1


def test_validate_metrics_duplicates_count_once_and_conflicts_not_at_all() -> None:
    rows = [line("2026-03-03 01:00:00"), line("2026-03-03 01:00:00"), line("2026-03-03 02:00:00")]
    valid = validate({DAY: [*rows, line("2026-03-03 02:00:00", interest="9")]})
    assert valid.frame["observed_at"].to_list() == [DAY + timedelta(hours=1)]
    assert valid.quarantine["reason"].to_list() == [CONFLICT]


def test_validate_metrics_midnight_comes_from_the_file_before_where_its_own_has_none() -> None:
    before = [line("2026-03-03 00:00:00", interest="7")]
    assert validate({DAY - ONE: before, DAY: []}).frame["open_interest"].to_list() == [7.0]

    own = [line("2026-03-03 00:00:00", interest="8")]
    both = validate({DAY - ONE: before, DAY: own})
    assert both.frame["open_interest"].to_list() == [8.0]
    assert both.quarantine.is_empty(), "the same label, five minutes apart: no conflict"


def test_validate_metrics_rows_outside_the_window_are_left_out() -> None:
    rows = [line("2026-03-03 01:00:00"), line("2026-03-03 02:00:00"), line("2026-03-03 03:00:00")]
    start = DAY + timedelta(hours=2)
    valid = validate({DAY: rows}, start=start, end=start + timedelta(hours=1))
    assert valid.frame["observed_at"].to_list() == [start]
    assert valid.quarantine.is_empty()


def test_has_midnight_looks_for_the_day_itself() -> None:
    assert has_midnight([[], line("2026-03-03 00:00:00")], DAY)
    assert not has_midnight([line("2026-03-03 00:05:00"), line("2026-03-04 00:00:00")], DAY)


TEXT = st.text(max_size=8) | st.floats().map(str) | st.sampled_from(["", "0", "1.5", "-1", "1e400", "٣"])
TIME = st.text(max_size=20) | st.integers(-30, 30).map(lambda n: f"{DAY + timedelta(minutes=30 * n):%F %T}")
LINE = st.lists(TEXT, max_size=9) | st.tuples(TIME, st.just("BTCUSDT"), *[TEXT] * 6).map(list)


@given(lines=st.lists(LINE, max_size=8), dataset=st.sampled_from(sorted(FIGURES)), own=st.booleans())
def test_validate_metrics_never_raises_and_stores_only_whole_hours(
    lines: list[list[str]], dataset: str, own: bool
) -> None:
    valid = validate({DAY if own else DAY - ONE: lines}, dataset)

    assert dict(valid.quarantine.schema) == QUARANTINE_SCHEMA
    assert valid.frame["observed_at"].is_between(DAY, DAY + ONE, closed="left").all()
    assert (valid.frame["observed_at"].dt.minute() == 0).all()
    assert not valid.frame["observed_at"].is_duplicated().any()
    for name in set(valid.frame.columns) & {"open_interest", "long_account", "short_account"}:
        assert (valid.frame[name] >= 0).all()


@needs_recorded
@datasets
def test_validate_metrics_recorded_sample_gives_its_two_hours(dataset: str) -> None:
    path = RECORDED / "fixtures" / "binance_vision_metrics_5m_BTCUSDT_2023-11-14_first24.csv"
    with path.open(newline="") as file:
        header, *lines = csv.reader(file)
    day = datetime(2023, 11, 14, tzinfo=UTC)

    valid = validate({day: lines}, dataset, day, day + ONE)

    assert tuple(header) == COLUMNS
    assert valid.frame["observed_at"].to_list() == [day, day + timedelta(hours=1)]
    first = {"open_interest": 80424.539, "long_short_ratio": 1.09030379}[dataset]
    assert valid.frame[dataset][0] == first
    assert valid.quarantine.is_empty()


@needs_recorded
@datasets
def test_validate_metrics_recorded_daily_rows_say_no_hour_and_blank_ones_nothing(dataset: str) -> None:
    path = RECORDED / "defects" / "btc_metrics_1d_with_90_blank_rows_raw.csv"
    with path.open(newline="") as file:
        _, *lines = csv.reader(file)
    blank = [row for row in lines if not any(row[1:])]
    begin = datetime(2022, 6, 1, tzinfo=UTC)

    valid = validate({begin: lines}, dataset, begin, NOW)

    assert len(blank) == 90
    assert valid.frame.is_empty(), "a date alone would be midnight, which it is not"
    assert valid.quarantine["reason"].to_list() == ["unreadable time"]
    assert valid.quarantine["raw"][0].count("\n") + 1 == len(lines) - len(blank)
