"""What the sensor starts: the most urgent thing, one at a time, nothing for ever."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.backup_due import FETCHES, BackupFacts, choose, is_due, wants_look
from crypto_bt.core.disk_room import DiskRoom, too_little, what_to_delete

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)

facts = st.builds(
    BackupFacts,
    now=st.just(NOW),
    loaded=st.booleans(),
    damaged=st.booleans(),
    snapshot=st.sampled_from([None, "000007"]),
    newest=st.sampled_from(
        [None, ("000007", NOW - timedelta(days=3)), ("000006", NOW - timedelta(hours=5)),
         ("000006", NOW - timedelta(hours=25))]
    ),
    pending=st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 5)),
    busy=st.sampled_from(["", "run 1 of data_update"]),
)  # fmt: skip


@given(facts)
def test_one_thing_at_a_time_and_nothing_beside_a_writer(seen: BackupFacts) -> None:
    action = choose(seen)
    assert action.why
    assert not (action.backup and action.fetch)
    assert bool(action.run_key) == bool(action.backup or action.fetch)
    if seen.busy or not seen.loaded:
        assert not action.backup
        assert action.fetch is None
    if action.fetch:
        assert seen.pending[action.fetch] < FETCHES
        assert not seen.damaged


@given(facts)
def test_damage_comes_before_everything_and_a_due_backup_is_not_forgotten(seen: BackupFacts) -> None:
    action = choose(seen)
    if seen.loaded and not seen.busy and seen.damaged:
        assert action.backup
        assert str(action.run_key).startswith("damage-")
    waiting = any(tried < FETCHES for tried in seen.pending.values())
    if seen.loaded and not seen.busy and not seen.damaged and not waiting:
        assert action.backup == is_due(seen.snapshot, seen.newest, NOW)


def test_backup_is_due_for_a_new_snapshot_after_a_day() -> None:
    assert is_due("000002", None, NOW)
    assert is_due("000002", ("000001", NOW - timedelta(hours=25)), NOW)
    assert not is_due("000002", ("000001", NOW - timedelta(hours=23)), NOW)
    assert not is_due("000002", ("000002", NOW - timedelta(days=9)), NOW)
    assert not is_due(None, None, NOW)


def test_everything_is_hashed_every_hour_also_after_the_clock_was_set_back() -> None:
    assert wants_look(None, NOW)
    assert wants_look(NOW - timedelta(hours=1), NOW)
    assert not wants_look(NOW - timedelta(minutes=59), NOW)
    assert wants_look(NOW + timedelta(minutes=5), NOW)


def test_too_little_room_is_said_with_the_values_and_what_to_delete() -> None:
    assert too_little(DiskRoom(50, 100), minimum_gb=0, minimum_share=0.1) == ""
    by_size = too_little(DiskRoom(900_000_000, 2_000_000_000), minimum_gb=1, minimum_share=0.1)
    assert "0.90 GB" in by_size
    by_share = too_little(DiskRoom(9_000_000_000, 100_000_000_000), minimum_gb=1, minimum_share=0.1)
    assert "(9.0%)" in by_share
    advice = what_to_delete({"backups": 5_000_000, "store": 9_000_000, "mine": 10**12})
    assert advice.index("store 9 MB: crypto-bt data compact") < advice.index("backups 5 MB")
    assert "mine" not in advice
