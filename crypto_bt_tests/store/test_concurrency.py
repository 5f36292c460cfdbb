"""Readers beside a publisher, two publishers, and the lock between them."""

import threading
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from crypto_bt.core.errors import SnapshotMissing, StoreError
from crypto_bt.store import SnapshotStore
from crypto_bt.store.locking import exclusive
from crypto_bt_tests.store.campaign import context
from crypto_bt_tests.store.samples import (
    NOW,
    candles,
    closes,
    marker_of,
    publish,
    publish_marked,
    small_store,
)

PUBLISHES = 60


def publish_many(root: Path, answer: Connection) -> None:
    """Publish markers 2 to PUBLISHES, collecting often, then say so."""
    store = SnapshotStore(root, views=False)
    for marker in range(2, PUBLISHES + 1):
        publish_marked(store, marker)
        if marker % 5 == 0:
            store.gc([])
    answer.send("done")


def test_read_beside_publisher_always_a_whole_snapshot(tmp_path: Path) -> None:
    store = small_store(tmp_path, 1)
    inlet, outlet = context.Pipe(duplex=False)
    process = context.Process(target=publish_many, args=(tmp_path, outlet))
    process.start()
    markers, collected = [], 0
    while not inlet.poll():
        current = store.current()
        assert current is not None
        assert ("MARK", 0) in closes(store)
        try:
            markers.append(marker_of(store, current.id))
        except SnapshotMissing:
            collected += 1
    process.join(60)
    assert process.exitcode == 0
    assert markers == sorted(markers)
    assert len(set(markers)) > 3, f"the reader was never beside the publisher ({len(markers)} reads)"
    assert len(markers) > collected
    assert marker_of(store, f"{PUBLISHES:06d}") == PUBLISHES


def publish_own_rows(root: Path, name: str, count: int) -> None:
    """Publish ``count`` rows of the symbol ``name``, one at a time."""
    store = SnapshotStore(root, views=False)
    for number in range(count):
        publish(store, candles_1h=candles({(name, number): float(number)}))


def test_publish_two_at_once_nothing_lost(tmp_path: Path) -> None:
    names = ["AA", "BB"]
    processes = [context.Process(target=publish_own_rows, args=(tmp_path / "s", name, 25)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    store = SnapshotStore(tmp_path / "s")
    assert closes(store) == {(name, number): float(number) for name in names for number in range(25)}
    assert [int(snapshot.id) for snapshot in store.snapshots()] == list(range(1, 51))


def test_publish_lock_held_names_the_holder(tmp_path: Path) -> None:
    small_store(tmp_path, 1)
    failures: list[StoreError] = []

    def try_to_publish() -> None:
        try:
            publish_marked(SnapshotStore(tmp_path, lock_timeout=0.05, views=False), 2)
        except StoreError as error:
            failures.append(error)

    with exclusive(tmp_path, who="the backfill", now=NOW, timeout=1):
        thread = threading.Thread(target=try_to_publish)
        thread.start()
        thread.join()
        assert SnapshotStore(tmp_path).current() is not None, "readers do not wait"
    assert len(failures) == 1
    message = str(failures[0])
    assert "is being written by the backfill (process" in message
    assert "since 2026-11-21T23:30:00.000Z" in message
    assert "waited 0.05 s" in message
    publish_marked(SnapshotStore(tmp_path, views=False), 2)


def test_exclusive_unwritable_place_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match="Cannot write in"),
        exclusive(tmp_path / "file" / "store", who="t", now=None, timeout=1),
    ):
        pass
