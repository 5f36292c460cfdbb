"""Open interest, long/short accounts and taker volume: what enters the store and what does not."""

import json
import math
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.market import from_milliseconds, to_milliseconds
from crypto_bt.core.positioning import (
    AVAILABLE_AFTER,
    validate_long_short_ratio,
    validate_open_interest,
    validate_taker_volume,
)
from crypto_bt.core.schemas import QUARANTINE_SCHEMA
from crypto_bt_tests.core.positioning_rows import HOUR, long_short_row, open_interest_row, stamp, taker_row
from crypto_bt_tests.core.rows import END, START
from crypto_bt_tests.recorded import RECORDED, needs_recorded

FEEDS = {
    "open_interest": (validate_open_interest, open_interest_row),
    "long_short_ratio": (validate_long_short_ratio, long_short_row),
    "taker_volume": (validate_taker_volume, taker_row),
}
feeds = pytest.mark.parametrize("dataset", FEEDS)


def validate(dataset, rows, symbol="BTCUSDT", start=START, end=END, now=END):
    return FEEDS[dataset][0](rows, dataset=dataset, symbol=symbol, start=start, end=end, now=now)


@feeds
def test_validate_good_rows_have_the_schema_sorted_with_what_was_known_when(dataset):
    row = FEEDS[dataset][1]

    valid = validate(dataset, [row(2), row(0), row(1), row(1)])

    assert dict(valid.frame.schema) == DATASETS[dataset].schema
    assert valid.frame["observed_at"].to_list() == [START + timedelta(hours=hour) for hour in range(3)]
    assert (valid.frame["available_at"] - valid.frame["observed_at"]).unique().to_list() == [AVAILABLE_AFTER]
    assert timedelta(hours=1, minutes=5) == AVAILABLE_AFTER
    assert valid.quarantine.is_empty()


def test_validate_puts_each_wire_figure_into_its_column():
    rows = [validate(name, [make(0)]).frame.row(0)[2:5] for name, (_, make) in FEEDS.items()]

    assert rows[0][:2] == (80485.615, 5419496040.188065)
    assert rows[1] == (2.4518, 0.7103, 0.2897)
    assert rows[2] == (387.33, 248.503, 1.5586)


@feeds
def test_validate_row_of_an_hour_that_still_runs_is_unclosed(dataset):
    row = FEEDS[dataset][1]
    now = START + timedelta(hours=2, minutes=59, seconds=59)

    valid = validate(dataset, [row(0), row(1), row(2)], now=now)

    assert valid.frame["observed_at"].to_list() == [START, START + timedelta(hours=1)]
    assert valid.quarantine["reason"].to_list() == ["unclosed"]
    assert validate(dataset, [row(2)], now=START + timedelta(hours=3)).frame.height == 1


@feeds
@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        ("unreadable time", {"timestamp": "now"}),
        ("unreadable time", {"timestamp": None}),
        ("outside the window", {"timestamp": stamp(-1)}),
        ("outside the window", {"timestamp": stamp(48)}),
        ("misaligned", {"timestamp": stamp(0) + 1}),
        ("misaligned", {"timestamp": stamp(1) - 1}),
        ("misaligned", {"timestamp": stamp(0) + 1_800_000}),
    ],
)
def test_validate_bad_time_is_quarantined_with_its_reason(dataset, reason, fields):
    row = FEEDS[dataset][1]

    valid = validate(dataset, [row(0, **fields), row(5)])

    assert valid.frame.height == 1
    assert valid.quarantine["reason"].to_list() == [reason]


@pytest.mark.parametrize(
    ("dataset", "reason", "fields"),
    [
        ("open_interest", "wrong symbol", {"symbol": "ETHUSDT"}),
        ("open_interest", "null", {"sumOpenInterest": None}),
        ("open_interest", "not a number", {"sumOpenInterestValue": "much"}),
        ("open_interest", "not finite", {"sumOpenInterest": "NaN"}),
        ("open_interest", "not finite", {"sumOpenInterestValue": "inf"}),
        ("open_interest", "not positive", {"sumOpenInterest": "0"}),
        ("open_interest", "not positive", {"sumOpenInterestValue": "-1"}),
        ("long_short_ratio", "wrong symbol", {"symbol": "ETHUSDT"}),
        ("long_short_ratio", "null", {"longAccount": None}),
        ("long_short_ratio", "null", {"longShortRatio": None}),
        ("long_short_ratio", "not a number", {"longShortRatio": ""}),
        ("long_short_ratio", "not finite", {"shortAccount": "NaN"}),
        ("long_short_ratio", "negative share", {"longAccount": "-0.1", "shortAccount": "1.1"}),
        ("long_short_ratio", "shares miss 1", {"shortAccount": "0.2920"}),
        ("long_short_ratio", "inconsistent", {"longShortRatio": "2.4560"}),
        ("long_short_ratio", "inconsistent", {"longAccount": "0.2897", "shortAccount": "0.7103"}),
        ("taker_volume", "null", {"buyVol": None}),
        ("taker_volume", "null", {"buySellRatio": None}),
        ("taker_volume", "not a number", {"buySellRatio": "n/a"}),
        ("taker_volume", "not finite", {"buyVol": "inf"}),
        ("taker_volume", "negative volume", {"sellVol": "-248.5030", "buySellRatio": "-1.5586"}),
        ("taker_volume", "inconsistent", {"buySellRatio": "1.5589"}),
        ("taker_volume", "inconsistent", {"buyVol": "248.5030", "sellVol": "387.3300"}),
    ],
)
def test_validate_bad_figure_is_quarantined_with_its_reason(dataset, reason, fields):
    row = FEEDS[dataset][1]

    valid = validate(dataset, [row(0, **fields), row(1)])

    assert valid.frame.height == 1
    assert valid.quarantine["reason"].to_list() == [reason]
    assert json.loads(valid.quarantine["raw"][0]) == row(0, **fields)


@pytest.mark.parametrize("ratio", ["0", None, "", "inf", "NaN", "Infinity"])
def test_validate_ratio_over_nothing_is_null_whatever_was_sent(ratio):
    longs = validate(
        "long_short_ratio",
        [long_short_row(0, longAccount="1.0000", shortAccount="0.0000", longShortRatio=ratio)],
    )
    takers = validate("taker_volume", [taker_row(0, sellVol="0", buySellRatio=ratio)])

    assert longs.frame.select("long_short_ratio", "long_account").rows() == [(None, 1.0)]
    assert takers.frame.select("buy_sell_ratio", "buy_volume").rows() == [(None, 387.33)]


def test_validate_hour_in_which_nobody_took_is_kept():
    valid = validate("taker_volume", [taker_row(0, buyVol="0", sellVol="0", buySellRatio="0")])

    assert valid.frame.select("buy_volume", "sell_volume", "buy_sell_ratio").rows() == [(0.0, 0.0, None)]


@feeds
def test_validate_conflicting_duplicates_are_all_refused(dataset):
    row = FEEDS[dataset][1]
    other = {
        "open_interest": {"sumOpenInterest": "1"},
        "long_short_ratio": {"longAccount": "0.5", "shortAccount": "0.5", "longShortRatio": "1"},
        "taker_volume": {"buyVol": "1", "sellVol": "1", "buySellRatio": "1"},
    }[dataset]

    valid = validate(dataset, [row(0), row(0, **other), row(1)])

    assert valid.frame["observed_at"].to_list() == [START + timedelta(hours=1)]
    assert valid.quarantine["reason"].to_list() == ["conflicting duplicate"]


@given(st.integers(1, 9999))
def test_validate_any_rounded_ratio_of_accounts_is_consistent(tenthousandths):
    short = tenthousandths / 10_000
    for true in (short - 4.9e-5, short, short + 4.9e-5):
        row = long_short_row(
            0,
            longAccount=f"{1 - true:.4f}",
            shortAccount=f"{true:.4f}",
            longShortRatio=f"{(1 - true) / true:.4f}",
        )
        assert validate("long_short_ratio", [row]).frame.height == 1, row


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(0, 4))
def test_validate_any_rounded_ratio_of_volumes_is_consistent(bought, sold, decimals):
    buy, sell = bought / 10**decimals, sold / 10**decimals
    row = taker_row(
        0,
        buyVol=f"{buy:.{decimals}f}",
        sellVol=f"{sell:.{decimals}f}",
        buySellRatio=f"{buy / sell:.4f}",
    )

    assert validate("taker_volume", [row]).frame.height == 1, row


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
rows_of_junk = st.lists(
    junk
    | st.dictionaries(
        st.sampled_from([*open_interest_row(0), *long_short_row(0), *taker_row(0)]),
        junk | st.sampled_from([stamp(0), stamp(3), "0.5", "1", "BTCUSDT", 0]),
        max_size=6,
    ),
    max_size=6,
)


@feeds
@given(rows=rows_of_junk)
def test_validate_never_raises_and_never_keeps_what_it_must_not(dataset, rows):
    valid = validate(dataset, rows)

    frame = valid.frame
    assert dict(frame.schema) == DATASETS[dataset].schema
    assert dict(valid.quarantine.schema) == QUARANTINE_SCHEMA
    assert frame["observed_at"].is_between(START, END, closed="left").all()
    assert all(to_milliseconds(time) % HOUR == 0 for time in frame["observed_at"])
    for column in frame.select(pl.col(pl.Float64)).iter_columns():
        assert all(value is None or (math.isfinite(value) and value >= 0) for value in column)
    assert valid.frame.height + valid.quarantine.height <= max(len(rows), 0)


@needs_recorded
def test_validate_takes_the_exchanges_own_open_interest_whole():
    (path,) = (RECORDED / "fixtures").glob("openInterestHist_BTCUSDT_4h*.json")
    rows = json.loads(path.read_text())
    stamps = [from_milliseconds(row["timestamp"]) for row in rows]
    end = max(stamps) + timedelta(hours=1)

    valid = validate("open_interest", rows, start=min(stamps), end=end, now=end)

    assert valid.quarantine.is_empty()
    assert valid.frame["observed_at"].to_list() == sorted(stamps)
    assert valid.frame["open_interest"].to_list() == [float(row["sumOpenInterest"]) for row in rows]


@needs_recorded
def test_validate_takes_the_exchanges_own_ratios_whole():
    recorded = pl.read_parquet(RECORDED / "positioning_btc.parquet").with_columns(
        hour=pl.int_range(pl.len()) * HOUR + to_milliseconds(START)
    )
    wires = {
        "long_short_ratio": {
            "longAccount": "long_account", "shortAccount": "short_account",
            "longShortRatio": "global_long_short_ratio",
        },
        "taker_volume": {
            "buyVol": "taker_buy_vol", "sellVol": "taker_sell_vol", "buySellRatio": "taker_buy_sell_ratio",
        },
    }  # fmt: skip
    for dataset, wire in wires.items():
        part = recorded.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in wire.values()))
        rows = [
            {"symbol": "BTCUSDT", "timestamp": row["hour"]} | {key: repr(row[wire[key]]) for key in wire}
            for row in part.iter_rows(named=True)
        ]
        end = from_milliseconds(int(part["hour"].to_list()[-1]) + HOUR)

        valid = validate(dataset, rows, end=end, now=end)

        assert len(rows) > 1000
        assert (valid.frame.height, valid.quarantine.height) == (len(rows), 0)
