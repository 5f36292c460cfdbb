"""Pages of a backfill: kept whole or not at all, and what a killed backfill need not ask again."""

import asyncio
import os
import random
import signal
import time
from dataclasses import astuple
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.market import Timeframe
from crypto_bt.simulator.server import LoopbackExchange
from crypto_bt.simulator.serving import running
from crypto_bt.sources import Batch, BinanceUsdm, FetchRequest
from crypto_bt.sources.binance import CONCURRENCY
from crypto_bt.sources.fetching import fetch_each
from crypto_bt.sources.windows import candle_pages
from crypto_bt.store import SnapshotStore
from crypto_bt.store.durable import TEMPORARY_PREFIX
from crypto_bt.store.page_journal import KEPT_FOR, Asked, PageJournal, split
from crypto_bt_tests.simulator.calls import NOW, market_at
from crypto_bt_tests.store.campaign import context
from crypto_bt_tests.store.samples import HOUR, SOURCE, START, candles

SEED = 20261121
DAY = timedelta(days=1)
FETCHED = START + 30 * DAY
REFUSED = DATASETS["quarantine"].empty()
ASKED: Asked = ("candles_1h", "BTCUSDT", START, START + 10 * HOUR)


def put(journal: PageJournal, asked: Asked = ASKED, close: float = 1.0, **given) -> bool:
    frame = candles({(asked[1], hour): close for hour in range(3)})
    facts = {"fetched_at": FETCHED, "frame": frame, "quarantine": REFUSED, **given}
    return journal.put(SOURCE, *asked, **facts)


def test_take_of_nothing_is_nothing_and_makes_no_folder(tmp_path: Path):
    journal = PageJournal(tmp_path / "pages")

    assert journal.take(SOURCE, [ASKED], FETCHED) == []
    journal.clear()
    assert not journal.folder.exists()


def test_take_gives_the_pages_asked_for_in_their_order_with_what_was_refused(tmp_path: Path):
    journal = PageJournal(tmp_path)
    other: Asked = ("candles_1h", "ETHUSDT", START, START + 10 * HOUR)
    row = ("candles_1h", "ETHUSDT", START, "null", "[1]", FETCHED)
    refused = pl.DataFrame([row], schema=REFUSED.schema, orient="row")
    assert put(journal)
    assert put(journal, other, frame=candles({}), quarantine=refused)

    eth, btc = journal.take(SOURCE, [other, ("candles_4h", *ASKED[1:]), ASKED], FETCHED + HOUR)

    assert (eth.asked, eth.fetched_at) == (other, FETCHED)
    assert eth.frame.equals(candles({}))
    assert eth.quarantine.equals(refused)
    assert btc.frame.equals(candles({("BTCUSDT", hour): 1.0 for hour in range(3)}))
    assert [page.asked for page in PageJournal(tmp_path).take(SOURCE, [ASKED], FETCHED)] == [ASKED]


def test_put_the_same_page_again_replaces_it(tmp_path: Path):
    journal = PageJournal(tmp_path)
    put(journal)
    put(journal, close=2.0)

    (page,) = journal.take(SOURCE, [ASKED], FETCHED)
    assert set(page.frame["close"]) == {2.0}
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("dataset", "end", "kept"),
    [
        ("candles_1h", FETCHED, True),
        ("candles_1h", FETCHED + HOUR, False),
        ("candles_1d", FETCHED - HOUR, True),
        ("candles_1d", FETCHED + HOUR, False),
        ("funding_rates", FETCHED, True),
        ("funding_rates", FETCHED + timedelta(minutes=1), False),
    ],
)
def test_put_a_page_that_was_not_over_is_not_kept(tmp_path: Path, dataset: str, end: datetime, kept: bool):
    journal = PageJournal(tmp_path)
    asked: Asked = (dataset, "BTCUSDT", START, end)

    assert put(journal, asked, frame=DATASETS[dataset].empty()) == kept
    assert len(journal.take(SOURCE, [asked], FETCHED)) == kept


@pytest.mark.parametrize("later", [KEPT_FOR, -HOUR])
def test_take_removes_pages_that_are_too_old_or_from_the_future(tmp_path: Path, later: timedelta):
    journal = PageJournal(tmp_path)
    put(journal)

    assert journal.take(SOURCE, [ASKED], FETCHED + later) == []
    assert list(tmp_path.iterdir()) == []


def test_take_removes_pages_of_another_source(tmp_path: Path):
    journal = PageJournal(tmp_path)
    put(journal)

    assert journal.take("binanceusdm", [ASKED], FETCHED) == []
    assert list(tmp_path.iterdir()) == []


def test_take_any_flipped_bit_or_cut_end_drops_the_page(tmp_path: Path):
    journal = PageJournal(tmp_path)
    put(journal)
    (path,) = tmp_path.iterdir()
    good, chance = path.read_bytes(), random.Random(SEED)
    damaged = [good[: chance.randrange(len(good))] for _ in range(20)] + [b"", b"\n", good + b"x"]
    for _ in range(60):
        at = chance.randrange(len(good))
        damaged.append(good[:at] + bytes([good[at] ^ 1 << chance.randrange(8)]) + good[at + 1 :])
    for number, data in enumerate(damaged):
        path.write_bytes(data)
        assert journal.take(SOURCE, [ASKED], FETCHED) == [], f"seed {SEED}, damage {number}"
        assert not path.exists()


def test_take_a_page_of_an_older_schema_is_dropped(tmp_path: Path):
    journal = PageJournal(tmp_path)
    put(journal, frame=candles({("BTCUSDT", 0): 1.0}).drop("trades"))

    assert journal.take(SOURCE, [ASKED], FETCHED) == []


def test_take_sweeps_what_a_killed_writer_left(tmp_path: Path):
    (tmp_path / f"{TEMPORARY_PREFIX}1234-a.page").write_bytes(b"half")

    assert PageJournal(tmp_path).take(SOURCE, [ASKED], FETCHED) == []
    assert list(tmp_path.iterdir()) == []


def test_put_on_a_disk_that_refuses_is_not_kept_and_raises_nothing(tmp_path: Path):
    (tmp_path / "pages").write_text("a file where the folder should be")

    assert not put(PageJournal(tmp_path / "pages"))


def test_clear_removes_every_page_and_nothing_else(tmp_path: Path):
    journal = PageJournal(tmp_path)
    put(journal)
    (tmp_path / "README").write_text("a person's")

    journal.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["README"]


def test_pages_are_for_their_owner_alone(tmp_path: Path):
    journal = PageJournal(tmp_path / "pages")
    put(journal)

    assert journal.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in journal.folder.iterdir()} == {0o600}


@given(st.sampled_from(list(Timeframe)), st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 90))
def test_split_covers_each_request_once_with_the_pages_of_the_exchange(timeframe, start, minutes, seconds):
    since = START + timedelta(minutes=start, seconds=seconds)
    until = since + timedelta(minutes=minutes)
    request: Asked = (timeframe.dataset, "BTCUSDT", since, until)
    pages = split([request])

    assert pages[0][2] == since
    assert pages[-1][3] == until
    assert all(before[3] == after[2] for before, after in pairwise(pages))
    now = until + 2 * DAY
    together = candle_pages(timeframe, since, until, None, now)
    asked = [page for _, _, a, b in pages for page in candle_pages(timeframe, a, b, None, now)]
    assert asked == together, "a page of the journal is one question to the exchange"
    assert len(pages) == max(1, len(together))


def test_split_leaves_what_has_no_timeframe_whole():
    requests: list[Asked] = [
        (name, "BTCUSDT", START, START + 900 * DAY) for name in ("funding_rates", "open_interest")
    ]

    assert split(requests) == requests


# A real backfill over a real socket, killed in its middle.

SYMBOLS = ("BTCUSDT", "SUIUSDT", "XMRUSDT")


def plan() -> list[Asked]:
    start = NOW.replace(hour=0, minute=0, second=0) - 60 * DAY
    datasets = ("candles_1h", "candles_4h", "funding_rates")
    return split([(name, symbol, start, NOW + DAY) for name in datasets for symbol in SYMBOLS])


def backfill(url: str, root: Path, die_after: int | None = None) -> int:
    """Fetch what the journal lacks, several pages at once, and publish; how many pages were resumed.

    With ``die_after`` the process is killed, as by kill -9, once it has kept so many.
    """
    journal, store = PageJournal(root / "pages"), SnapshotStore(root / "store", views=False)
    batches: list[Batch] = []

    async def session() -> tuple[str, int]:
        kept = 0
        async with BinanceUsdm(url, 1.0, check_skew=False) as source:
            identity, now = await source.identity(), await source.server_time()
            resumed = journal.take(identity, plan(), now)
            known = {page.asked for page in resumed}

            async def fetch(request: FetchRequest) -> Batch:
                nonlocal kept
                batch = await source.fetch(request)
                kept += journal.put(
                    identity,
                    *astuple(request),
                    fetched_at=now,
                    frame=batch.frame,
                    quarantine=batch.quarantine,
                )
                if kept == die_after:
                    os.kill(os.getpid(), signal.SIGKILL)
                return batch

            batches.extend(Batch(FetchRequest(*page.asked), page.frame, page.quarantine) for page in resumed)
            requests = [FetchRequest(*asked) for asked in plan() if asked not in known]
            assert await fetch_each(fetch, requests, batches.append, CONCURRENCY) == []
            return identity, len(resumed)

    identity, resumed = asyncio.run(session())
    changes = {
        name: pl.concat(batch.frame for batch in batches if batch.dataset == name)
        for name in {batch.dataset for batch in batches}
    }
    store.publish(changes, source=identity, published_by="a test", now=NOW)
    journal.clear()
    return resumed


def killed(url: str, root: Path, after: int) -> int:
    """Run a backfill that is killed; how many pages it left."""
    process = context.Process(target=backfill, args=(url, root, after))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL, f"the kill did not happen ({process.exitcode})"
    return len(list((root / "pages").glob("*.page")))


def forget_requests(exchange: LoopbackExchange) -> None:
    """Once the exchange has also counted what a killed process had sent and never read."""
    before = -1
    while before != exchange.requests.total():
        before = exchange.requests.total()
        time.sleep(0.5)
    exchange.requests.clear()


def test_backfill_killed_twice_asks_only_for_the_rest_and_publishes_the_same(tmp_path: Path):
    whole, root = tmp_path / "whole", tmp_path / "killed"
    with running(market_at(symbols=SYMBOLS)) as exchange:
        assert backfill(exchange.url, whole) == 0
        questions = exchange.requests.total()

        assert killed(exchange.url, root, after=3) == 3
        assert killed(exchange.url, root, after=2) == 5
        assert not (root / "store").exists()
        forget_requests(exchange)
        assert backfill(exchange.url, root) == 5

        assert exchange.requests.total() == questions - 5
    assert list((root / "pages").iterdir()) == []
    snapshots = [SnapshotStore(folder / "store").current() for folder in (whole, root)]
    assert snapshots[0] is not None
    assert snapshots[1] is not None
    assert snapshots[0].digest == snapshots[1].digest
    assert snapshots[0].rows("candles_1h") > 3 * 1400
