"""The mildest remedy is chosen, what cannot be read is not called damaged, and nothing is tried for ever."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.recovery import ATTEMPTS, Damage, Help, Lost, Remedy, decide

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
ONE, TWO = (Lost(name, "candles_1h", "2026-11", NOW - timedelta(days=9), NOW) for name in ("a", "b"))

lost = st.sets(st.sampled_from([ONE, TWO])).map(lambda found: tuple(sorted(found, key=lambda i: i.sha256)))
damages = st.builds(
    Damage,
    unreadable=st.sampled_from(["", "permission denied"]),
    pointer=st.booleans(),
    manifest=st.booleans(),
    objects=lost,
    others=st.sampled_from([(), ("store/snapshots/000001.json",)]),
    results=st.sampled_from([(), ("results/nights/2026-11-21.json",)]),
)
helps = st.builds(
    Help,
    copies=st.sets(st.sampled_from(["a", "b"])),
    manifest=st.booleans(),
    previous=st.sampled_from([None, "000002"]),
    backup=st.sampled_from([None, "20261123T000000Z-000001"]),
)
attempts = st.lists(st.integers(0, 100).map(lambda hours: NOW - timedelta(hours=hours)), max_size=5)


def remedies(damage: Damage, help_: Help, tried: tuple[datetime, ...] = ()) -> list[Remedy]:
    return [step.remedy for step in decide(damage, help_, tried, NOW).steps]


def test_sound_store_needs_nothing() -> None:
    assert remedies(Damage(), Help()) == [Remedy.NOTHING]


def test_corrupt_object_comes_from_a_backup_else_from_the_exchange() -> None:
    damage = Damage(objects=(ONE, TWO))
    plan = decide(damage, Help(copies={"a"}), (), NOW)
    assert [(step.remedy, step.objects) for step in plan.steps] == [
        (Remedy.COPY, ("a",)),
        (Remedy.REFETCH, ("b",)),
        (Remedy.CLEAR, ()),
    ]
    assert plan.refetched == (TWO,)
    assert decide(damage, Help(copies={"a", "b"}), (), NOW).refetched == ()


def test_corrupt_current_goes_to_previous_snapshot_then_backup_then_exchange() -> None:
    damage = Damage(pointer=True)
    assert remedies(damage, Help(previous="000002", backup="x")) == [Remedy.PREVIOUS, Remedy.CLEAR]
    assert remedies(damage, Help(backup="x")) == [Remedy.RESTORE, Remedy.CLEAR]
    assert remedies(damage, Help()) == [Remedy.REBUILD, Remedy.CLEAR]


def test_corrupt_manifest_is_copied_where_a_backup_has_it() -> None:
    assert remedies(Damage(manifest=True), Help(manifest=True, previous="000002"))[0] is Remedy.COPY
    assert remedies(Damage(manifest=True), Help(previous="000002"))[0] is Remedy.PREVIOUS


@given(damages, helps, attempts)
def test_unreadable_is_never_called_corrupt(damage: Damage, help_: Help, tried: list[datetime]) -> None:
    plan = decide(damage, help_, tried, NOW)
    if damage.unreadable:
        assert [step.remedy for step in plan.steps] == [Remedy.WAIT]
        assert not plan.changes


@given(damages, helps, attempts)
def test_third_recovery_in_a_day_is_refused(damage: Damage, help_: Help, tried: list[datetime]) -> None:
    plan = decide(damage, help_, tried, NOW)
    recent = [moment for moment in tried if NOW - moment < timedelta(hours=24)]
    broken = not damage.none and not damage.unreadable
    assert plan.changes == (broken and len(recent) < ATTEMPTS)
    assert plan.text


@given(damages, helps)
def test_every_lost_object_is_copied_refetched_or_left_behind_with_its_snapshot(
    damage: Damage, help_: Help
) -> None:
    plan = decide(damage, help_, (), NOW)
    if not plan.changes:
        return
    handled = {name for step in plan.steps for name in step.objects}
    moved = {Remedy.PREVIOUS, Remedy.RESTORE, Remedy.REBUILD} & {step.remedy for step in plan.steps}
    assert moved or handled == {item.sha256 for item in damage.objects}
    assert {item.sha256 for item in plan.refetched} <= handled
