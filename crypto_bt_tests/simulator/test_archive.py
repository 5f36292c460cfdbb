"""The public archive's daily metrics: the same truth as the exchange's endpoints, in files."""

import csv
import hashlib
import io
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest

from crypto_bt.core.market import from_milliseconds, to_milliseconds
from crypto_bt.simulator.market import Window
from crypto_bt.simulator.recorded import RecordedMarket
from crypto_bt.simulator.serving import running
from crypto_bt_tests.recorded import RECORDED, needs_recorded
from crypto_bt_tests.simulator.calls import NOW, get, market_at

PREFIX = "/data/futures/um/daily/metrics"
YESTERDAY = NOW.date() - timedelta(days=1)


@pytest.fixture(scope="module")
def exchange():
    with running(market_at(delisted={"SUIUSDT": datetime(2026, 2, 10, 9, tzinfo=UTC)})) as exchange:
        yield exchange


def path_of(symbol, day, suffix=""):
    return f"{PREFIX}/{symbol}/{symbol}-metrics-{day}.zip{suffix}"


def rows_of(answer):
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        (name,) = archive.namelist()
        return name, list(csv.DictReader(io.StringIO(archive.read(name).decode())))


def test_archive_file_has_its_name_288_rows_and_a_checksum(exchange):
    answer = get(exchange.url, path_of("BTCUSDT", YESTERDAY))
    checksum = get(exchange.url, path_of("BTCUSDT", YESTERDAY, ".CHECKSUM"))
    name, rows = rows_of(answer)

    assert name == f"BTCUSDT-metrics-{YESTERDAY}.csv"
    assert len(rows) == 288
    assert (rows[0]["create_time"], rows[-1]["create_time"]) == (
        f"{YESTERDAY} 00:00:00",
        f"{YESTERDAY} 23:55:00",
    )
    assert checksum.text.split() == [
        hashlib.sha256(answer.body).hexdigest(),
        f"BTCUSDT-metrics-{YESTERDAY}.zip",
    ]
    assert "X-MBX-USED-WEIGHT-1M" not in answer.headers
    assert exchange.weight.used == 0


@needs_recorded
def test_archive_file_has_the_columns_of_a_real_one(exchange):
    real = RECORDED / "fixtures/binance_vision_metrics_5m_BTCUSDT_2023-11-14_first24.csv"
    with real.open() as file:
        expected = list(csv.DictReader(file))
    _, rows = rows_of(get(exchange.url, path_of("BTCUSDT", "2023-11-14")))

    assert [*rows[0]] == [*expected[0]]
    assert [row["create_time"] for row in rows[:24]] == [row["create_time"] for row in expected]
    for row in rows:
        for column in [*rows[0]][2:]:
            assert float(row[column]) > 0


@pytest.mark.parametrize("symbol", ["BTCUSDT", "XMRUSDT", "NEWCOINUSDT"])
def test_archive_agrees_with_the_exchange_hour_by_hour(exchange, symbol):
    market = market_at()
    start = to_milliseconds(datetime(2026, 3, 1, tzinfo=UTC))
    for day in range(2):
        window = Window(start + day * 86_400_000, None, 24)
        _, rows = rows_of(get(exchange.url, path_of(symbol, date(2026, 3, 1 + day))))
        by_time = {row["create_time"]: row for row in rows}
        for interest, accounts in zip(
            market.positioning.open_interest(symbol, "1h", window),
            market.positioning.account_ratio(symbol, "1h", window),
            strict=True,
        ):
            row = by_time[f"{from_milliseconds(interest['timestamp']):%Y-%m-%d %H:%M:%S}"]
            assert row["sum_open_interest"] == interest["sumOpenInterest"]
            assert row["sum_open_interest_value"] == interest["sumOpenInterestValue"]
            assert float(row["count_long_short_ratio"]) == float(accounts["longShortRatio"])


@pytest.mark.parametrize(
    "path",
    [
        path_of("BTCUSDT", NOW.date()),
        path_of("XMRUSDT", "2025-10-15"),
        path_of("SUIUSDT", "2026-02-10"),
        path_of("NOSUCHUSDT", YESTERDAY),
        path_of("BTCUSDT", "2026-02-30"),
        f"{PREFIX}/BTCUSDT/ETHUSDT-metrics-{YESTERDAY}.zip",
        f"{PREFIX}/BTCUSDT/",
    ],
)
def test_archive_without_the_file_is_404(exchange, path):
    answer = get(exchange.url, path)

    assert (answer.status, "NoSuchKey" in answer.text) == (404, True)


def test_archive_begins_and_ends_with_the_listing(exchange):
    assert get(exchange.url, path_of("XMRUSDT", "2025-10-16")).status == 200
    assert get(exchange.url, path_of("SUIUSDT", "2026-02-09")).status == 200


@needs_recorded
def test_archive_of_a_recorded_market_is_empty():
    with running(RecordedMarket(RECORDED, symbols=2)) as exchange:
        assert get(exchange.url, path_of("BTCUSDT", "2025-11-29")).status == 404
