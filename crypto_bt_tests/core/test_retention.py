"""What stays: never fewer good backups than promised, never without the newest good one, by day and week."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.retention import (
    BackupFact,
    RunFact,
    SnapshotFact,
    backups_to_keep,
    nights_to_keep,
    offsite_due,
    offsite_to_keep,
    rollback_target,
    runs_to_prune,
    snapshots_to_keep,
    worth_shrinking,
)

SUNDAY = datetime(2026, 11, 22, 3, tzinfo=UTC)


def fact(number: int, created_at: datetime, good: bool = True) -> BackupFact:
    return BackupFact(f"b{number:03d}", created_at, good)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[BackupFact], datetime]:
    """Backups at any hours of a hundred days, some bad, and a moment after the last."""
    hours = draw(st.lists(st.integers(0, 2400), min_size=1, max_size=40, unique=True))
    good = draw(st.lists(st.booleans(), min_size=len(hours), max_size=len(hours)))
    start = SUNDAY - timedelta(days=100)
    backups = [
        fact(number, start + timedelta(hours=hour), well)
        for number, (hour, well) in enumerate(zip(hours, good, strict=True))
    ]
    return backups, start + timedelta(hours=max(hours) + draw(st.integers(0, 300)))


@given(histories())
def test_newest_good_backup_always_stays_and_nothing_is_left_without(
    history: tuple[list[BackupFact], datetime],
) -> None:
    backups, now = history
    for keep in (backups_to_keep(backups, now), offsite_to_keep(backups, now)):
        good = [item for item in backups if item.good]
        assert keep <= {item.name for item in backups}
        if good:
            assert max(good, key=lambda item: item.created_at).name in keep
        else:
            assert keep == {item.name for item in backups}


@given(histories())
def test_bad_backup_never_pushes_a_good_one_out(history: tuple[list[BackupFact], datetime]) -> None:
    backups, now = history
    good = [item for item in backups if item.good]
    names = {item.name for item in good}
    if good:
        assert backups_to_keep(backups, now) & names == backups_to_keep(good, now)
        assert offsite_to_keep(backups, now) & names == offsite_to_keep(good, now)


@given(histories())
def test_keeping_again_after_pruning_changes_nothing(history: tuple[list[BackupFact], datetime]) -> None:
    backups, now = history
    keep = backups_to_keep(backups, now)
    assert backups_to_keep([item for item in backups if item.name in keep], now) == keep


@given(histories())
def test_at_most_three_days_and_three_weeks_of_good_ones(
    history: tuple[list[BackupFact], datetime],
) -> None:
    backups, now = history
    good = {item.name for item in backups if item.good}
    assert len(backups_to_keep(backups, now) & good) <= 6
    assert len(offsite_to_keep(backups, now) & good) <= 4


def test_daily_backups_for_two_months_leave_three_days_and_three_sundays() -> None:
    kept: dict[str, BackupFact] = {}
    for day in range(60):
        now = SUNDAY + timedelta(days=day)
        kept[f"b{day:03d}"] = fact(day, now)
        names = backups_to_keep(list(kept.values()), now)
        kept = {name: item for name, item in kept.items() if name in names}
    last = SUNDAY + timedelta(days=59)
    days = sorted({item.created_at.date() for item in kept.values()})
    assert days[-3:] == [(last - timedelta(days=back)).date() for back in (2, 1, 0)]
    sundays = [day for day in days if day.isoweekday() == 7]
    assert len(sundays) == 3
    assert len(kept) <= 6


def test_offsite_keeps_four_weeks_and_is_due_once_a_week() -> None:
    kept: dict[str, BackupFact] = {}
    copied = 0
    for day in range(60):
        now = SUNDAY + timedelta(days=day)
        if offsite_due(list(kept.values()), now):
            copied += 1
            kept[f"b{day:03d}"] = fact(day, now)
        names = offsite_to_keep(list(kept.values()), now)
        kept = {name: item for name, item in kept.items() if name in names}
    assert copied == 10  # the Sunday it begins with, and every week after
    assert len(kept) == 4
    oldest = min(item.created_at for item in kept.values())
    assert timedelta(days=21) <= SUNDAY + timedelta(days=59) - oldest <= timedelta(days=28)


def test_snapshots_of_48_hours_stay_with_the_one_to_roll_back_to() -> None:
    published = [SUNDAY - timedelta(hours=2 * back) for back in range(60)][::-1]
    snapshots = [SnapshotFact(f"{number:06d}", when) for number, when in enumerate(published, 1)]
    keep = snapshots_to_keep(snapshots, SUNDAY, hours=48, needed=["000002", "000999"])
    assert keep == {"000002", *(f"{number:06d}" for number in range(36, 61))}
    target = rollback_target(snapshots, SUNDAY, 48)
    assert target is not None
    assert target.id == "000036"
    assert target.id in keep
    assert rollback_target(snapshots[-3:], SUNDAY, 48) is None


@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=60).map(sorted),
    st.integers(0, 400),
    st.integers(1, 100),
)
def test_rollback_target_survives_collecting(hours: list[int], later: int, span: int) -> None:
    start = SUNDAY - timedelta(days=20)
    now = start + timedelta(hours=max(hours) + later)
    snapshots = [SnapshotFact(f"{n:06d}", start + timedelta(hours=hour)) for n, hour in enumerate(hours, 1)]
    keep = snapshots_to_keep(snapshots, now, hours=span)
    target = rollback_target(snapshots, now, span)
    assert snapshots[-1].id in keep
    assert target is None or target.id in keep


def test_nights_of_the_last_days_stay_and_the_newest_always() -> None:
    nights = [date(2026, 1, 1) + timedelta(days=day) for day in range(100)]
    assert nights_to_keep(nights, date(2026, 4, 10), 30) == set(nights[-30:])
    assert nights_to_keep(nights, date(2027, 4, 10), 30) == {nights[-1]}
    assert nights_to_keep([], date(2026, 4, 10), 30) == set()


@given(ages=st.lists(st.integers(0, 400) | st.none(), max_size=40), days=st.integers(1, 200), data=st.data())
def test_runs_to_prune_are_old_ended_and_not_spared(
    ages: list[int | None], days: int, data: st.DataObject
) -> None:
    facts = [
        RunFact(str(n), None if age is None else SUNDAY - timedelta(days=age)) for n, age in enumerate(ages)
    ]
    spared = set(data.draw(st.lists(st.sampled_from([fact.id for fact in facts]))) if facts else [])
    pruned = runs_to_prune(facts, SUNDAY, days=days, spared=spared)
    expected = {str(n) for n, age in enumerate(ages) if age is not None and age > days} - spared
    assert set(pruned) == expected
    ends = [fact.ended for name in pruned for fact in facts if fact.id == name and fact.ended]
    assert ends == sorted(ends), "the oldest first"
    assert runs_to_prune(facts, SUNDAY, days=days, spared=spared, at_most=2) == pruned[:2]


def test_worth_shrinking_where_it_gives_back_a_fifth_and_there_is_room() -> None:
    assert worth_shrinking(10_000_000, 2_000_000, 10**9)
    assert not worth_shrinking(10_000_000, 1_999_999, 10**9)
    assert not worth_shrinking(10_000_000, 9_000_000, 200_000_000), "no room for a copy"
    assert not worth_shrinking(600_000_000, 500_000_000, 10**12), "whoever writes it would wait too long"
    assert not worth_shrinking(0, 0, 10**9)
