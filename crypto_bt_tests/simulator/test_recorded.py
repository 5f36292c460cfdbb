"""The recorded market serves what the files hold: no more, no less."""

import random
import shutil
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import STANDARD_TIMEFRAMES, Timeframe, to_milliseconds
from crypto_bt.simulator.market import Window
from crypto_bt.simulator.recorded import RecordedMarket
from crypto_bt.simulator.recorded_series import SERIES_FILE
from crypto_bt.simulator.recording import FILES
from crypto_bt_tests.recorded import RECORDED, needs_recorded

END = datetime(2025, 12, 1, tzinfo=UTC)
ALL = Window(0, None, 10_000_000)


@pytest.fixture(scope="module")
def market():
    return RecordedMarket(RECORDED)


def write_recording(folder, hours_by_symbol):
    """A small recording that ends on 2025-11-30, with the given hours missing from each symbol's 1h."""
    start = END - timedelta(days=2)
    for timeframe in STANDARD_TIMEFRAMES:
        rows = [
            {"symbol": symbol, "open_time": start + number * timeframe.delta, "close": 1.25e-7}
            for symbol, missing in hours_by_symbol.items()
            for number in range(2 * timeframe.per_day)
            if timeframe is not Timeframe.H1 or number not in missing
        ]
        frame = pl.DataFrame(rows, schema_overrides={"open_time": pl.Datetime("ms", "UTC")}).with_columns(
            *(pl.col("close").alias(name) for name in ("open", "high", "low")),
            pl.lit(10.0).alias("volume"),
            pl.lit(None, pl.Float64).alias("quote_volume"),
            pl.lit(None, pl.Int64).alias("trades"),
        )
        frame.write_parquet(folder / f"{timeframe.dataset}.parquet")
    frame.head(0).select("symbol", "open_time", "open", "high", "low", "close").write_parquet(
        folder / "mark_1h.parquet"
    )
    frame.head(0).select(
        "symbol",
        pl.col("open_time").alias("funding_time"),
        pl.col("open").alias("funding_rate"),
        pl.col("open").alias("mark_price"),
    ).write_parquet(folder / "funding.parquet")


def test_recorded_market_ranks_by_coverage_then_by_name(tmp_path):
    write_recording(tmp_path, {"AUSDT": {3, 4}, "CUSDT": set(), "BUSDT": set(), "DUSDT": {40}})

    ranked = [info.symbol for info in RecordedMarket(tmp_path, symbols=4, days=2).symbols()]
    last_day = [info.symbol for info in RecordedMarket(tmp_path, symbols=4, days=1).symbols()]

    assert ranked == ["BUSDT", "CUSDT", "DUSDT", "AUSDT"]
    assert last_day == ["AUSDT", "BUSDT", "CUSDT", "DUSDT"]


def test_recorded_market_gaps_stay_gaps_and_nulls_stay_null(tmp_path):
    write_recording(tmp_path, {"AUSDT": {3, 4}})
    market = RecordedMarket(tmp_path, days=1)
    rows = market.candles("AUSDT", Timeframe.H1, Window(0, None, 5))

    first = to_milliseconds(END - timedelta(days=2))
    assert [(row[0] - first) // 3_600_000 for row in rows] == [0, 1, 2, 5, 6]
    assert rows[0] == (
        first, "0.000000125", "0.000000125", "0.000000125", "0.000000125", "10.0", first + 3_599_999,
        None, None, None, None, "0",
    )  # fmt: skip
    assert (market.now(), market.start) == (END, END - timedelta(days=1))
    assert market.funding("AUSDT", ALL) == []
    assert market.mark_prices("AUSDT", Timeframe.H1, ALL) == []


@pytest.mark.parametrize("name", FILES)
def test_recorded_market_missing_file_is_named(tmp_path, name):
    write_recording(tmp_path, {"AUSDT": set()})
    (tmp_path / name).unlink()

    with pytest.raises(UsageError, match=name):
        RecordedMarket(tmp_path)


@pytest.mark.parametrize(("symbols", "days"), [(0, 1), (2, 1), (1, 0)])
def test_recorded_market_impossible_choice_is_refused(tmp_path, symbols, days):
    write_recording(tmp_path, {"AUSDT": set()})

    with pytest.raises(UsageError, match="asked for"):
        RecordedMarket(tmp_path, symbols=symbols, days=days)


def test_recorded_market_identity_follows_the_bytes(tmp_path):
    write_recording(tmp_path, {"AUSDT": set()})
    before = RecordedMarket(tmp_path, days=1).source
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in FILES:
        shutil.copy(tmp_path / name, copy)
    write_recording(tmp_path, {"AUSDT": {1}})

    assert RecordedMarket(copy, days=1).source == before
    assert RecordedMarket(tmp_path, days=1).source != before
    assert before.startswith("recorded:")
    assert len(before) == len("recorded:") + 12


def test_recorded_market_identity_does_not_count_files_that_may_be_missing(tmp_path):
    write_recording(tmp_path, {"AUSDT": set()})
    before = RecordedMarket(tmp_path, days=1).source
    pl.DataFrame({"series": ["vix"], "date": [END.date()], "value": [20.0]}).write_parquet(
        tmp_path / SERIES_FILE
    )

    assert RecordedMarket(tmp_path, days=1).source == before


def test_recorded_market_has_no_quarters(tmp_path):
    write_recording(tmp_path, {"AUSDT": set()})
    market = RecordedMarket(tmp_path, days=1)

    assert market.candles("AUSDT", Timeframe.M15, ALL) == []
    assert market.mark_prices("AUSDT", Timeframe.M15, ALL) == []


def test_recorded_market_longer_than_the_recording_is_refused(tmp_path):
    write_recording(tmp_path, {"AUSDT": set()})
    with pytest.raises(UsageError, match="ask for at most"):
        RecordedMarket(tmp_path, days=400)


@needs_recorded
def test_recorded_market_has_the_symbols_of_all_timeframes(market):
    assert len(market.symbols()) == 47
    assert (market.now(), market.start) == (END, END - timedelta(days=30))
    by_name = {info.symbol: info for info in market.symbols()}
    assert (by_name["BTCUSDT"].price_decimals, by_name["BTCUSDT"].status) == (1, "TRADING")


@needs_recorded
@pytest.mark.parametrize("timeframe", STANDARD_TIMEFRAMES)
def test_recorded_market_rows_equal_the_files(market, timeframe):
    frame = pl.read_parquet(RECORDED / f"{timeframe.dataset}.parquet")
    names = random.Random(3).sample([info.symbol for info in market.symbols()], 5)
    for symbol in names:
        expected = frame.filter(pl.col("symbol") == symbol)
        rows = market.candles(symbol, timeframe, ALL)
        served = [
            (row[0], *map(float, row[1:6]), row[7] and float(row[7]), row[8], row[9], row[10]) for row in rows
        ]
        recorded = expected.select(
            pl.col("open_time").dt.epoch("ms"),
            "open",
            "high",
            "low",
            "close",
            "volume",
            "quote_volume",
            "trades",
        ).rows()
        assert served == [(*row, None, None) for row in recorded], symbol


@needs_recorded
def test_recorded_market_funding_and_marks_equal_the_files(market):
    funding = pl.read_parquet(RECORDED / "funding.parquet").filter(pl.col("symbol") == "BTCUSDT")
    rows = market.funding("BTCUSDT", ALL)
    served = [
        (row["fundingTime"], float(row["fundingRate"]), float(row["markPrice"]) if row["markPrice"] else None)
        for row in rows
    ]
    assert (
        served == funding.select(pl.col("funding_time").dt.epoch("ms"), "funding_rate", "mark_price").rows()
    )
    marks = pl.read_parquet(RECORDED / "mark_1h.parquet").filter(pl.col("symbol") == "BTCUSDT")
    assert [
        (row[0], *map(float, row[1:5])) for row in market.mark_prices("BTCUSDT", Timeframe.H1, ALL)
    ] == marks.select(pl.col("open_time").dt.epoch("ms"), "open", "high", "low", "close").rows()


@needs_recorded
def test_recorded_market_pages_over_a_gap_without_losing_a_row(market):
    cursor, seen = 0, []
    while page := market.candles("1000PEPEUSDT", Timeframe.H1, Window(cursor, None, 499)):
        seen += page
        cursor = page[-1][0] + 1

    assert seen == market.candles("1000PEPEUSDT", Timeframe.H1, ALL)
