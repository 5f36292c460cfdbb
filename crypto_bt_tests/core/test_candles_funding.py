"""Settlements: jitter, rates, mark prices."""

from datetime import timedelta

import polars as pl
import pytest

from crypto_bt.core.funding import validate_funding
from crypto_bt.core.market import from_milliseconds, to_milliseconds
from crypto_bt.core.schemas import FUNDING_SCHEMA
from crypto_bt_tests.core.rows import END, START, funding_row
from crypto_bt_tests.recorded import RECORDED, needs_recorded


def validate(rows, symbol="BTCUSDT", start=START, end=END, now=END):
    return validate_funding(rows, dataset="funding_rates", symbol=symbol, start=start, end=end, now=now)


def test_validate_funding_stores_the_slot_not_the_jitter():
    valid = validate([funding_row(0), funding_row(1, fundingRate="-0.02")])

    assert dict(valid.frame.schema) == FUNDING_SCHEMA
    assert valid.frame.rows() == [
        ("BTCUSDT", START, 0.0001, 100.5),
        ("BTCUSDT", START + timedelta(hours=8), -0.02, 100.5),
    ]


@pytest.mark.parametrize("mark", ["", "0", 0, "0.00000000", None])
def test_validate_funding_without_mark_price_has_null(mark):
    valid = validate([funding_row(0, markPrice=mark)])

    assert (valid.frame["mark_price"].to_list(), valid.quarantine.height) == ([None], 0)


def test_validate_funding_field_left_out_is_null():
    row = funding_row(0)
    del row["markPrice"]

    assert validate([row]).frame["mark_price"].to_list() == [None]


@pytest.mark.parametrize(
    ("reason", "row"),
    [
        ("not a row", [1, 2]),
        ("wrong symbol", funding_row(0, symbol="ETHUSDT")),
        ("unreadable time", funding_row(0, fundingTime="now")),
        ("outside the window", funding_row(-1)),
        ("outside the window", funding_row(6)),
        ("null", funding_row(0, fundingRate=None)),
        ("not a number", funding_row(0, fundingRate="")),
        ("not a number", funding_row(0, markPrice="dear")),
        ("not finite", funding_row(0, fundingRate="NaN")),
        ("not finite", funding_row(0, markPrice="inf")),
        ("impossible rate", funding_row(0, fundingRate="-1.01")),
        ("not positive", funding_row(0, markPrice="-1")),
    ],
)
def test_validate_funding_bad_row_is_quarantined_with_its_reason(reason, row):
    valid = validate([row, funding_row(1)])

    assert valid.frame.height == 1
    assert valid.quarantine["reason"].to_list() == [reason]


def test_validate_funding_future_settlement_is_refused():
    assert validate([funding_row(3)], now=START).quarantine["reason"].to_list() == ["future"]


@needs_recorded
def test_validate_funding_takes_two_feeds_of_one_event_as_one():
    feeds = pl.read_csv(RECORDED / "defects/funding_same_event_two_feeds_ms_jitter.csv")
    assert feeds["feed"].n_unique() == 2
    for (symbol,), part in feeds.group_by("symbol"):
        rows = [
            {"symbol": symbol, "fundingTime": time, "fundingRate": repr(rate)}
            for time, rate in part.select("funding_time", "funding_rate").iter_rows()
        ]
        hours = {round(time / 3_600_000) for time in part["funding_time"]}
        start, end = from_milliseconds(min(hours) * 3_600_000), from_milliseconds(max(hours) * 3_600_000 + 1)

        valid = validate(rows, str(symbol), start, end, end + timedelta(hours=1))

        assert valid.quarantine.is_empty()
        assert {to_milliseconds(time) // 3_600_000 for time in valid.frame["funding_time"]} == hours


@needs_recorded
@pytest.mark.parametrize("name", ["funding_extremes", "funding_interval_changes"])
def test_validate_funding_keeps_what_is_extreme_but_true(name):
    events = pl.read_csv(RECORDED / f"defects/{name}.csv")
    assert events.height > 0
    for event in events.iter_rows(named=True):
        row = {key: event[at] for key, at in (("symbol", "symbol"), ("fundingTime", "funding_time"))}
        slot = from_milliseconds(event["funding_slot"])
        rows = [{**row, "fundingRate": repr(event["funding_rate"])}]

        valid = validate(rows, event["symbol"], slot, slot + timedelta(hours=1), slot + timedelta(hours=1))

        assert valid.frame["funding_rate"].to_list() == [event["funding_rate"]]
