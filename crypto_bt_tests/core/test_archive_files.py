"""Files of the exchange's archive: what names say, and which rows may enter."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.core.archive_files import Archived, archived
from crypto_bt.core.archive_rows import CANDLE_FIELDS, FileRows, read_csv
from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import EXCHANGE_OPENED, Timeframe, to_milliseconds
from crypto_bt.core.schemas import CANDLE_SCHEMA
from crypto_bt_tests.core.rows import START, candle_row
from crypto_bt_tests.recorded import RECORDED, needs_recorded

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
#: START is the first of a month of 31 days.
MONTH = Archived("candles_1h", "BTCUSDT", START, START + timedelta(days=31), period=True)
WHOLE = 31 * 24
HOUR = timedelta(hours=1)
HEADER = ",".join(CANDLE_FIELDS)


def month(**given) -> list[list[object]]:
    return [candle_row(index, **given) for index in range(WHOLE)]


def text_of(rows, header: str = "") -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return (header + "\n" if header else "") + out.getvalue()


def read(text: str, about: Archived = MONTH, now: datetime = NOW, **given) -> FileRows:
    return read_csv(text, about, now, name="a.csv", **given)


@pytest.mark.parametrize(
    ("path", "dataset", "start", "end"),
    [
        ("BTCUSDT-1h-2024-02.csv", "candles_1h", (2024, 2, 1), (2024, 3, 1)),
        ("BTCUSDT-4h-2024-12.zip", "candles_4h", (2024, 12, 1), (2025, 1, 1)),
        ("BTCUSDT-15m-2024-02-29.zip", "candles_15m", (2024, 2, 29), (2024, 3, 1)),
        ("BTCUSDT-fundingRate-2024-01.zip", "funding_rates", (2024, 1, 1), (2024, 2, 1)),
        ("um/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip", "mark_price_1h", (2024, 1, 1), (2024, 2, 1)),
        ("um/daily/klines/BTCUSDT/1d/BTCUSDT-1d-2024-01-15.zip", "candles_1d", (2024, 1, 15), (2024, 1, 16)),
    ],
)  # fmt: skip
def test_archived_name_of_the_archive_says_it_all(path, dataset, start, end):
    said = archived(["data", *path.split("/")], NOW)

    days = [datetime(*day, tzinfo=UTC) for day in (start, end)]
    assert said == Archived(dataset, "BTCUSDT", *days, period=True)


def test_archived_mark_prices_may_be_said_where_the_folder_is_lost():
    assert archived(["BTCUSDT-1h-2024-01.zip"], NOW, dataset="mark_price_1h").dataset == "mark_price_1h"


def test_archived_other_names_need_their_owner_to_say():
    said = archived(["mine.csv"], NOW, dataset="candles_4h", symbol="ETHUSDT")

    assert (said.dataset, said.symbol, said.period) == ("candles_4h", "ETHUSDT", False)
    assert (said.start, said.end) == (EXCHANGE_OPENED, NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("path", "given", "says"),
    [
        ("mine.csv", {}, "does not say what the file holds"),
        ("mine.csv", {"dataset": "universe"}, "cannot be read from CSV"),
        ("币安人生USDT-1h-2024-01.csv", {}, "no symbol that can be kept"),
        ("BTCUSD_PERP-1h-2024-01.csv", {}, "no symbol that can be kept"),
        ("BTCUSDT-1m-2024-01.csv", {}, "'1m', which is not kept"),
        ("BTCUSDT-metrics-2024-01-01.csv", {}, "'metrics', which is not kept"),
        ("BTCUSDT-1h-2024-13.csv", {}, "no day or month"),
        ("BTCUSDT-1d-2023-02-29.csv", {}, "no day or month"),
        ("BTCUSDT-1h-2024-01.csv", {"symbol": "ETHUSDT"}, "not of ETHUSDT"),
        ("BTCUSDT-1h-2024-01.csv", {"dataset": "candles_4h"}, "holds candles_1h by its name"),
        ("BTCUSDT-4h-2024-01.csv", {"dataset": "mark_price_1h"}, "holds candles_4h by its name"),
        ("markPriceKlines/BTCUSDT-4h-2024-01.csv", {}, "mark prices of 4h"),
        ("markPriceKlines/BTCUSDT-1h-2024-01.csv", {"dataset": "candles_1h"}, "mark prices of 1h"),
        ("spot/monthly/klines/BTCUSDT-1h-2024-01.csv", {}, "folder spot/monthly"),
        ("premiumIndexKlines/BTCUSDT-1h-2024-01.csv", {}, "folder premiumIndexKlines"),
        ("indexPriceKlines/BTCUSDT-1h-2024-01.csv", {}, "folder indexPriceKlines"),
    ],
)
def test_archived_what_cannot_be_is_refused(path, given, says):
    with pytest.raises(UsageError, match=says):
        archived(path.split("/"), NOW, **given)


@pytest.mark.parametrize("header", ["", HEADER, HEADER.upper()])
def test_read_csv_a_whole_month_with_or_without_header_is_kept(header):
    found = read(text_of(month(), header))

    assert dict(found.frame.schema) == CANDLE_SCHEMA
    assert (found.frame.height, found.quarantine.height, found.left_out) == (WHOLE, 0, 0)
    first = found.frame.row(0, named=True)
    assert (first["open_time"], first["close"], first["trades"]) == (START, 101.0, 100)
    assert first["taker_buy_volume"] == 5.5


def test_read_csv_columns_of_collectors_in_any_order_are_kept():
    rows = [[100 + i, f"{i + 1}.5", 1, 50, 5, to_milliseconds(START + i * HOUR)] for i in range(3)]
    about = Archived("candles_1h", "BTCUSDT", EXCHANGE_OPENED, NOW, period=False)

    found = read(text_of(rows, "high,close,low,open,volume,timestamp"), about)

    assert found.frame["close"].to_list() == [1.5, 2.5]
    assert found.frame["quote_volume"].null_count() == 2
    assert found.left_out == 1


@pytest.mark.parametrize(
    ("about", "rows", "left_out"),
    [
        (MONTH, WHOLE, 0),
        (MONTH, WHOLE - 5, 1),
        (Archived("candles_1h", "BTCUSDT", EXCHANGE_OPENED, NOW, period=False), WHOLE, 1),
    ],
)
def test_read_csv_last_candle_is_left_out_unless_the_period_proves_it(about, rows, left_out):
    found = read(text_of(month()[:rows]), about)

    assert found.left_out == left_out
    assert found.frame["open_time"].max() == START + (rows - 1 - left_out) * HOUR


def test_read_csv_proven_by_its_checksum_keeps_the_last_candle_of_a_delisted_symbol():
    assert read(text_of(month()[:100]), proven=True).left_out == 0


def test_read_csv_period_that_is_not_over_proves_nothing():
    now = START + 100 * HOUR + timedelta(minutes=10)

    for proven in (False, True):
        found = read(text_of(month()[:101]), now=now, proven=proven)
        assert (found.frame.height, found.left_out) == (99, 1)
        assert found.quarantine["reason"].to_list() == ["unclosed"]


def test_read_csv_every_symbol_of_a_file_loses_its_last_candle():
    about = Archived("candles_1h", None, EXCHANGE_OPENED, NOW, period=False)
    rows = [["ETHUSDT", *candle_row(i)] for i in range(4)] + [["BTCUSDT", *candle_row(i)] for i in range(3)]

    found = read(text_of(rows, "symbol," + HEADER), about)

    assert found.frame["symbol"].to_list() == ["BTCUSDT"] * 2 + ["ETHUSDT"] * 3
    assert found.left_out == 2


def test_read_csv_microseconds_are_read_and_remarked():
    micro = [[row[0] * 1000, *row[1:6], row[6] * 1000 + 999, *row[7:]] for row in month()]

    found = read(text_of(micro))

    assert found.frame.equals(read(text_of(month())).frame)
    assert "microseconds" in found.remark


def test_read_csv_funding_is_rounded_to_its_slot():
    about = Archived("funding_rates", "BTCUSDT", START, START + timedelta(days=31), period=True)
    rows = [[to_milliseconds(START) + i * 8 * 3_600_000 + 7, 8, "0.00010000"] for i in range(93)]
    header = "calc_time,funding_interval_hours,last_funding_rate"
    for text in (text_of(rows), text_of(rows, header)):
        found = read(text, about)
        assert (found.frame.height, found.left_out) == (93, 0)
        assert found.frame["funding_time"][1] == START + 8 * HOUR
        assert found.frame["funding_rate"][0] == 0.0001


def test_read_csv_mark_prices_have_no_volume():
    about = Archived("mark_price_1h", "BTCUSDT", START, MONTH.end, period=True)
    rows = month(volume="0", quote_volume="0", trades=3600, taker_buy_volume="0")

    assert read(text_of(rows, HEADER), about).frame.height == WHOLE
    with pytest.raises(UsageError, match="--dataset mark_price_1h"):
        read(text_of(rows, HEADER))


@pytest.mark.parametrize(
    ("index", "fields", "reason"),
    [
        (3, {"high": "1"}, "inconsistent"),
        (3, {"close": ""}, "null"),
        (3, {"close": "abc"}, "not a number"),
        (3, {"volume": "-1"}, "negative volume"),
        (3, {"low": "0"}, "not positive"),
        (3, {"open_time": to_milliseconds(START) + 1}, "misaligned"),
        (3, {"open_time": "yesterday"}, "unreadable time"),
        (3, {"open_time": to_milliseconds(MONTH.end)}, "outside the window"),
        (3, {"open_time": to_milliseconds(START) // 1000}, "outside the window"),
    ],
)
def test_read_csv_a_bad_row_is_refused_with_its_reason(index, fields, reason):
    rows = month()
    rows[index] = candle_row(index, **fields)

    found = read(text_of(rows))

    assert found.quarantine["reason"].to_list() == [reason]
    assert found.frame.height == WHOLE - 1


def test_read_csv_rows_of_another_width_are_refused_as_short():
    rows = month()
    rows[3], rows[4] = rows[3][:7], [*rows[4], "more"]

    found = read(text_of(rows, HEADER))

    assert found.quarantine["reason"].to_list() == ["short row"]
    assert found.quarantine["raw"].item().count("\n") == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no rows"),
        ("\n\n", "has no rows"),
        (HEADER, "has no rows"),
        ("1,2,3", "has 3 columns and no header"),
        ("open_time,open,high,low,close\n1,2,3,4,5", "lacks volume"),
        (HEADER + ",profit\n" + "1," * 12 + "1", "unknown 'profit'"),
        (HEADER.replace("count", "open"), "names one twice"),
        ('"a\n', "is no CSV"),
        (text_of([candle_row(0, open="-1")]), "no row that can be kept: not positive"),
        ("symbol," + HEADER + "\nETHUSDT," + text_of([candle_row(0)]), "rows of 'ETHUSDT', not of BTCUSDT"),
    ],
)
def test_read_csv_wrong_files_are_refused_in_one_sentence(text, says):
    with pytest.raises(UsageError, match=says) as refused:
        read(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("cell", "says"), [("", "does not say of which symbol"), ("龙虾USDT", "no symbol")])
def test_read_csv_rows_need_a_symbol_that_can_be_kept(cell, says):
    about = Archived("candles_1h", None, EXCHANGE_OPENED, NOW, period=False)
    with pytest.raises(UsageError, match=says):
        read(f"symbol,{HEADER}\n{cell},{text_of([candle_row(0)])}", about)


cells = st.one_of(
    st.text(max_size=6),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["", "NaN", "1e400", "-0", "0x1", "１", "1_0", '"', "BTCUSDT"]),
    st.integers(-2, 800).map(lambda hour: str(to_milliseconds(START) + hour * 3_600_000)),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(cells, max_size=14), max_size=6),
    st.dictionaries(st.tuples(st.integers(0, 20), st.integers(0, 11)), cells, max_size=5),
    st.sampled_from(["", HEADER, "symbol," + HEADER, "timestamp,open,high,low,close,volume"]),
    st.booleans(),
)
def test_read_csv_garbage_is_refused_and_never_kept(garbage, spoiled, header, joined):
    rows = [[*candle_row(index)] for index in range(21)]
    for (row, column), cell in spoiled.items():
        rows[row][column] = cell
    text = text_of([*rows, *garbage], header)
    if joined:
        text = text.replace("\r\n", "\n", 2).replace("\n", " ", 1)
    try:
        found = read(text)
    except UsageError:
        return
    for candle in found.frame.iter_rows(named=True):
        assert START <= candle["open_time"] < MONTH.end
        assert 0 < candle["low"] <= min(candle["open"], candle["close"])
        assert max(candle["open"], candle["close"]) <= candle["high"] < float("inf")
        assert (candle["open_time"] - START) % Timeframe.H1.delta == timedelta(0)
        assert 0 <= candle["volume"] < float("inf")


@needs_recorded
def test_read_csv_recorded_collector_file_loses_its_incomplete_last_bar():
    name = "raw_collector_BTCUSDT_1h_last24_incomplete_last_bar.csv"
    about = archived([name], NOW, dataset="candles_1h", symbol="BTCUSDT")

    found = read((RECORDED / "defects" / name).read_text(), about)

    assert (found.frame.height, found.left_out, found.quarantine.height) == (23, 1, 0)
    assert 70359.0 not in found.frame["close"].to_list()


@needs_recorded
def test_read_csv_recorded_file_with_foreign_columns_is_refused():
    about = archived(["incomplete_last_bar_1h.csv"], NOW, dataset="candles_1h")
    with pytest.raises(UsageError, match="unknown 'open_final'"):
        read((RECORDED / "defects" / "incomplete_last_bar_1h.csv").read_text(), about)
