"""A publish that is cut short, at every operation: the old snapshot or the new one, nothing between."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto_bt.core.errors import StoreError
from crypto_bt.store import SnapshotStore
from crypto_bt.store.durable import TEMPORARY_PREFIX
from crypto_bt.store.manifests import manifest_ids, manifest_path
from crypto_bt_tests.store.campaign import Tally, context, publish_and_die, run_round
from crypto_bt_tests.store.faults import Countdown, disk_broken, disk_full, kill_self
from crypto_bt_tests.store.samples import candles, closes, marker_of, publish, publish_marked, small_store

SEED = 20261121


def _visible(root: Path) -> int:
    store = SnapshotStore(root)
    current = store.current()
    return 0 if current is None else marker_of(store, current.id)


def _operations(root: Path, already: int) -> list[str]:
    store = small_store(root, already)
    with Countdown(0, kill_self).installed() as healthy:
        publish_marked(store, already + 1)
    return healthy.seen


@pytest.mark.parametrize("already", [0, 2])
def test_publish_killed_at_every_operation_old_or_new_whole(tmp_path: Path, already: int) -> None:
    operations = _operations(tmp_path / "healthy", already)
    kills = [(at, False) for at in range(1, len(operations) + 1)]
    kills += [(at, True) for at, name in enumerate(operations, 1) if name == "write"]
    seen = set()
    for at, torn in kills:
        root = tmp_path / f"{at}{torn}"
        store = small_store(root, already)
        process = context.Process(target=publish_and_die, args=(root, already + 1, at, torn))
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL, f"operation {at}: the kill did not happen"
        seen.add(_visible(root))
        assert store.verify().ok, f"operation {at}"
        publish_marked(store, already + 1)
        assert _visible(root) == already + 1, (
            f"operation {at}: the store could not be published to afterwards"
        )
        assert not _unfinished(root), f"operation {at}: the next publish did not sweep"
    assert seen == {already, already + 1}
    assert len(kills) > 25, "the sweep saw too few operations to mean anything"


def _refusal(store: SnapshotStore, marker: int) -> str | None:
    try:
        publish_marked(store, marker)
    except StoreError as error:
        return str(error)
    return None


@pytest.mark.parametrize("already", [0, 2])
@pytest.mark.parametrize(
    ("strike", "said"), [(disk_full, "No space left on device"), (disk_broken, "Input/output error")]
)
def test_publish_disk_error_at_every_operation_store_as_before(
    tmp_path: Path, already: int, strike: Callable[[], None], said: str
) -> None:
    new_visible = 0
    for at in range(1, 200):
        root = tmp_path / str(at)
        store = small_store(root, already)
        with Countdown(at, strike).installed() as fault:
            message = _refusal(store, already + 1)
        if not fault.fired:
            break
        if message is not None:
            assert said in message
            new_visible += _visible(root) != already
        assert store.verify().ok
        publish_marked(store, already + 1)
        assert _visible(root) == already + 1
    assert at > 20
    assert new_visible <= 2, "only forcing CURRENT's name to disk may fail with the new one visible"


def test_publish_killed_at_random_points_no_harm(tmp_path: Path) -> None:
    tally = Tally()
    run_round(tmp_path / "a", 8, f"{SEED}/a", tally)
    run_round(tmp_path / "b", 7, f"{SEED}/b", tally)
    assert tally.failures == [], f"seed {SEED}"
    assert (tally.held, tally.kills) == (15, 15)
    assert tally.figures["acknowledged_publishes"] > 0


def test_publish_after_manifest_without_current_takes_its_id(tmp_path: Path) -> None:
    store = small_store(tmp_path, 2)
    before = (tmp_path / "CURRENT").read_bytes()
    orphan = publish(store, candles_1h=candles({("ORPHAN", 0): 1.0}))
    (tmp_path / "CURRENT").write_bytes(before)
    assert [snapshot.id for snapshot in store.snapshots()] == ["000001", "000002"]
    with pytest.raises(StoreError, match="no snapshot '000003'"):
        store.snapshot(orphan.id)
    assert publish_marked(store, 3).id == orphan.id
    assert ("ORPHAN", 0) not in closes(store, "000003")
    assert marker_of(store, "000003") == 3


def test_gc_manifest_without_current_removed_with_its_objects(tmp_path: Path) -> None:
    store = small_store(tmp_path, 2)
    before = (tmp_path / "CURRENT").read_bytes()
    publish(store, candles_1h=candles({("ORPHAN", 0): 1.0}))
    (tmp_path / "CURRENT").write_bytes(before)
    collected = store.gc(["000001", "000003"])
    assert collected.snapshots == ()
    assert collected.objects == 1
    assert manifest_ids(tmp_path) == ["000001", "000002"]
    assert not manifest_path(tmp_path, "000003").exists()


def _unfinished(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.name.startswith(TEMPORARY_PREFIX)]
