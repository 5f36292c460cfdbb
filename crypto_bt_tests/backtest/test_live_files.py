"""Files of live trades: many spellings are understood, and what is wrong is told with row, column, value."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from crypto_bt.backtest.live.fills import Fill, read_fills
from crypto_bt.backtest.live.funding_paid import read_payments
from crypto_bt.backtest.live.listed_trades import lists_trades, read_trades
from crypto_bt.backtest.live.table import Table
from crypto_bt.core.errors import UsageError
from crypto_bt.defs.live_sources import read_table

NOW = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
SIMPLE = ("time", "symbol", "side", "quantity", "price", "commission", "strategy")
GOOD = ("2026-11-20 08:00:03", "BTCUSDT", "buy", "0.5", "97000.1", "0.2", "ema_cross")
TRADE = ("symbol", "side", "entry_time", "exit_time", "entry_price", "exit_price", "quantity")
GOOD_TRADE = ("BTCUSDT", "long", "2026-11-20 08:00:03", "2026-11-20 12:00:03", "97000", "98000", "1")


def fills_of(columns: tuple[str, ...], *rows: tuple[object, ...], **rates: str) -> list[Fill]:
    """Fills of a CSV file called fills.csv."""
    worth = {asset: Decimal(rate) for asset, rate in rates.items()}
    return read_fills(Table("fills.csv", columns, rows, first=2), NOW, worth)


def changed(column: str, value: object) -> tuple[object, ...]:
    """A good row of the simple columns but for one value."""
    return tuple(value if name == column else given for name, given in zip(SIMPLE, GOOD, strict=True))


def test_the_simple_columns_are_read() -> None:
    (fill,) = fills_of(SIMPLE, GOOD)
    assert fill == Fill(
        "ema_cross", "BTCUSDT", datetime(2026, 11, 20, 8, 0, 3, tzinfo=UTC), Decimal("0.5"),
        Decimal("97000.1"), Decimal("0.2"), row=2,
    )  # fmt: skip


def test_the_exchanges_web_export_is_read_the_newest_first() -> None:
    header = ("Date(UTC)", "Symbol", "Side", "Price", "Quantity", "Amount", "Fee", "Realized Profit",
              "Quote Asset")  # fmt: skip
    fills = fills_of(
        header,
        ("26-11-20 12:00:01", "BTCUSDT", "SELL", "98,000.0", "0.5", "49000", "19.6 USDT", "500", "USDT"),
        ("26-11-20 08:00:03", "BTCUSDT", "BUY", "97000", "0.3", "29100", "11.64 USDT", "0", "USDT"),
        ("26-11-20 08:00:03", "BTCUSDT", "BUY", "97010", "0.2", "19402", "7.76 USDT", "0", "USDT"),
    )
    assert [fill.price for fill in fills] == [97010, 97000, 98000]
    assert [fill.commission for fill in fills] == [Decimal("7.76"), Decimal("11.64"), Decimal("19.6")]
    assert fills[-1].realized == 500


def test_the_exchanges_api_rows_are_read_by_their_number() -> None:
    columns = ("symbol", "id", "orderId", "side", "price", "qty", "realizedPnl", "quoteQty", "commission",
               "commissionAsset", "time", "positionSide", "buyer", "maker")  # fmt: skip
    when = 1_795_161_603_000
    rows = [
        ("BTCUSDT", 12, 1, "SELL", "98000", "0.5", "0", "1", "0.01", "BNB", when, "BOTH", False, True),
        ("BTCUSDT", 11, 1, "BUY", "97000", "0.5", "0", "1", "0.01", "BNB", when, "BOTH", True, False),
    ]
    fills = fills_of(columns, *rows, BNB="600")
    assert [fill.quantity for fill in fills] == [Decimal("0.5"), Decimal("-0.5")]
    assert [fill.maker for fill in fills] == [False, True]
    assert fills[0].commission == 6
    assert fills_of(columns, *rows)[0].commission is None


@pytest.mark.parametrize("written", ["BTCUSDT", "btcusdt", "BTC/USDT:USDT", "BTCUSDT Perpetual"])
def test_a_symbol_may_be_written_in_several_ways(written: str) -> None:
    assert fills_of(SIMPLE, changed("symbol", written))[0].symbol == "BTCUSDT"


@pytest.mark.parametrize(
    "written",
    ["2026-11-20T08:00:03Z", "2026-11-20 09:00:03+01:00", "26-11-20 08:00:03", "1795161603000",
     1795161603000, datetime(2026, 11, 20, 8, 0, 3), datetime(2026, 11, 20, 8, 0, 3, tzinfo=UTC)],  # noqa: DTZ001
)  # fmt: skip
def test_a_time_may_be_written_in_several_ways(written: object) -> None:
    assert fills_of(SIMPLE, changed("time", written))[0].time == datetime(2026, 11, 20, 8, 0, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("time", "20.11.2026", "'20.11.2026' is not a time"),
        ("time", "", "nothing is not a value"),
        ("time", "2026-11-22 00:00:00", "is in the future"),
        ("time", "1970-01-01 00:00:00", "is before the exchange's first day"),
        ("symbol", "BTC-USD", "'BTC-USD' is not a perpetual's symbol"),
        ("side", "hold", "'hold' is not known"),
        ("quantity", "0", "'0' is not above 0"),
        ("quantity", "-1", "'-1' is not above 0"),
        ("quantity", "1e30", "'1e30' is not a number"),
        ("price", "nan", "'nan' is not a number"),
        ("price", "inf", "'inf' is not a number"),
        ("price", "97.000,10", "'97.000,10' is not a number"),
        ("price", None, "nothing is not a value"),
        ("commission", "free", "'free' is not a number"),
    ],
)
def test_an_impossible_value_is_named_with_its_row_and_column(column: str, value: object, why: str) -> None:
    with pytest.raises(UsageError) as raised:
        fills_of(SIMPLE, GOOD, changed(column, value))
    assert str(raised.value).startswith(f"fills.csv, row 3, column '{column}': ")
    assert why in str(raised.value)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(UsageError, match=r"fills.csv has no column side, price; it has time, symbol, qty"):
        fills_of(("time", "symbol", "qty"))


def test_a_fill_listed_twice_is_refused() -> None:
    columns = (*SIMPLE, "id")
    with pytest.raises(UsageError, match=r"row 4, column 'id': '7' is already in row 2"):
        fills_of(columns, (*GOOD, "7"), (*GOOD, "8"), (*GOOD, "7"))


def test_hedge_mode_is_refused() -> None:
    with pytest.raises(UsageError, match=r"column 'position_side': 'LONG' is of an account in hedge mode"):
        fills_of((*SIMPLE, "position_side"), (*GOOD, "LONG"))


def test_empty_rows_are_passed_over_and_still_counted() -> None:
    blank = tuple("" for _ in SIMPLE)
    with pytest.raises(UsageError, match="row 4"):
        fills_of(SIMPLE, GOOD, blank, changed("price", "x"))
    assert len(fills_of(SIMPLE, GOOD, blank)) == 1


def test_round_trips_are_read_and_an_open_one_has_no_exit() -> None:
    table = Table("trips.csv", TRADE, [GOOD_TRADE, ("ETHUSDT", "-1", "2026-11-20", "", "3000", "", "2")])
    assert lists_trades(table)
    first, second = read_trades(table, NOW, {}).to_dicts()
    assert (first["side"], first["exit_price"], first["commission"]) == (1, 98000.0, None)
    assert (second["side"], second["exit_time"], second["exit_price"]) == (-1, None, None)


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [
        (3, "2026-11-20 08:00:00", "row 1, column 'exit_time': '2026-11-20 08:00:00' is before the entry"),
        (5, "", "row 1, column 'exit_price': nothing is given for a trade that has an exit_time"),
        (1, "up", "row 1, column 'side': 'up' is not known"),
    ],
)
def test_an_impossible_round_trip_is_named(at: int, value: str, why: str) -> None:
    row = [*GOOD_TRADE]
    row[at] = value
    with pytest.raises(UsageError) as raised:
        read_trades(Table("trips.csv", TRADE, [row]), NOW, {})
    assert why in str(raised.value)


def test_funding_rows_of_other_types_are_passed_over() -> None:
    columns = ("time", "incomeType", "income", "asset", "symbol")
    rows = [
        ("2026-11-20 16:00:00", "FUNDING_FEE", "-1.5", "USDT", "BTCUSDT"),
        ("2026-11-20 09:00:00", "REALIZED_PNL", "9", "USDT", "BTCUSDT"),
        ("2026-11-20 08:00:00", "FUNDING_FEE", "0.5", "USDT", "BTCUSDT"),
    ]
    payments = read_payments(Table("income.csv", columns, rows), NOW)
    assert [one.amount for one in payments] == [Decimal("0.5"), Decimal("-1.5")]


def test_csv_with_a_mark_and_semicolons_and_parquet_are_opened(tmp_path: Path) -> None:
    path = tmp_path / "fills.csv"
    path.write_bytes(b"\xef\xbb\xbftime;price\r\n2026-11-20;1.5\r\n\r\n")
    assert read_table(path) == Table("fills.csv", ["time", "price"], [["2026-11-20", "1.5"], []], first=2)
    pl.DataFrame({"time": [NOW], "price": [1.5]}).write_parquet(tmp_path / "fills.parquet")
    assert read_table(tmp_path / "fills.parquet").rows == [(NOW, 1.5)]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "fills.csv is empty"),
        (b"\x89PNG\r\n\x00\x00", "is neither CSV in UTF-8 nor Parquet"),
        (b"time,price\n1,2\n1,2,3\n", "fills.csv, row 3: 3 values for 2 columns"),
        (b'time,price\n"1,2\n', "is not CSV"),
        (b"PAR1 broken", "fills.csv is damaged"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "fills.csv").write_bytes(content)
    with pytest.raises(UsageError) as raised:
        read_table(tmp_path / "fills.csv")
    assert why in str(raised.value)
    with pytest.raises(UsageError, match="There is no file"):
        read_table(tmp_path / "none.csv")
