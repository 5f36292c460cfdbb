"""Damage on disk is seen, named, and never read as data; what cannot be read is not called damage."""

import os
import random
import shutil
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from crypto_bt.core.errors import SnapshotMissing, StoreCorrupt, StoreError
from crypto_bt.store import SnapshotStore
from crypto_bt.store.manifests import manifest_path
from crypto_bt.store.objects import object_path
from crypto_bt_tests.store.campaign import context
from crypto_bt_tests.store.samples import candles, closes, marker_of, publish, small_store

SEED = 60
FLIPS = 60


def _flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def _files(root: Path) -> list[Path]:
    return sorted([root / "CURRENT", *(root / "objects").iterdir(), *(root / "snapshots").iterdir()])


@pytest.mark.parametrize("kind", ["CURRENT", "snapshots", "objects"])
def test_read_any_flipped_bit_never_silently_wrong(tmp_path: Path, kind: str) -> None:
    healthy = small_store(tmp_path / "healthy", 3)
    truth = {snapshot.id: marker_of(healthy, snapshot.id) for snapshot in healthy.snapshots()}
    for number in range(FLIPS // 3):
        chance = random.Random(f"{SEED}/{kind}/{number}")
        root = tmp_path / f"{number}"
        shutil.copytree(tmp_path / "healthy", root)
        victim = chance.choice([path for path in _files(root) if kind in path.parts])
        _flip(victim, chance)
        store, raised = SnapshotStore(root), []
        for snapshot_id, marker in truth.items():
            try:
                assert marker_of(store, snapshot_id) == marker, f"{SEED}/{number}: {victim} silently wrong"
            except StoreCorrupt as error:
                raised.append(str(error))
        assert raised, f"{SEED}/{number}: nobody noticed the flip in {victim}"
        assert all(victim.name in message and "crypto-bt data verify" in message for message in raised)
        verification = store.verify()
        assert verification.corrupt == (str(victim.relative_to(root)),), f"{SEED}/{number}: {verification}"


def test_flip_in_current_that_names_an_older_snapshot_is_seen(tmp_path: Path) -> None:
    store = small_store(tmp_path, 3)
    path = tmp_path / "CURRENT"
    path.write_bytes(path.read_bytes().replace(b"000003", b"000002"))
    with pytest.raises(StoreCorrupt, match="CURRENT is corrupt"):
        store.current()


def test_manifest_of_another_snapshot_in_its_place_is_seen(tmp_path: Path) -> None:
    store = small_store(tmp_path, 3)
    shutil.copy(manifest_path(tmp_path, "000001"), manifest_path(tmp_path, "000002"))
    with pytest.raises(StoreCorrupt, match="not the manifest of snapshot 000002"):
        store.snapshot("000002")


def test_current_of_another_history_is_seen(tmp_path: Path) -> None:
    one, other = small_store(tmp_path / "one", 2), SnapshotStore(tmp_path / "other", views=False)
    for close in (5.0, 6.0):
        publish(other, candles_1h=candles({("AA", 0): close}))
    shutil.copy(other.root / "CURRENT", one.root / "CURRENT")
    with pytest.raises(StoreCorrupt, match="not the manifest of snapshot 000002"):
        one.current()


def test_read_missing_object_corrupt_with_the_command(tmp_path: Path) -> None:
    store = small_store(tmp_path, 1)
    ref = store.snapshots()[0].objects[0]
    object_path(tmp_path, ref.sha256).unlink()
    with pytest.raises(StoreCorrupt, match=rf"{ref.sha256}.*is missing.*crypto-bt data verify"):
        store.read(ref.dataset)
    assert store.verify().missing == (f"objects/{ref.sha256}.parquet",)
    assert store.verify("000001").objects == store.verify("000001").of - 1


def test_verify_missing_current_or_manifest_reported(tmp_path: Path) -> None:
    store = small_store(tmp_path, 2)
    manifest_path(tmp_path, "000002").unlink()
    assert store.verify().missing == ("snapshots/000002.json",)
    with pytest.raises(StoreCorrupt, match="is missing, though CURRENT names it"):
        store.current()
    (tmp_path / "CURRENT").unlink()
    assert store.verify().missing == ("CURRENT",)
    with pytest.raises(StoreCorrupt, match="CURRENT is missing, though there are snapshots"):
        store.read("candles_1h")
    with pytest.raises(StoreCorrupt):
        publish(store, candles_1h=candles({("AA", 0): 1.0}))


def test_publish_into_damaged_month_refused_store_as_before(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, views=False)
    first = publish(store, candles_1h=candles({("AA", 0): 1.0, ("AA", 1000): 2.0}))
    _flip(object_path(tmp_path, first.objects[0].sha256), random.Random(SEED))
    with pytest.raises(StoreCorrupt):
        publish(store, candles_1h=candles({("AA", 1): 1.0}))
    assert store.current() == first
    publish(store, candles_1h=candles({("AA", 1001): 3.0}))


def test_gc_damaged_manifest_that_stays_refused_nothing_removed(tmp_path: Path) -> None:
    store = small_store(tmp_path, 3)
    _flip(manifest_path(tmp_path, "000002"), random.Random(SEED))
    before = _files(tmp_path)
    with pytest.raises(StoreCorrupt, match="000002"):
        store.gc(["000002"])
    assert _files(tmp_path) == before
    store.gc(["000001"])
    assert store.verify().ok


def test_read_newer_schema_version_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_store(tmp_path, 1)
    monkeypatch.setattr("crypto_bt.store.manifests.SCHEMA_VERSION", 0)
    with pytest.raises(StoreError, match="schema version 1; this program knows 0"):
        SnapshotStore(tmp_path).current()


def _read_as_nobody(root: Path, answer: Connection) -> None:
    if os.getuid() == 0:
        os.setuid(65534)
    store = SnapshotStore(root)
    for act in (store.current, lambda: store.read("candles_1h"), lambda: publish(store), store.verify):
        try:
            act()
            answer.send(("nothing", ""))
        except StoreError as error:
            answer.send((type(error).__name__, str(error)))


def test_store_without_permission_error_names_it_and_is_not_corruption(tmp_path: Path) -> None:
    small_store(tmp_path / "store", 1)
    (tmp_path / "store").chmod(0)
    inlet, outlet = context.Pipe(duplex=False)
    process = context.Process(target=_read_as_nobody, args=(tmp_path / "store", outlet))
    process.start()
    for _ in range(4):
        kind, message = inlet.recv()
        assert kind == "StoreError"
        assert "Permission denied" in message
    process.join(60)
    (tmp_path / "store").chmod(0o700)
    assert SnapshotStore(tmp_path / "store").verify().ok


def test_read_snapshot_collected_meanwhile_newest_or_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that loses its snapshot to a collection reads the newest, or hears that its own is gone."""
    store = small_store(tmp_path, 1)
    real, raced = SnapshotStore.current, []

    def current_then_collected(self: SnapshotStore) -> object:
        snapshot = real(self)
        if not raced:
            raced.append(snapshot)
            small = SnapshotStore(tmp_path, views=False)
            publish(small, candles_1h=candles({("MARK", 0): 2.0}))
            small.gc([])
        return snapshot

    monkeypatch.setattr(SnapshotStore, "current", current_then_collected)
    assert closes(store)[("MARK", 0)] == 2.0
    assert raced, "the race did not happen"
    with pytest.raises(SnapshotMissing):
        store.read("candles_1h", at="000001")
