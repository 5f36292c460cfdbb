"""The budget is kept in every rolling minute, as the exchange sees it."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.sources.account import Account, seconds_until_room
from crypto_bt.sources.books import Books
from crypto_bt.sources.budget import RollingBudget
from crypto_bt_tests.sources.fake_time import FakeTime, run_in_no_time

costs = st.lists(st.tuples(st.floats(0, 59), st.integers(1, 10)), max_size=20).map(sorted)


def budget(limit=100, share=1.0, *, time, **options):
    return RollingBudget(limit, share, 60, clock=time.clock, sleep=time.sleep, **options)


async def spend(budget, cost, seconds=0.0):
    async with budget.spend(cost):
        await asyncio.sleep(seconds)


@given(costs, st.integers(0, 30), st.integers(1, 10), st.integers(10, 100))
def test_seconds_until_room_is_the_first_moment_that_fits(spent, in_flight, cost, allowance):
    now = 59.5
    wait = seconds_until_room(spent, in_flight, cost, allowance, 60, now)

    def fits(moment):
        return in_flight + sum(used for at, used in spent if at + 60 > moment) + cost <= allowance

    if in_flight + cost > allowance:
        assert wait == 60
    else:
        assert fits(now + wait + 1e-6)
        assert wait == 0 or not fits(now + wait - 1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_budget_holds_in_every_minute_whatever_the_latency(seed):
    chance = random.Random(seed)
    arrivals: list[tuple[float, int]] = []

    async def scenario():
        loop = asyncio.get_running_loop()
        budget = RollingBudget(200, 0.5, 60, clock=loop.time, sleep=asyncio.sleep)

        async def ask():
            for _ in range(30):
                cost = chance.choice([1, 2, 5])
                async with budget.spend(cost):
                    await asyncio.sleep(chance.expovariate(1.0))
                    arrivals.append((loop.time(), cost))
                    await asyncio.sleep(chance.expovariate(1.0))

        await asyncio.gather(*(ask() for _ in range(8)))
        return budget.peak, loop.time()

    peak, seconds = run_in_no_time(scenario())

    total = sum(cost for _, cost in arrivals)
    worst = max(sum(c for at, c in arrivals if 0 <= at - first < 60) for first, _ in arrivals)
    assert worst <= peak <= 100, f"seed {seed}"
    assert seconds < 60 * (total / 100 + 1) + 60, f"seed {seed}"


def test_budget_lets_a_burst_go_and_then_waits_out_the_minute():
    time = FakeTime()
    small = budget(10, time=time)

    async def scenario():
        for _ in range(5):
            await spend(small, 2)
        assert time.sleeps == []
        await spend(small, 2)

    asyncio.run(scenario())

    assert time.sleeps == [pytest.approx(60.05)]
    assert (small.waited, small.peak) == (pytest.approx(60.05), 10)


@pytest.mark.parametrize(("share", "allowance"), [(1.0, 2400), (0.5, 1200), (0.2, 480), (0.0001, 1)])
def test_budget_allowance_is_the_share_of_the_limit(share, allowance):
    assert budget(2400, share, time=FakeTime()).allowance == allowance


@pytest.mark.parametrize("share", [0, -1, 1.01])
def test_budget_share_outside_its_range_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        budget(2400, share, time=FakeTime())


def test_budget_request_dearer_than_the_allowance_goes_alone():
    time = FakeTime()
    tiny = budget(3, time=time)

    async def scenario():
        await spend(tiny, 5)
        await spend(tiny, 5)

    asyncio.run(scenario())

    assert time.sleeps == [pytest.approx(60.05)]


def test_budget_pause_holds_every_request_even_free_ones():
    time = FakeTime()
    books = Books(time.clock)
    paused = budget(time=time, books=books)
    books.pause(33)

    asyncio.run(spend(paused, 0))

    assert time.sleeps == [33]


async def ask(budget, cost, used=None, seconds=0.0):
    """A request whose answer tells ``used`` weight."""
    async with budget.spend(cost) as reservation:
        await asyncio.sleep(seconds)
        reservation.used = used


def test_budget_until_others_are_known_keeps_to_the_scheduled_share():
    time = FakeTime()
    shy = budget(100, time=time, beside_others=True)

    async def scenario():
        for used in range(5, 26, 5):
            await ask(shy, 5, used)

    asyncio.run(scenario())

    assert time.sleeps == [1.0] * 5, "20 at once, and the rest once five seconds were watched"
    assert shy.waits == 1


def test_budget_alone_on_the_address_may_use_all_of_it():
    time = FakeTime()
    alone = budget(100, time=time, beside_others=True)

    async def scenario():
        for used in range(5, 101, 5):
            await ask(alone, 5, used)

    asyncio.run(scenario())

    assert (alone.peak, sum(time.sleeps)) == (100, 5)


def test_budget_leaves_to_others_what_they_use_and_headroom():
    time = FakeTime()
    shared = budget(100, time=time, beside_others=True)

    async def scenario():
        # Questions without weight, whose answers tell of others that use 60 a minute.
        for seconds in range(0, 120, 5):
            await ask(shared, 0, seconds % 60)
            time.seconds += 5
        for used in range(1, 36):
            await ask(shared, 1, used)
        assert time.sleeps == []
        await ask(shared, 1, 36)

    asyncio.run(scenario())

    assert shared.peak == 95 - 60
    assert sum(time.sleeps) > 50


def test_budget_beside_others_who_take_everything_asks_again_once_that_is_not_believed_any_more():
    time = FakeTime()
    squeezed = budget(100, time=time, beside_others=True)

    async def scenario():
        await ask(squeezed, 1, 100)
        await ask(squeezed, 1, 1)

    asyncio.run(scenario())

    assert 100 < sum(time.sleeps) < 200
    assert squeezed.waits == 1


def test_budget_of_a_cancelled_request_is_still_counted():
    time = FakeTime()
    strict = budget(10, time=time)

    async def scenario():
        task = asyncio.create_task(spend(strict, 10, seconds=3600))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await spend(strict, 1)

    asyncio.run(scenario())

    assert time.sleeps == [pytest.approx(60.05)]


@given(
    st.lists(st.tuples(st.sampled_from("rak"), st.integers(0, 4), st.integers(1, 9), st.floats(0, 20))),
    st.floats(10, 60),
)
def test_account_counts_each_request_from_when_it_is_asked_to_a_span_after_its_answer(events, grace):
    account, now, asked, spent = Account(), 0.0, {}, []
    for what, name, cost, passed in events:
        now += passed
        if what == "r" and name not in asked:
            account.reserve(str(name), cost, now, grace)
            asked[name] = now, cost
        elif what == "a" and name in asked:
            at, cost = asked[name]
            known = account.answer(str(name), now)
            spent.append((min(now, at + grace) if known is None else now, cost))
            del asked[name]

        # What was not answered in time counts as answered when its time was over.
        expected = sum(cost for at, cost in asked.values() if at + grace + 60 > now)
        expected += sum(cost for at, cost in spent if at + 60 > now)
        assert account.used(now, 60) >= expected
        assert account.used(now, 60) <= sum(cost for _, cost in [*asked.values(), *spent])

    assert account.used(now + grace + 61, 60) == 0
