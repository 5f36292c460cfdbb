"""The client's budget over a real socket: shared through a ledger, watched while it waits."""

from datetime import UTC, datetime, timedelta

import pytest

from crypto_bt.simulator.faults import Fault, FaultKind, FaultPlan
from crypto_bt.simulator.serving import running
from crypto_bt.sources import AddressRefused, FetchRequest
from crypto_bt_tests.simulator.calls import NOW, SYMBOLS, get, market_at
from crypto_bt_tests.sources.fake_time import FakeTime
from crypto_bt_tests.sources.sessions import fetch_all, source_of

DAY = timedelta(days=1)
TIME = "/fapi/v1/time"
KLINES = "/fapi/v1/klines"


def days(count, symbols=SYMBOLS, dataset="candles_1d"):
    """``count`` requests of weight 1."""
    return [FetchRequest(dataset, symbols[n % len(symbols)], NOW - 9 * DAY, NOW) for n in range(count)]


def wall_of(time):
    """A wall clock that passes with ``time``."""
    return lambda: datetime(2026, 3, 14, tzinfo=UTC) + timedelta(seconds=time.clock())


def test_sessions_one_after_the_other_share_one_budget_through_the_ledger(tmp_path):
    time, ledger = FakeTime(), tmp_path / "request_budget.log"
    options = {"share": 0.5, "ledger": ledger, "wall": wall_of(time)}
    with running(market_at(), weight_limit=100, clock=time.clock) as exchange:
        first = fetch_all(source_of(exchange, time, **options), days(18)).usage
        assert time.sleeps == []
        second = fetch_all(source_of(exchange, time, **options), days(40)).usage

        assert exchange.weight.peak <= 50
        assert exchange.responses_429 == 0
    assert (first.weight, first.waits) == (20, 0)
    assert second.waits > 0
    # Of both sessions together; 1 is kept for looking at the counter.
    assert second.peak_minute_weight == 49
    assert sum(time.sleeps) == pytest.approx(60, abs=8)


def test_session_without_a_usable_ledger_says_so_and_fetches_all_the_same(tmp_path, caplog):
    time = FakeTime()
    with running(market_at(), clock=time.clock) as exchange:
        outcome = fetch_all(source_of(exchange, time, ledger=tmp_path / "missing" / "ledger"), days(4))

    assert (len(outcome.batches), outcome.failures) == (4, [])
    assert "No such file" in outcome.usage.ledger_trouble
    assert len(caplog.records) == 1


def test_session_beside_a_trader_leaves_it_its_weight(tmp_path):
    """A trader that uses 60 of 100 with every minute of the exchange, before we open."""
    time = FakeTime(start=6000.0)

    class Trading(FakeTime):
        minute = -1

        async def sleep(self, seconds):
            await super().sleep(seconds)
            self.trade()

        def trade(self):
            while self.minute < self.clock() // 60:
                self.minute = int(self.clock() // 60)
                for _ in range(6):
                    get(exchange.url, KLINES, symbol="BTCUSDT", interval="1d", limit=1500, endTime=1)

    time = Trading()
    with running(market_at(), weight_limit=100, clock=time.clock) as exchange:
        time.trade()
        usage = fetch_all(source_of(exchange, time, share=0.9), days(120)).usage

        assert exchange.weight.peak <= 100
        assert exchange.responses_429 == 0
    assert usage.others_minute_weight == 60
    assert usage.responses_429 == 0


def test_session_that_waits_looks_at_the_counter_within_its_share():
    time = FakeTime()
    with running(market_at(), weight_limit=400, clock=time.clock) as exchange:
        usage = fetch_all(source_of(exchange, time, share=0.5), days(300)).usage

        looks = exchange.requests[TIME] - 1
        assert 0 < looks <= 4 * (1 + sum(time.sleeps) / 60)
        assert exchange.weight.peak <= 200
    assert usage.requests == 2 + 300 + looks
    assert usage.others_minute_weight == 0


def test_session_that_learns_of_a_ban_while_it_looks_asks_nothing_more():
    time = FakeTime()
    plan = FaultPlan([Fault(TIME, 2, FaultKind.BANNED, seconds=120)])
    with running(market_at(), weight_limit=400, faults=plan, clock=time.clock) as exchange:
        with pytest.raises(AddressRefused, match="banned this address"):
            fetch_all(source_of(exchange, time, share=0.5), days(300))

        asked = exchange.requests[KLINES]
        assert (exchange.requests[TIME], len(plan.fired)) == (2, 1)
        # What was on its way when the ban was told.
        assert asked <= 198
    assert exchange.requests[KLINES] == asked


@pytest.mark.parametrize("kind", [FaultKind.OVERLOADED, FaultKind.RESET, FaultKind.HTML])
def test_session_whose_look_fails_goes_on(kind):
    time = FakeTime()
    plan = FaultPlan([Fault(TIME, 2, kind)])
    with running(market_at(), weight_limit=400, faults=plan, clock=time.clock) as exchange:
        outcome = fetch_all(source_of(exchange, time, share=0.5), days(300))

    assert len(plan.fired) == 1
    assert (len(outcome.batches), outcome.failures) == (300, [])
