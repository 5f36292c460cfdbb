"""A simulated week of the real schedules beside catch-up's ticks: where updates come, it starts nothing."""

from collections.abc import Collection
from datetime import datetime, timedelta

import polars as pl
import pytest

from crypto_bt.core.catch_up import Facts, Record, decide
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.feed_holes import FEEDS, feed_holes
from crypto_bt.core.lacking import LACKING_SCHEMA
from crypto_bt.core.market import EXCHANGE_OPENED, STANDARD_TIMEFRAMES, Timeframe
from crypto_bt.core.missing import GRACE, Missing, missing_candles, missing_ranges
from crypto_bt_tests.defs.test_healthy_week import ASSETS, MONDAY, TAKES, WEEK, intraday_ticks, ticks

BEGINS = MONDAY - timedelta(days=3)
TICK = timedelta(minutes=5)
SYMBOLS = ("BTCUSDT", "ETHUSDT")
KEPT = (*(timeframe.dataset for timeframe in STANDARD_TIMEFRAMES), *FEEDS)


def rows(dataset: str, step: timedelta, until: datetime) -> pl.DataFrame:
    """The keys of a row each ``step`` up to ``until`` (exclusive), of each symbol."""
    times = pl.datetime_range(
        BEGINS, until, step, closed="left", time_unit="ms", time_zone="UTC", eager=True
    ).alias(DATASETS[dataset].time)
    return pl.DataFrame({"symbol": SYMBOLS}).join(times.to_frame(), how="cross")


def missing(newest: dict[str, datetime], now: datetime) -> list[Missing]:
    """What a store lacks that holds every row before ``newest``."""
    stored = {t.dataset: rows(t.dataset, t.delta, newest[t.dataset]) for t in STANDARD_TIMEFRAMES}
    beside = {name: rows(name, feed.step, newest[name]) for name, feed in FEEDS.items()}
    lack = missing_candles(
        stored,
        onboard=dict.fromkeys(SYMBOLS, EXCHANGE_OPENED),
        starts=dict.fromkeys(stored, BEGINS),
        excused=pl.DataFrame(schema=LACKING_SCHEMA),
        now=now,
    )
    return missing_ranges(
        pl.concat([lack, feed_holes(beside, dict.fromkeys(SYMBOLS, EXCHANGE_OPENED), now - GRACE)])
    )


def starts_of_a_week(missed: Collection[datetime], offset: timedelta) -> list[datetime]:
    """When catch-up starts a run, ticking ``offset`` after each five minutes; ``missed`` updates do not come.

    Its own runs bring nothing here.
    """
    updates = [tick for tick in ticks(MONDAY - timedelta(days=2), MONDAY + WEEK) if tick[0] not in missed]
    newest = dict.fromkeys(KEPT, MONDAY - timedelta(days=2))
    record, seen, ranges, started = Record(), None, [], []
    now = MONDAY + offset
    while now < MONDAY + WEEK:
        while updates and updates[0][0] + TAKES <= now:
            fired, name = updates.pop(0)
            for dataset in set(KEPT) & ASSETS[name]:
                known = fired if name == "intraday_update" else fired.replace(hour=0, minute=0)
                timeframe = DATASETS[dataset].timeframe
                newest[dataset] = max(newest[dataset], timeframe.floor(known) if timeframe else known)
        running = any(fired <= now for fired, _ in updates[:1])
        state = (Timeframe.H1.floor(now), tuple(newest.values()))
        if state != seen:
            seen, ranges = state, missing(newest, now)
        done = decide(Facts(now, ranges, busy="a run of an update" if running else ""), record)
        record = done.record
        started += [now] if done.start else []
        assert done.alerts == ()
        now += TICK
    return started


@pytest.mark.parametrize("seconds", [0, 61, 299])
def test_decide_over_a_healthy_week_starts_nothing(seconds: int) -> None:
    assert starts_of_a_week((), timedelta(seconds=seconds)) == []


@pytest.mark.parametrize("seconds", [0, 61, 299])
def test_decide_one_missed_update_is_left_to_the_next(seconds: int) -> None:
    assert starts_of_a_week(intraday_ticks(1), timedelta(seconds=seconds)) == []


def test_decide_two_missed_updates_in_a_row_are_caught_up_before_the_third() -> None:
    first, second = intraday_ticks(2)
    started = starts_of_a_week((first, second), timedelta(0))
    assert started
    assert all(second < moment < second + timedelta(hours=2) for moment in started)
