"""Routing: what is CRITICAL at once, warnings gathered and few, nothing left out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.alert_routing import Batch, Lane, Policy, Told, Waiting, decide
from crypto_bt.core.alert_troubles import Kind, Trouble, judge, state_of_end
from crypto_bt.core.alerts import Alert, AlertSeverity

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CRITICAL, WARNING, INFO = AlertSeverity.CRITICAL, AlertSeverity.WARNING, AlertSeverity.INFO
POLICY = Policy()
COOLDOWN = timedelta(minutes=30)


def alert(severity: AlertSeverity = WARNING, cause: str = "coverage", where: str = "x") -> Alert:
    return Alert(cause, severity, "It is so.", where, "1", "0", NOW, "crypto-bt status")


def word(number: int, severity: AlertSeverity = WARNING, *, age: float = 60, **rest: object) -> Waiting:
    cause, kind = str(rest.get("cause", "coverage")), Kind(str(rest.get("kind", Kind.RAISED)))
    told = alert(severity, cause, f"place {number}")
    return Waiting(number, kind, told, NOW - age * MINUTE, bool(rest.get("alone")))


def send(waiting: Sequence[Waiting], *told: Told, policy: Policy = POLICY) -> tuple[Batch, ...]:
    return decide(waiting, told, policy, NOW)


def test_critical_goes_at_once_all_of_them_in_one_message() -> None:
    [batch] = send([word(n, CRITICAL, age=0) for n in range(3)])
    assert (batch.lane, len(batch.items)) == (Lane.URGENT, 3)


@pytest.mark.parametrize(("seconds", "messages"), [(59, 0), (60, 1)])
def test_critical_at_most_one_message_a_minute_in_a_chat(seconds: int, messages: int) -> None:
    before = Told(NOW - timedelta(seconds=seconds), "", Lane.URGENT)
    assert len(send([word(1, CRITICAL, age=0)], before)) == messages
    elsewhere = Told(NOW, "another chat", Lane.URGENT)
    assert len(send([word(1, CRITICAL, age=0)], elsewhere)) == 1


def test_critical_does_not_wait_for_the_hour_nor_in_quiet_hours() -> None:
    full = [Told(NOW - 30 * MINUTE, "", Lane.ROUTINE)] * 10
    quiet = Policy(quiet=(time(0), time(23, 59)))
    assert len(send([word(1, CRITICAL, age=0)], *full, policy=quiet)) == 1


@pytest.mark.parametrize(("minutes", "messages"), [(0, 0), (4.9, 0), (5, 1)])
def test_warning_first_goes_at_once_what_follows_is_gathered(minutes: float, messages: int) -> None:
    assert len(send([word(1, age=0)])) == 1
    before = Told(NOW - minutes * MINUTE, "", Lane.ROUTINE)
    batches = send([word(1, age=0), word(2, age=60)], before)
    assert len(batches) == messages
    assert all(len(batch.words) == 2 for batch in batches)
    assert len(send([word(1)], Told(NOW, "another chat", Lane.ROUTINE))) == 1
    assert len(send([word(1, alone=True)], before)) == 1, "whether a word is refused is found out at once"


def test_warning_eleventh_message_of_an_hour_waits() -> None:
    ten = [Told(NOW - 59 * MINUTE, "", Lane.ROUTINE)] * 10
    assert send([word(1)], *ten) == ()
    assert len(send([word(1)], *ten[1:])) == 1
    assert len(send([word(1)], *ten[1:], Told(NOW - 60 * MINUTE, "", Lane.ROUTINE))) == 1


def test_info_is_never_sent_by_itself() -> None:
    assert send([word(1, INFO), word(2, INFO, kind="resolved")]) == ()


def test_resolved_travels_with_the_warnings_even_of_a_critical_one() -> None:
    [batch] = send([word(1, CRITICAL, kind="resolved"), word(2)])
    assert batch.lane is Lane.ROUTINE


def test_eleven_warnings_are_summed_up_by_cause_ten_are_not() -> None:
    [ten] = send([word(n) for n in range(10)])
    assert len(ten.items) == 10
    [eleven] = send([word(n, cause=f"cause {n % 2}") for n in range(11)])
    assert [len(item.words) for item in eleven.items] == [6, 5]


def test_word_that_may_be_refused_goes_alone() -> None:
    batches = send([word(1, alone=True), word(2), word(3, alone=True)])
    assert sorted([n.number for n in batch.words] for batch in batches) == [[1], [2], [3]]
    [batch] = send([word(1, CRITICAL, alone=True), word(2, CRITICAL)])
    assert [one.number for one in batch.words] == [1]


def test_chats_each_severity_goes_to_its_own() -> None:
    policy = Policy(chats={CRITICAL: "loud", WARNING: "calm"})
    batches = send([word(1, CRITICAL), word(2), word(3, CRITICAL, kind="resolved")], policy=policy)
    assert sorted((batch.lane, batch.chat) for batch in batches) == [
        ("routine", "calm"),
        ("routine", "loud"),
        ("urgent", "loud"),
    ]


@pytest.mark.parametrize(
    ("quiet", "at", "is_quiet"),
    [
        ((time(22), time(6)), time(23), True),
        ((time(22), time(6)), time(5, 59), True),
        ((time(22), time(6)), time(6), False),
        ((time(1), time(2)), time(1, 30), True),
        ((time(1), time(2)), time(3), False),
        (None, time(3), False),
    ],
)
def test_quiet_hours_hold_warnings(quiet: tuple[time, time] | None, at: time, is_quiet: bool) -> None:
    now = datetime.combine(NOW, at, UTC)
    waiting = [Waiting(1, Kind.RAISED, alert(), now - timedelta(hours=2))]
    assert len(decide(waiting, [], Policy(quiet=quiet), now)) == (not is_quiet)


def test_direct_channel_takes_everything_by_itself() -> None:
    quiet = Policy(quiet=(time(0), time(23, 59)))
    batches = send([word(n, INFO if n % 2 else CRITICAL, age=0) for n in range(4)], policy=quiet.direct)
    assert [len(batch.words) for batch in batches] == [1, 1, 1, 1]


WORDS = st.lists(
    st.builds(
        word,
        st.just(0),
        st.sampled_from(AlertSeverity),
        age=st.floats(0, 90),
        cause=st.sampled_from([f"cause {n}" for n in range(30)]),
        kind=st.sampled_from([Kind.RAISED, Kind.RESOLVED]),
        alone=st.booleans(),
    ),
    max_size=60,
).map(lambda found: [Waiting(n, w.kind, w.alert, w.since, w.alone) for n, w in enumerate(found)])
SENT = st.lists(
    st.builds(
        Told,
        st.floats(0, 60).map(lambda minutes: NOW - minutes * MINUTE),
        st.sampled_from(["", "a"]),
        st.sampled_from(Lane),
    ),
    max_size=20,
)


@given(WORDS, SENT)
def test_decide_whatever_waits_keeps_the_limits_and_sends_nothing_twice(
    waiting: list[Waiting], told: list[Told]
) -> None:
    batches = decide(waiting, told, POLICY, NOW)
    numbers = [one.number for batch in batches for one in batch.words]
    assert len(numbers) == len(set(numbers))
    urgent = [batch for batch in batches if batch.lane is Lane.URGENT]
    routine = [batch for batch in batches if batch.lane is Lane.ROUTINE]
    lately = sum(t.lane is Lane.ROUTINE and NOW - t.at < 60 * MINUTE for t in told)
    assert len(urgent) <= 1
    assert len(routine) <= max(10 - lately, 0)
    assert all(len(batch.items) <= 10 for batch in routine)
    assert all(one.lane is batch.lane for batch in batches for one in batch.words)


def test_judge_a_trouble_is_told_once_and_its_end_once() -> None:
    first = judge(None, alert(), NOW, COOLDOWN, held=None)
    again = judge(first.trouble, alert(), NOW + MINUTE, COOLDOWN, held=None)
    over = judge(again.trouble, alert().as_resolved(), NOW + 2 * MINUTE, COOLDOWN, held=None)
    over_again = judge(over.trouble, alert().as_resolved(), NOW + 3 * MINUTE, COOLDOWN, held=None)
    kinds = [telling.kind for telling in (first, again, over, over_again)]
    assert kinds == [Kind.RAISED, None, Kind.RESOLVED, None]
    assert again.trouble is not None
    assert again.trouble.count == 2


def test_judge_nothing_stands_nothing_is_over() -> None:
    assert judge(None, alert().as_resolved(), NOW, COOLDOWN, held=None).kind is None


def test_judge_worse_is_told_better_is_not() -> None:
    mild = judge(None, alert(WARNING), NOW, COOLDOWN, held=None).trouble
    worse = judge(mild, alert(CRITICAL), NOW, COOLDOWN, held=None)
    better = judge(worse.trouble, alert(WARNING), NOW, COOLDOWN, held=None)
    assert (worse.kind, better.kind) == (Kind.RAISED, None)
    assert better.trouble is not None
    assert better.trouble.alert.severity is CRITICAL


@pytest.mark.parametrize(
    ("severity", "after", "waits"), [(WARNING, 29, True), (WARNING, 30, False), (CRITICAL, 1, False)]
)
def test_judge_back_within_the_cooldown_waits_unless_critical(
    severity: AlertSeverity, after: int, waits: bool
) -> None:
    ended = Trouble(alert(severity), 1, NOW - MINUTE, NOW, resolved_at=NOW)
    telling = judge(ended, alert(severity), NOW + after * MINUTE, COOLDOWN, held=None)
    assert telling.kind is Kind.RAISED
    assert telling.not_before == (NOW + COOLDOWN if waits else None)


def test_judge_end_dated_by_a_clock_that_was_ahead_holds_for_the_cooldown_from_now() -> None:
    ended = Trouble(alert(), 1, NOW, NOW, resolved_at=NOW + timedelta(days=365))
    assert judge(ended, alert(), NOW, COOLDOWN, held=None).not_before == NOW + COOLDOWN


def test_judge_worse_or_news_while_the_return_is_held_takes_its_place() -> None:
    back, until = Trouble(alert(), 1, NOW, NOW), NOW + COOLDOWN
    worse = judge(back, alert(CRITICAL), NOW + MINUTE, COOLDOWN, held=until)
    news = judge(back, replace(alert(), news=True), NOW + MINUTE, COOLDOWN, held=until)
    assert (worse.kind, worse.not_before) == (Kind.RAISED, None)
    assert (news.kind, news.not_before) == (Kind.RAISED, until)


@pytest.mark.parametrize(
    ("raised", "state"),
    [
        (["held"], "calmed"),
        (["held", "sent"], "queued"),
        (["sent", "muted"], "queued"),
        (["poison", "leased"], "queued"),
        (["muted"], "muted"),
        (["poison"], "poison"),
        (["calmed"], "calmed"),
        (["queued"], "queued"),
        ([], "calmed"),
    ],
)
def test_state_of_end_is_told_to_whoever_was_told_of_any_of_it(raised: list[str], state: str) -> None:
    assert state_of_end(raised) == state
