"""The public archive of metrics, read through the real client from the loopback exchange's archive."""

import asyncio
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.errors import SourceRefused, SourceUnavailable
from crypto_bt.core.market import Timeframe
from crypto_bt.core.metrics_rows import COLUMNS, FIGURES
from crypto_bt.simulator.faults import Fault, FaultKind, FaultPlan
from crypto_bt.simulator.server import LoopbackExchange
from crypto_bt.simulator.serving import running
from crypto_bt.sources import Batch, Failure, FetchRequest
from crypto_bt.sources.metrics_archive import FOLDER, UNREADABLE, MetricsArchive, metrics_archive
from crypto_bt.sources.metrics_files import LARGEST_TEXT, read_digest, unpacked
from crypto_bt_tests.simulator.calls import NOW, market_at
from crypto_bt_tests.sources.fake_time import FakeTime
from crypto_bt_tests.sources.sessions import fetch_all as fetch_of_exchange
from crypto_bt_tests.sources.sessions import source_of

ONE = timedelta(days=1)
TODAY = Timeframe.D1.floor(NOW)
DAY = TODAY - 3 * ONE
NAME = f"BTCUSDT-metrics-{DAY:%Y-%m-%d}"
PATH = f"{FOLDER}/BTCUSDT/{NAME}.zip"
datasets = pytest.mark.parametrize("dataset", FIGURES)


@pytest.fixture(scope="module")
def exchange() -> Iterator[LoopbackExchange]:
    """A loopback exchange on a standing clock; one symbol was delisted a month ago."""
    with running(market_at(delisted={"SUIUSDT": datetime(2026, 2, 10, 9, tzinfo=UTC)})) as serving:
        yield serving


def archive_at(url: str, waits: list[float] | None = None) -> MetricsArchive:
    """The archive; its waits are noted instead of slept."""

    async def sleep(seconds: float) -> None:
        (waits if waits is not None else []).append(seconds)

    return metrics_archive(url, sleep=sleep, chance=lambda: 0.0, timeout_seconds=2.0)


def asked(
    dataset: str = "open_interest", start: datetime = DAY, days: int = 1, symbol: str = "BTCUSDT"
) -> FetchRequest:
    """Whole days of one symbol."""
    return FetchRequest(dataset, symbol, start, start + days * ONE)


def fetch(archive: MetricsArchive, request: FetchRequest) -> Batch:
    """One answer, in a session of its own."""

    async def ask() -> Batch:
        async with archive:
            return await archive.fetch(request, NOW)

    return asyncio.run(ask())


def fetch_all(archive: MetricsArchive, requests: list[FetchRequest]) -> tuple[list[Batch], list[Failure]]:
    """All answers, in one session."""
    batches: list[Batch] = []

    async def ask() -> list[Failure]:
        async with archive:
            return await archive.fetch_all(requests, batches.append, NOW)

    return batches, asyncio.run(ask())


def zip_of(text: bytes, name: str = f"{NAME}.csv", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with one member."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr(name, text)
    return packed.getvalue()


def other_file(content: bytes) -> FaultPlan:
    """The day's file replaced by ``content``, with a checksum that fits."""
    digest = f"{hashlib.sha256(content).hexdigest()}  {NAME}.zip\n".encode()
    return FaultPlan(
        [
            Fault(f"{PATH}.CHECKSUM", 1, FaultKind.OTHER_BODY, body=digest),
            Fault(PATH, 2, FaultKind.OTHER_BODY, body=content),
        ]
    )


@datasets
def test_fetch_archive_gives_the_hours_that_the_exchange_gives(
    exchange: LoopbackExchange, dataset: str
) -> None:
    request = asked(dataset, days=3)
    batch = fetch(archive_at(exchange.url), request)
    (live,) = fetch_of_exchange(source_of(exchange, FakeTime()), [request]).batches

    assert batch.frame.height == 72
    assert batch.quarantine.is_empty()
    assert batch.frame["observed_at"].equals(live.frame["observed_at"])
    assert batch.frame["available_at"].equals(live.frame["available_at"])
    assert (batch.frame[dataset] - live.frame[dataset]).abs().max() < 1e-4


def test_fetch_archive_ends_with_the_last_day_that_is_over(exchange: LoopbackExchange) -> None:
    archive = archive_at(exchange.url)
    batch = fetch(archive, asked(start=TODAY - ONE, days=5))
    assert batch.frame["observed_at"].max() == TODAY - timedelta(hours=1)
    assert archive.usage.requests == 2
    assert fetch(archive_at(exchange.url), asked(start=TODAY, days=1)).frame.is_empty()


@pytest.mark.parametrize(
    ("symbol", "start", "hours"),
    [
        ("SUIUSDT", datetime(2026, 2, 9, tzinfo=UTC), 24),  # then it was delisted
        ("XMRUSDT", datetime(2025, 10, 13, tzinfo=UTC), 24),  # listed in the middle of its third day
        ("NOSUCHUSDT", DAY, 0),
    ],
)
def test_fetch_archive_day_without_a_file_leaves_a_gap(
    exchange: LoopbackExchange, symbol: str, start: datetime, hours: int
) -> None:
    waits: list[float] = []
    batch = fetch(archive_at(exchange.url, waits), asked(start=start, days=4, symbol=symbol))
    assert batch.frame.height == hours
    assert batch.quarantine.is_empty()
    assert waits == []


def test_fetch_archive_taker_volume_is_refused_and_says_why(exchange: LoopbackExchange) -> None:
    with pytest.raises(SourceRefused, match="of takers it has a ratio alone"):
        fetch(archive_at(exchange.url), asked("taker_volume"))


def test_fetch_archive_symbol_that_is_a_path_is_refused(exchange: LoopbackExchange) -> None:
    archive = archive_at(exchange.url)
    with pytest.raises(SourceRefused, match="not a symbol"):
        fetch(archive, asked(symbol="../BTCUSDT"))
    assert archive.usage.requests == 0


def test_fetch_all_archive_reads_each_file_once_for_both_datasets(exchange: LoopbackExchange) -> None:
    archive = archive_at(exchange.url)
    requests = [asked(dataset, symbol=symbol) for dataset in FIGURES for symbol in ("BTCUSDT", "XMRUSDT")]

    batches, failures = fetch_all(archive, [*requests, asked("taker_volume")])

    assert archive.usage.requests == 2 * 2
    assert {(batch.dataset, batch.symbol, batch.frame.height) for batch in batches} == {
        (request.dataset, request.symbol, 24) for request in requests
    }
    assert [failure.request.dataset for failure in failures] == ["taker_volume"]
    for batch in batches:
        alone = fetch(archive_at(exchange.url), asked(batch.dataset, symbol=batch.symbol))
        assert batch.frame.equals(alone.frame)


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.TOO_MANY,
        FaultKind.OVERLOADED,
        FaultKind.HTML,
        FaultKind.EMPTY,
        FaultKind.RESET,
        FaultKind.TRUNCATED,
    ],
)
@pytest.mark.parametrize("suffix", ["", ".CHECKSUM"])
def test_fetch_archive_passing_fault_heals(kind: FaultKind, suffix: str) -> None:
    plan = FaultPlan([Fault(f"{PATH}{suffix}", 1 if suffix else 2, kind, times=3)])
    waits: list[float] = []
    with running(market_at(), faults=plan) as serving:
        batch = fetch(archive_at(serving.url, waits), asked())
    assert len(plan.fired) == 3
    assert waits == [10.0, 30.0, 60.0]
    assert batch.frame.height == 24
    assert batch.quarantine.is_empty()


def test_fetch_archive_that_is_down_is_unavailable_and_asks_no_further_symbols() -> None:
    symbols = ("BTCUSDT", "XMRUSDT", "SUIUSDT", "NEWCOINUSDT")
    with pytest.raises(SourceUnavailable, match="the connection failed"):
        fetch(archive_at("http://127.0.0.1:9"), asked())
    archive = archive_at("http://127.0.0.1:9")
    batches, failures = fetch_all(archive, [asked(symbol=symbol) for symbol in symbols])
    assert batches == []
    assert [failure.request.symbol for failure in failures] == list(symbols)
    assert archive.usage.requests == 2 * 4
    assert "not asked" in failures[-1].reason


def test_fetch_archive_replaced_between_file_and_checksum_is_asked_again() -> None:
    wrong = f"{'0' * 64}  {NAME}.zip".encode()
    plan = FaultPlan([Fault(f"{PATH}.CHECKSUM", 1, FaultKind.OTHER_BODY, body=wrong)])
    with running(market_at(), faults=plan) as serving:
        batch = fetch(archive_at(serving.url), asked())
    assert len(plan.fired) == 1
    assert batch.frame.height == 24
    assert batch.quarantine.is_empty()


def test_fetch_archive_wrong_checksum_is_quarantined_and_other_days_stay() -> None:
    wrong = f"{'0' * 64}  {NAME}.zip".encode()
    plan = FaultPlan([Fault(f"{PATH}.CHECKSUM", 1, FaultKind.OTHER_BODY, body=wrong, times=None)])
    with running(market_at(), faults=plan) as serving:
        batch = fetch(archive_at(serving.url), asked(days=2))
    assert batch.frame["observed_at"].dt.date().unique().to_list() == [(DAY + ONE).date()]
    (row,) = batch.quarantine.iter_rows(named=True)
    assert (row["open_time"], row["reason"], row["symbol"]) == (DAY, UNREADABLE, "BTCUSDT")
    assert "sha256" in row["raw"]


HEADER = ",".join(COLUMNS).encode()
BAD = {
    "another member": (zip_of(HEADER, "ETHUSDT-metrics-2026-03-11.csv"), "instead of"),
    "a path out of the zip": (zip_of(HEADER, f"../{NAME}.csv"), "instead of"),
    "another header": (zip_of(b"time,price\n1,2\n"), "has the header time,price"),
    "no header": (zip_of(b"2026-03-11 00:00:00,BTCUSDT,1,2,3,4,5,6\n"), "has the header 2026-03-11"),
    "an empty file": (zip_of(b""), "empty file"),
    "a bomb": (zip_of(HEADER + b"\n" + b"0" * (16 * LARGEST_TEXT)), "unpacks to more than"),
    "bytes": (zip_of(bytes(range(256))), "is no CSV"),
    "another method": (zip_of(HEADER, method=zipfile.ZIP_LZMA), "packed by method 14"),
    "a cut zip": (zip_of(HEADER * 50)[:60], "cannot be unpacked"),
}


@pytest.mark.parametrize("bad", BAD)
def test_fetch_archive_file_that_is_none_of_its_kind_is_quarantined(bad: str) -> None:
    content, says = BAD[bad]
    plan = other_file(content)
    with running(market_at(), faults=plan) as serving:
        batch = fetch(archive_at(serving.url), asked(days=2))
    assert len(plan.fired) == 2
    assert batch.frame.height == 24, "the other day is there"
    (row,) = batch.quarantine.iter_rows(named=True)
    assert row["reason"] == UNREADABLE
    assert says in row["raw"], row["raw"]


def test_fetch_archive_older_file_takes_its_midnight_from_the_day_before() -> None:
    moment = DAY + timedelta(minutes=5)
    old = [f"{moment + n * timedelta(minutes=5):%F %T},BTCUSDT,{n + 1},9,1,1,1,1" for n in range(288)]
    plan = other_file(zip_of("\n".join([HEADER.decode(), *old]).encode()))
    with running(market_at(), faults=plan) as serving:
        archive = archive_at(serving.url)
        batch = fetch(archive, asked())
    assert len(plan.fired) == 2
    assert batch.quarantine.is_empty()
    # The archive of the loopback exchange is of the newer kind: the file before ends at 23:55.
    assert batch.frame["open_interest"].to_list() == [12.0 * hour for hour in range(1, 24)]
    assert archive.usage.requests == 4


@pytest.mark.parametrize(
    "body",
    [b"", b"0" * 64, b"0" * 63 + b"  a.zip", b"0" * 64 + b"  b.zip", b"G" * 64 + b"  a.zip", b"<html>"],
)
def test_read_digest_anything_else_is_none(body: bytes) -> None:
    assert read_digest(body, "a.zip") is None
    assert read_digest(b"0" * 64 + b" *a.zip\n", "a.zip") == "0" * 64


@given(
    cuts=st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=4)), min_size=1, max_size=6),
    length=st.integers(0, 700),
)
def test_unpacked_spoiled_zip_never_raises(cuts: list[tuple[int, bytes]], length: int) -> None:
    content = bytearray(zip_of(HEADER + b"\n2026-03-11 00:00:00,BTCUSDT,1,2,3,4,5,6\n"))
    for place, piece in cuts:
        content[place : place + len(piece)] = piece
    found = unpacked(bytes(content[:length]), f"{NAME}.csv")
    assert isinstance(found, str) or all(len(line) >= 1 for line in found)


def test_unpacked_file_with_a_wrong_sum_inside_is_refused() -> None:
    text = HEADER + b"\n"
    content = zip_of(text, method=zipfile.ZIP_STORED).replace(b"create_time", b"CREATE_TIME")
    assert zlib.crc32(text) != zlib.crc32(text.replace(b"create_time", b"CREATE_TIME"))
    assert "cannot be unpacked (BadZipFile)" in unpacked(content, f"{NAME}.csv")
