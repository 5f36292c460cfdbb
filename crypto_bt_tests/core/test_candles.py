"""What may enter the store as a candle, and why the rest may not."""

import csv
import json
from datetime import timedelta

import polars as pl
import pytest

from crypto_bt.core.candles import resample, revisions, validate_candles, validate_mark_prices
from crypto_bt.core.market import Timeframe, from_milliseconds, to_milliseconds
from crypto_bt.core.schemas import CANDLE_SCHEMA, MARK_SCHEMA, QUARANTINE_SCHEMA, REVISION_SCHEMA
from crypto_bt_tests.core.rows import END, HOURS, START, candle_row
from crypto_bt_tests.recorded import RECORDED, needs_recorded

NOW = END + timedelta(minutes=1)


def validate(rows, *, end=END, now=NOW, validator=validate_candles, dataset="candles_1h"):
    return validator(rows, dataset=dataset, symbol="BTCUSDT", start=START, end=end, now=now)


def test_validate_candles_good_rows_keep_every_figure():
    valid = validate([candle_row(0), candle_row(1)])

    assert dict(valid.frame.schema) == CANDLE_SCHEMA
    assert dict(valid.quarantine.schema) == QUARANTINE_SCHEMA
    assert valid.frame.row(1) == (
        "BTCUSDT", START + timedelta(hours=1), 101.5, 111.25, 91.125, 102.0, 11.001, 1001.5, 101, 6.5,
    )  # fmt: skip
    assert valid.quarantine.is_empty()


def test_validate_candles_disorder_is_sorted():
    valid = validate([candle_row(index) for index in (2, 0, 1)])

    assert valid.frame["open"].to_list() == [100.5, 101.5, 102.5]


@pytest.mark.parametrize("field", ["quote_volume", "trades", "taker_buy_volume"])
def test_validate_candles_optional_null_stays_null(field):
    valid = validate([candle_row(0, **{field: None}), candle_row(1)])

    assert valid.frame[field].is_null().to_list() == [True, False]


@pytest.mark.parametrize(
    ("reason", "row"),
    [
        ("not a row", "1771"),
        ("not a row", None),
        ("short row", candle_row(0)[:11]),
        ("unreadable time", candle_row(0, open_time="soon")),
        ("unreadable time", candle_row(0, open_time=None)),
        ("unreadable time", candle_row(0, open_time=True)),
        ("unreadable time", candle_row(0, open_time=10**30)),
        ("outside the window", candle_row(-1)),
        ("outside the window", candle_row(HOURS)),
        ("misaligned", candle_row(0, open_time=to_milliseconds(START) + 1)),
        ("misaligned", candle_row(0, timeframe=Timeframe.H4)),
        ("null", candle_row(0, close=None)),
        ("null", candle_row(0, volume=None)),
        ("not a number", candle_row(0, open="abc")),
        ("not a number", candle_row(0, open="")),
        ("not a number", candle_row(0, open=[1])),
        ("not a number", candle_row(0, open=True)),
        ("not a number", candle_row(0, open="1_00")),
        ("not a number", candle_row(0, trades="many")),
        ("not a number", candle_row(0, trades=1.5)),
        ("not finite", candle_row(0, open="NaN")),
        ("not finite", candle_row(0, high="inf")),
        ("not finite", candle_row(0, high=10**400)),
        ("not finite", candle_row(0, quote_volume="nan")),
        ("not positive", candle_row(0, low="0")),
        ("not positive", candle_row(0, low="-1")),
        ("negative volume", candle_row(0, volume="-0.1")),
        ("negative volume", candle_row(0, taker_buy_volume="-1")),
        ("negative volume", candle_row(0, trades=-1)),
        ("inconsistent", candle_row(0, high="100.0")),
        ("inconsistent", candle_row(0, low="100.75")),
        ("inconsistent", candle_row(0, high="80", low="120")),
    ],
)
def test_validate_candles_bad_row_is_quarantined_with_its_reason(reason, row):
    valid = validate([row, candle_row(1)])

    assert valid.frame["open"].to_list() == [101.5]
    assert valid.quarantine["reason"].to_list() == [reason]
    assert json.loads(valid.quarantine["raw"][0]) == row
    assert [Timeframe.H1.floor(time) for time in valid.quarantine["open_time"]] == [START]
    assert valid.quarantine["seen_at"].to_list() == [NOW]


def test_validate_candles_open_and_future_candles_are_refused():
    now = START + timedelta(hours=1, minutes=59)

    valid = validate([candle_row(index) for index in range(3)], now=now)

    assert valid.frame["open_time"].to_list() == [START]
    assert valid.quarantine.select("open_time", "reason").rows() == [
        (START + timedelta(hours=1), "unclosed"),
        (START + timedelta(hours=2), "future"),
    ]


def test_validate_candles_is_closed_the_moment_it_ends():
    end = START + timedelta(hours=1)

    assert validate([candle_row(0)], now=end).frame.height == 1
    assert validate([candle_row(0)], now=end - timedelta(milliseconds=1)).frame.is_empty()


def test_validate_candles_identical_duplicates_count_once_in_silence():
    valid = validate([candle_row(0), candle_row(1), candle_row(0), candle_row(0)])

    assert (valid.frame.height, valid.quarantine.height) == (2, 0)


def test_validate_candles_conflicting_duplicates_are_all_refused():
    good, other = candle_row(0), candle_row(0, close="102.0")

    valid = validate([good, candle_row(1), other])

    assert valid.frame["open"].to_list() == [101.5]
    assert valid.quarantine["reason"].to_list() == ["conflicting duplicate"]
    assert [json.loads(line) for line in valid.quarantine["raw"][0].splitlines()] == [good, other]


def test_validate_candles_good_row_survives_its_broken_twin():
    valid = validate([candle_row(0, close=None), candle_row(0)])

    assert (valid.frame.height, valid.quarantine["reason"].to_list()) == (1, ["null"])


def test_validate_mark_prices_need_no_volumes():
    row = candle_row(0, volume="0", quote_volume=None, trades="x", taker_buy_volume=None)

    valid = validate([row], validator=validate_mark_prices, dataset="mark_price_1h")

    assert dict(valid.frame.schema) == MARK_SCHEMA
    assert valid.frame.row(0) == ("BTCUSDT", START, 100.5, 110.25, 90.125, 101.0)


def test_resample_leaves_out_incomplete_groups_and_keeps_nulls():
    rows = [candle_row(i, taker_buy_volume=None if i == 3 else "1") for i in range(12) if i != 6]
    hours = validate(rows).frame

    four = resample(hours, Timeframe.H4)

    assert four["open_time"].to_list() == [START, START + timedelta(hours=8)]
    assert four.row(0)[2:6] == (100.5, 113.25, 90.125, 104.0)
    assert four["volume"].to_list() == pytest.approx([46.004, 78.004])
    assert four["trades"].to_list() == [406, 438]
    assert four["taker_buy_volume"].to_list() == [None, 4.0]


def test_revisions_names_each_changed_value():
    stored = validate([candle_row(0), candle_row(1, taker_buy_volume=None), candle_row(2)]).frame
    fetched = validate([candle_row(0, close="102.0", trades=7), candle_row(1), candle_row(3)]).frame

    found = revisions(stored, fetched, "candles_1h", NOW)

    assert dict(found.schema) == REVISION_SCHEMA
    assert found.drop("seen_at").rows() == [
        ("candles_1h", "BTCUSDT", START, "close", 101.0, 102.0),
        ("candles_1h", "BTCUSDT", START, "trades", 100.0, 7.0),
    ]


def test_revisions_of_equal_rows_are_none():
    stored = validate([candle_row(index) for index in range(5)]).frame

    assert revisions(stored, stored, "candles_1h", NOW).is_empty()


@needs_recorded
def test_validate_candles_catches_the_incomplete_bars_that_collectors_saved():
    with (RECORDED / "defects/incomplete_last_bar_1h.csv").open() as file:
        saved = list(csv.DictReader(file))
    assert saved
    for bar in saved:
        opened = int(bar["timestamp"])
        step = Timeframe.H1.milliseconds
        seen_after = float(bar["volume_share_seen"])
        row = [opened, *(bar[name] for name in ("open", "high", "low", "close", "volume"))]
        row += [int(bar["close_time"]), bar["quote_volume"], int(bar["trades"]), None, None, "0"]
        start, end = from_milliseconds(opened), from_milliseconds(opened + step)
        now = from_milliseconds(opened + int(seen_after * step))

        valid = validate_candles(
            [row], dataset="candles_1h", symbol=bar["symbol"], start=start, end=end, now=now
        )

        assert valid.frame.is_empty()
        assert valid.quarantine["reason"].to_list() == ["unclosed"]


@needs_recorded
@pytest.mark.parametrize("name", ["extreme_wicks_1h", "zero_volume_bars_1h"])
def test_validate_candles_keeps_what_is_extreme_but_true(name):
    bars = pl.read_csv(RECORDED / f"defects/{name}.csv", infer_schema_length=None)
    assert bars.height > 0
    for bar in bars.iter_rows(named=True):
        opened = bar["open_time"]
        row = [opened, *(repr(bar[key]) for key in ("open", "high", "low", "close", "volume"))]
        row += [opened + 3_599_999, None, None, None, None, "0"]
        start = from_milliseconds(opened)
        end = start + timedelta(hours=1)

        valid = validate_candles(
            [row], dataset="candles_1h", symbol=bar["symbol"], start=start, end=end, now=end
        )

        assert valid.quarantine.is_empty()
        assert valid.frame["high"].to_list() == [bar["high"]]


@needs_recorded
def test_validate_candles_reads_the_rows_of_the_exchange():
    for path in sorted((RECORDED / "fixtures/rest_klines_1d").glob("*.json")):
        rows = json.loads(path.read_text())
        start, last = from_milliseconds(rows[0][0]), from_milliseconds(rows[-1][0])

        valid = validate_candles(
            rows, dataset="candles_1d", symbol=path.stem, start=start, end=last + timedelta(days=1), now=last
        )

        assert valid.frame.height == len(rows) - 1, path.stem
        assert valid.quarantine["reason"].to_list() == ["unclosed"], "the last one was still open"
        assert valid.frame["close"].to_list() == [float(row[4]) for row in rows[:-1]]
