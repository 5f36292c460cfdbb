"""Every table is described, and a table that breaks its description is found out."""

from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest

from crypto_bt.backtest.result_columns import RESULT_TABLES
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.market_columns import MARKET_COLUMNS, MARKET_TABLES
from crypto_bt.core.series import MEANING, PLAUSIBLE
from crypto_bt.store.results import FRAMES
from crypto_bt_tests.command_line import run_json

TABLES = MARKET_TABLES | RESULT_TABLES


def candles(**changes: object) -> pl.DataFrame:
    """One hour of one symbol."""
    row = {
        "symbol": "BTCUSDT",
        "open_time": datetime(2026, 11, 1, 3, tzinfo=UTC),
        "open": 2.0,
        "high": 3.0,
        "low": 1.0,
        "close": 2.5,
        "volume": 1.0,
        "quote_volume": None,
        "trades": None,
        "taker_buy_volume": None,
    }
    return pl.DataFrame([row | changes], schema=DATASETS["candles_1h"].schema)


def test_every_stored_table_is_described() -> None:
    assert set(MARKET_TABLES) == set(DATASETS)
    assert set(RESULT_TABLES) == {*FRAMES, "signals_validated"}


def test_no_column_is_described_that_no_table_has() -> None:
    assert set(MARKET_COLUMNS) == {name for table in MARKET_TABLES.values() for name in table.columns}


@pytest.mark.parametrize("name", TABLES)
def test_every_column_has_meaning_unit_and_rule(name: str) -> None:
    table = TABLES[name]
    assert list(table.columns) == list(table.schema)
    assert [column for column, known in table.columns.items() if not (known.meaning and known.unit)] == []
    assert table.broken(pl.DataFrame(schema=table.schema)) == []


def test_a_good_candle_breaks_nothing() -> None:
    assert MARKET_TABLES["candles_1h"].broken(candles()) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"open": None}, "candles_1h.open has nulls"),
        ({"volume": -1.0}, "candles_1h.volume is not always: >= 0"),
        ({"close": float("nan")}, "candles_1h.close is not always: > 0"),
        ({"low": 2.2}, "candles_1h: not always low <= open, close <= high"),
        ({"open_time": datetime(2026, 11, 1, 3, 30, tzinfo=UTC)}, "not always open_time is a multiple of 1h"),
        ({"symbol": ""}, "candles_1h.symbol is not always: not empty"),
    ],
)
def test_a_broken_candle_is_found(change: dict[str, object], found: str) -> None:
    assert any(found in line for line in MARKET_TABLES["candles_1h"].broken(candles(**change)))


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda frame: pl.concat([frame, frame]), "is not unique"),
        (lambda frame: pl.concat([candles(symbol="ETHUSDT"), frame]), "is not sorted by"),
        (lambda frame: frame.drop("trades"), "has the columns"),
    ],
)
def test_a_broken_table_is_found(spoil: Callable[[pl.DataFrame], pl.DataFrame], found: str) -> None:
    assert any(found in line for line in MARKET_TABLES["candles_1h"].broken(spoil(candles())))


def test_command_shows_the_dictionary() -> None:
    everything = run_json("data", "dictionary")
    assert {table["table"] for table in everything["tables"]} == set(TABLES)
    one = run_json("data", "dictionary", "funding_rates")["tables"]
    assert [table["place"] for table in one] == ["market"]
    rate = next(column for column in one[0]["columns"] if column["column"] == "funding_rate")
    assert (rate["unit"], rate["rule"], rate["null"]) == ("fraction", "-1 to 1", None)


def test_every_series_has_a_meaning_and_a_range() -> None:
    assert set(MEANING) == set(PLAUSIBLE)
