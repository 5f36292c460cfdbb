"""Several sessions on one ledger, beside a trader, in fake time: one budget, whoever asks."""

import asyncio
import logging
import random
from collections import Counter

import pytest

from crypto_bt.sources.books import FUNDING, WEIGHT, Books
from crypto_bt.sources.budget import RollingBudget
from crypto_bt_tests.sources.fake_time import run_in_no_time

LIMIT = 2400
TRADER = "trader"


class Exchange:
    """Counts by the minute as the exchange does, refuses nothing, and remembers who used how much."""

    def __init__(self, limit=LIMIT, starts_at=0.0):
        self.clock = asyncio.get_running_loop().time
        self.limit = limit
        self.phase = starts_at
        self.used: Counter[int] = Counter()
        self.by: Counter[tuple[int, str]] = Counter()

    def charge(self, who, cost):
        minute = int((self.clock() + self.phase) // 60)
        self.used[minute] += cost
        self.by[minute, who] += cost
        return self.used[minute]

    def ours(self):
        """Our weight by minute."""
        ours: Counter[int] = Counter()
        for (minute, who), cost in self.by.items():
            ours[minute] += cost * (who != TRADER)
        return ours


class Session:
    """One session of ours; ``path`` is the ledger. Without ``beside_others`` it does not look for any."""

    def __init__(self, name, exchange, path, share, kind=WEIGHT, span=60.0, beside_others=True):
        clock = asyncio.get_running_loop().time
        self.name, self.exchange, self.kind = name, exchange, kind
        self.books = Books(clock, ledger=path, wall=lambda: 1e9 + clock(), grace=10.0)
        self.budget = RollingBudget(
            exchange.limit,
            share,
            span,
            clock=clock,
            sleep=asyncio.sleep,
            books=self.books,
            kind=kind,
            beside_others=beside_others,
            watch=self.watch,
        )
        self.finished = 0.0

    async def watch(self):
        async with self.budget.spend_watching() as reservation:
            await asyncio.sleep(0.1)
            reservation.used = self.exchange.charge(self.name, 1)

    async def ask(self, cost, chance):
        async with self.budget.spend(cost) as reservation:
            await asyncio.sleep(chance.expovariate(1 / 0.08))
            used = self.exchange.charge(self.name, cost)
            # Only what costs weight is in the counter.
            reservation.used = used if self.kind == WEIGHT else None
            await asyncio.sleep(chance.expovariate(1 / 0.08))

    async def work(self, requests, chance, cost=2):
        """``requests`` requests, eight at a time."""
        left = iter(range(requests))

        async def worker():
            for _ in left:
                await self.ask(cost, chance)

        await asyncio.gather(*(worker() for _ in range(8)))
        self.finished = asyncio.get_running_loop().time()
        self.books.close()


async def trade(exchange, weight, burst):
    """Use ``weight`` of each minute: a ``burst`` share of it at its beginning, the rest evenly."""
    clock = exchange.clock
    while True:
        begin = clock()
        exchange.charge(TRADER, round(weight * burst))
        for second in range(60):
            await asyncio.sleep(max(begin + second - clock(), 0))
            exchange.charge(TRADER, round(weight * (1 - burst) / 60))
        await asyncio.sleep(max(begin + 60 - clock(), 0))


@pytest.mark.parametrize("seed", range(12))
def test_sessions_beside_a_trader_keep_one_share_and_pass_no_limit(tmp_path, seed):
    chance = random.Random(seed)
    weight = chance.choice([0.0, 0.3, 0.7]) * LIMIT
    burst = chance.choice([0.0, 0.0, 0.5])

    async def scenario():
        exchange = Exchange(starts_at=chance.uniform(0, 60))
        trader = asyncio.create_task(trade(exchange, weight, burst))
        await asyncio.sleep(chance.uniform(0, 90))
        shares = {"update": 0.2, "catch-up": 0.2, "other update": 0.2, "backfill": chance.choice([0.5, 1.0])}
        sessions = [Session(name, exchange, tmp_path / "ledger", share) for name, share in shares.items()]
        sizes = {"backfill": 2000}
        await asyncio.gather(*(one.work(sizes.get(one.name, 150), chance) for one in sessions))
        trader.cancel()
        return exchange, sessions

    exchange, sessions = run_in_no_time(scenario())

    note = f"seed {seed}, trader {weight:.0f}, burst {burst}"
    backfill = sessions[-1]
    assert max(exchange.used.values()) <= LIMIT, note
    assert max(exchange.ours().values()) <= backfill.budget.allowance, note
    for session in sessions[:-1]:
        assert session.budget.peak <= 480, note
        assert session.finished < backfill.finished, f"{note}: scheduled work does not wait for the backfill"
    if not weight:
        assert all(session.books.others.peak == 0 for session in sessions), note
    for minute, used in exchange.ours().items():
        scheduled = used - exchange.by[minute, backfill.name]
        assert scheduled <= 480, note


@pytest.mark.parametrize("seed", range(6))
def test_session_alone_uses_the_whole_limit_and_sees_nobody(seed):
    chance = random.Random(seed)

    async def scenario():
        exchange = Exchange(starts_at=chance.uniform(0, 60))
        session = Session("backfill", exchange, None, 1.0)
        await session.work(1440, chance)
        return exchange, session

    exchange, session = run_in_no_time(scenario())

    assert session.books.others.peak == 0, f"seed {seed}"
    assert max(exchange.used.values()) <= LIMIT
    assert session.budget.peak > 0.98 * LIMIT
    assert session.finished < 75


def test_trader_that_begins_while_a_backfill_runs_is_made_room_for():
    chance = random.Random(7)

    async def scenario():
        exchange = Exchange()
        session = Session("backfill", exchange, None, 1.0)
        work = asyncio.create_task(session.work(6000, chance))
        await asyncio.sleep(150)
        trader = asyncio.create_task(trade(exchange, 0.5 * LIMIT, 0.0))
        await work
        trader.cancel()
        return exchange, session

    exchange, session = run_in_no_time(scenario())

    # The minute in which it began is lost: half of it was spent before.
    later = [used for minute, used in exchange.used.items() if minute > 150 // 60]
    assert max(later) <= LIMIT
    assert session.books.others.peak == pytest.approx(0.5 * LIMIT, rel=0.05)


def test_killed_session_is_counted_for_its_timeout_and_the_span(tmp_path):
    async def scenario():
        exchange = Exchange(limit=100)
        killed, other = (
            Session(name, exchange, tmp_path / "ledger", 0.5, beside_others=False)
            for name in ("killed", "other")
        )
        async with asyncio.timeout(1):
            # What a kill -9 leaves: the reservation, and no answer ever.
            spending = killed.budget.spend(50)
            await spending.__aenter__()
        await other.ask(1, random.Random(1))
        return asyncio.get_running_loop().time()

    assert run_in_no_time(scenario()) == pytest.approx(70, abs=2)


def test_pause_of_one_session_holds_all(tmp_path):
    async def scenario():
        exchange = Exchange()
        one, two = (Session(name, exchange, tmp_path / "ledger", 0.5) for name in ("one", "two"))
        one.books.pause(33)
        await two.ask(0, random.Random(1))
        return asyncio.get_running_loop().time()

    assert run_in_no_time(scenario()) == pytest.approx(33, abs=2)


def test_each_limit_has_an_account_of_its_own(tmp_path):
    async def scenario():
        exchange, free = Exchange(limit=100), Exchange(limit=100)
        calls = Session("one", free, tmp_path / "ledger", 1.0, FUNDING, 300.0, beside_others=False)
        weight = Session("two", exchange, tmp_path / "ledger", 0.5)
        await asyncio.gather(*(calls.ask(1, random.Random(1)) for _ in range(100)))
        await weight.ask(20, random.Random(1))
        assert asyncio.get_running_loop().time() < 2
        more = Session("three", free, tmp_path / "ledger", 1.0, FUNDING, 300.0, beside_others=False)
        await more.ask(1, random.Random(1))
        return asyncio.get_running_loop().time()

    assert run_in_no_time(scenario()) == pytest.approx(300, abs=3)


@pytest.mark.parametrize("jump", [-86_400.0, -30.0, 30.0, 86_400.0])
def test_wall_clock_that_jumps_holds_nobody_longer_than_a_span(tmp_path, jump):
    jumped = 0.0

    async def scenario():
        nonlocal jumped
        exchange = Exchange(limit=100)
        one, two = (
            Session(name, exchange, tmp_path / "ledger", 0.5, beside_others=False) for name in ("one", "two")
        )
        clock = asyncio.get_running_loop().time
        for session in (one, two):
            session.books._wall = session.books._ledger._wall = lambda: 1e9 + jumped + clock()
        for _ in range(25):
            await one.ask(2, random.Random(1))
        jumped = jump
        for session in (two, one) * 20:
            await session.ask(2, random.Random(1))
        return exchange, clock()

    exchange, seconds = run_in_no_time(scenario())

    assert seconds < 3 * 61 + 30
    # Two sessions that both began before the jump miss nothing but what was written across it.
    assert max(exchange.used.values()) <= 100


def test_session_whose_ledger_cannot_be_used_goes_on_within_its_share(tmp_path, caplog):
    (tmp_path / "ledger").mkdir()

    async def scenario():
        exchange = Exchange(limit=100)
        session = Session("alone", exchange, tmp_path / "ledger", 0.5)
        await session.work(60, random.Random(1))
        return exchange, session

    with caplog.at_level(logging.WARNING):
        exchange, session = run_in_no_time(scenario())

    assert max(exchange.used.values()) <= 50
    assert sum(exchange.used.values()) == 120
    assert "directory" in session.books.trouble
    assert len(caplog.records) == 1
