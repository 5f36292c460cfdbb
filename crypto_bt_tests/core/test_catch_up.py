"""What catch-up decides, tick by tick: gaps, attempts, waits, giving up, and what a person stopped."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.catch_up import ATTEMPTS, BACK_OFF, SETTLES, Decision, Facts, Record, decide, key_of
from crypto_bt.core.lacking import MissingRange
from crypto_bt.core.missing import Missing

NOW = datetime(2026, 3, 10, 7, tzinfo=UTC)
DAY, TICK = timedelta(days=1), timedelta(minutes=5)
MIDNIGHT = NOW.replace(hour=0)


def gap(
    first: int = 7, days: int = 8, candles: int = 100, symbols: tuple[str, ...] = ("AAA", "BBB")
) -> Missing:
    """A gap that begins ``first`` days before today and is ``days`` long."""
    start = MIDNIGHT - first * DAY
    return Missing(MissingRange(start, start + days * DAY, ("candles_1h", "candles_1d"), symbols), candles)


def look_twice(*ranges: Missing) -> Record:
    """The record after a first look at ``ranges``, two ticks ago."""
    return decide(Facts(NOW - 2 * TICK, ranges), Record()).record


class Ticks:
    """A sensor's life: ``tick`` after ``tick`` with the record handed on as text, as a cursor is."""

    def __init__(self) -> None:
        self.now = NOW
        self.cursor: str | None = None
        self.starts: list[tuple[datetime, str]] = []
        self.alerts: list[tuple[datetime, Alert]] = []

    def tick(self, *ranges: Missing, **facts: object) -> Decision:
        done = decide(Facts(self.now, ranges, **facts), Record.from_json(self.cursor))  # type: ignore[arg-type]
        self.cursor = done.record.to_json()
        self.starts += [(self.now, done.start.run_key)] if done.start else []
        self.alerts += [(self.now, alert) for alert in done.alerts]
        self.now += TICK
        return done

    def go_on(self, span: timedelta, *ranges: Missing, **facts: object) -> None:
        until = self.now + span
        while self.now < until:
            self.tick(*ranges, **facts)


def test_decide_nothing_missing_starts_nothing() -> None:
    done = decide(Facts(NOW, ()), Record())
    assert (done.start, done.why, done.alerts, done.record) == (None, "Nothing is missing.", (), Record())


def test_decide_gap_is_left_alone_for_two_looks_and_started_at_the_third() -> None:
    ticks = Ticks()
    first = ticks.tick(gap())
    assert first.start is None
    assert f"is tried at {NOW + SETTLES:%H:%M} UTC, attempt 1" in first.why
    assert ticks.tick(gap()).start is None
    third = ticks.tick(gap())
    assert third.start is not None
    assert (third.start.missing, third.start.attempt) == (gap(), 1)
    assert "attempt 1" in third.start.run_key


def test_decide_gap_that_stays_is_tried_five_times_with_growing_waits_then_one_alert() -> None:
    ticks = Ticks()
    ticks.go_on(3 * DAY, gap())
    moments = [moment for moment, _ in ticks.starts]
    assert [after - before for before, after in pairwise(moments)] == list(BACK_OFF[:-1])
    assert len({run_key for _, run_key in ticks.starts}) == ATTEMPTS == 5
    [(moment, alert)] = ticks.alerts
    assert moment == moments[-1] + BACK_OFF[-1]
    assert (alert.cause, alert.severity, alert.resolved) == ("gap_not_filled", AlertSeverity.WARNING, False)
    assert alert.since == NOW
    assert "100 candles (1h,1d) of AAA, BBB from 2026-03-03 to 2026-03-10" in alert.what
    days = "--start 2026-03-03 --end 2026-03-11"
    assert alert.command == f"crypto-bt data repair --symbols AAA,BBB --timeframes 1h,1d {days}"


def test_decide_gap_given_up_and_then_filled_resolves_its_alert_once() -> None:
    ticks = Ticks()
    ticks.go_on(DAY, gap())
    ticks.go_on(DAY)
    raised, over = (alert for _, alert in ticks.alerts)
    assert over == raised.as_resolved()
    assert Record.from_json(ticks.cursor) == Record()


def test_decide_gap_that_grows_at_its_end_goes_on_counting() -> None:
    """A symbol that the exchange has stopped misses more each day: no new attempts, no new alerts."""
    ticks = Ticks()
    for days in range(1, 9):
        ticks.go_on(DAY, gap(first=1, days=days, candles=24 * days))
    assert len(ticks.starts) == ATTEMPTS
    assert len(ticks.alerts) == 1


def test_decide_gap_that_shrinks_starts_counting_again_and_no_run_key_is_used_twice() -> None:
    ticks = Ticks()
    ticks.go_on(DAY, gap(candles=100))
    ticks.go_on(DAY, gap(candles=60))
    run_keys = [run_key for _, run_key in ticks.starts]
    assert len(set(run_keys)) == len(run_keys) == 2 * ATTEMPTS
    assert len(ticks.alerts) == 1
    ticks.go_on(TICK)
    assert [alert.resolved for _, alert in ticks.alerts] == [False, True]


def test_decide_gap_of_which_some_symbols_were_filled_is_another() -> None:
    ticks = Ticks()
    ticks.go_on(3 * TICK, gap())
    ticks.go_on(3 * TICK, gap(symbols=("AAA",), candles=50))
    assert len(ticks.starts) == 2


def test_decide_gap_that_another_joins_for_a_while_is_neither_forgotten_nor_resolved() -> None:
    ticks = Ticks()
    alone = gap(symbols=("AAA",), candles=3)
    ticks.go_on(DAY, alone)
    assert len(ticks.starts) == ATTEMPTS
    for _ in range(5):
        ticks.go_on(4 * TICK, gap(symbols=("AAA", "BBB"), candles=6))
        ticks.go_on(DAY, alone)
    assert len(ticks.starts) == ATTEMPTS + 5, "one for each gap that joined"
    [(_, alert)] = ticks.alerts
    assert not alert.resolved


def test_record_alert_that_could_not_be_sent_is_due_again() -> None:
    ticks = Ticks()
    ticks.go_on(DAY, gap())
    [(_, alert)] = ticks.alerts
    record = Record.from_json(ticks.cursor)
    ticks.cursor = record.unsent(alert).to_json()
    assert ticks.tick(gap()).alerts == (alert,)
    ticks.tick()
    over = ticks.alerts[-1][1]
    assert over.resolved
    ticks.cursor = Record.from_json(ticks.cursor).unsent(over).to_json()
    assert ticks.tick().alerts == (over,)
    assert ticks.tick().alerts == ()


def test_decide_gap_that_comes_back_is_a_new_one() -> None:
    ticks = Ticks()
    ticks.go_on(3 * TICK, gap())
    ticks.go_on(3 * TICK)
    ticks.go_on(3 * TICK, gap())
    assert len({run_key for _, run_key in ticks.starts}) == len(ticks.starts) == 2


def test_decide_while_somebody_writes_waits_and_names_them() -> None:
    done = decide(Facts(NOW, [gap()], busy="run 1a2b of data_update"), look_twice(gap()))
    assert done.start is None
    assert done.why.endswith("waiting for run 1a2b of data_update.")


def test_decide_while_somebody_writes_raises_no_alert_yet() -> None:
    ticks = Ticks()
    ticks.go_on(timedelta(hours=6), gap())
    assert (len(ticks.starts), ticks.alerts) == (ATTEMPTS, [])
    ticks.go_on(2 * DAY, gap(), busy="run 1a2b of data_update")
    assert ticks.alerts == []
    ticks.tick(gap())
    assert len(ticks.alerts) == 1


def test_decide_what_a_person_stopped_stays_stopped_and_the_reason_is_told() -> None:
    ticks = Ticks()
    ticks.go_on(3 * DAY, gap(), stopped="the schedule data_update is switched off")
    assert (ticks.starts, ticks.alerts) == ([], [])
    done = ticks.tick(gap(), stopped="the schedule data_update is switched off")
    assert done.why == "1 range of days with missing data, but the schedule data_update is switched off."
    assert ticks.tick(gap()).start is not None


def test_decide_cancelled_gap_never_again_though_it_grows_or_shrinks_at_its_end() -> None:
    ticks = Ticks()
    ticks.go_on(3 * TICK, gap())
    cancelled = {key_of(gap()): ticks.now}
    ticks.go_on(DAY, gap(), cancelled=cancelled)
    ticks.go_on(DAY, gap(days=9, candles=120), cancelled=cancelled)
    ticks.go_on(DAY, gap(days=8, candles=90), cancelled=cancelled)
    assert len(ticks.starts) == 1
    assert ticks.alerts == []
    assert "was cancelled by a person" in ticks.tick(gap(candles=90), cancelled=cancelled).why


@pytest.mark.parametrize("other", [gap(first=6, days=7), gap(symbols=("AAA",)), gap(symbols=("AAA", "CCC"))])
def test_decide_cancelled_gap_that_became_another_is_tried(other: Missing) -> None:
    cancelled = {key_of(gap()): NOW}
    assert decide(Facts(NOW, [other], cancelled=cancelled), look_twice(other)).start is not None


def test_decide_run_cancelled_before_the_gap_was_seen_does_not_count() -> None:
    cancelled = {key_of(gap()): NOW - DAY}
    assert decide(Facts(NOW, [gap()], cancelled=cancelled), look_twice(gap())).start is not None


def test_decide_of_two_gaps_the_newest_first_and_the_other_while_it_waits() -> None:
    old = gap(first=300, days=2)
    ticks = Ticks()
    ticks.tick(old, gap())
    starts = [ticks.tick(old, gap()).start for _ in range(3)]
    assert [start.missing for start in starts if start] == [gap(), old]


def test_decide_gap_given_up_does_not_hold_up_another() -> None:
    ticks = Ticks()
    ticks.go_on(DAY, gap())
    ticks.go_on(2 * TICK, gap(), gap(first=300, days=2))
    done = ticks.tick(gap(), gap(first=300, days=2))
    assert done.start is not None
    assert done.start.missing.days.start == MIDNIGHT - 300 * DAY


@given(names=st.lists(st.text("ABC", min_size=1), min_size=1, unique=True), first=st.integers(0, 2000))
def test_key_of_depends_on_first_day_and_symbols_alone(names: list[str], first: int) -> None:
    symbols = tuple(sorted(names))
    key = key_of(gap(first, 1, 1, symbols))
    assert key == key_of(gap(first, 5, 9, symbols))
    assert key != key_of(gap(first + 1, 1, 1, symbols))
    assert key != key_of(gap(first, 1, 1, (*symbols, "D")))


@settings(deadline=None)
@given(
    looks=st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from((3, 30, 300)), st.integers(1, 50)),
            st.booleans(),
            st.sampled_from((1, 6, 60)),
        ),
        max_size=60,
    )
)
def test_decide_whatever_happens_keeps_its_promises(
    looks: Sequence[tuple[Mapping[int, int], bool, int]],
) -> None:
    """Run keys are unique, nothing starts beside a writer, alerts are raised and resolved in turn."""
    ticks = Ticks()
    for gaps, busy, times in looks:
        ranges = [gap(first, 2, candles) for first, candles in gaps.items()]
        before = len(ticks.starts)
        ticks.go_on(times * TICK, *ranges, busy="a run" if busy else "")
        assert not busy or len(ticks.starts) == before
    run_keys = [run_key for _, run_key in ticks.starts]
    assert len(set(run_keys)) == len(run_keys)
    open_now: set[str] = set()
    for _, alert in ticks.alerts:
        assert alert.resolved == (alert.id in open_now)
        open_now ^= {alert.id}
    assert open_now == set(Record.from_json(ticks.cursor).standing)


def test_record_round_trip_through_its_text() -> None:
    ticks = Ticks()
    ticks.go_on(DAY, gap(), gap(first=300, days=2))
    record = Record.from_json(ticks.cursor)
    assert len(record.tried) == len(record.standing) == 2
    assert Record.from_json(record.to_json()) == record


def spoil_standing(told: dict[str, object]) -> None:
    told["standing"] = [{"cause": 1}]


def spoil_tried(told: dict[str, object]) -> None:
    told["tried"] = {"x": ["yesterday", 1, 1, 0, None]}


def shorten_tried(told: dict[str, object]) -> None:
    told["tried"] = {"x": [NOW.isoformat(), 1]}


@pytest.mark.parametrize("spoil", [spoil_standing, spoil_tried, shorten_tried])
def test_record_damaged_text_begins_anew(spoil: Callable[[dict[str, object]], None]) -> None:
    told = json.loads(look_twice(gap()).to_json())
    spoil(told)
    assert Record.from_json(json.dumps(told)) == Record()


@pytest.mark.parametrize(
    "text", [None, "", "{}", "[]", "7", "null", "{", '{"tried": 7}', '{"standing": {"a": 1}}']
)
def test_record_of_no_text_of_its_own_begins_anew(text: str | None) -> None:
    assert Record.from_json(text) == Record()
