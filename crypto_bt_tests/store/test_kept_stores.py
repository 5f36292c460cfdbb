"""A store kept from each schema version is opened, read, published to and migrated."""

import shutil
from pathlib import Path

import pytest

from crypto_bt.core.errors import StoreError
from crypto_bt.store import SnapshotStore, manifests
from crypto_bt.store.mending import put_newer_aside
from crypto_bt_tests.store.samples import NOW, marker_of, publish_marked

KEPT = Path(__file__).with_name("kept")


@pytest.fixture(params=sorted(path.name for path in KEPT.iterdir()))
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotStore:
    """A copy of a store as that version wrote it."""
    shutil.copytree(KEPT / request.param, tmp_path / "home" / "store")
    return SnapshotStore(tmp_path / "home" / "store", views=False)


def test_every_version_so_far_is_kept() -> None:
    assert {path.name for path in KEPT.iterdir()} == {
        f"schema_{number}" for number in range(1, manifests.SCHEMA_VERSION + 1)
    }


def test_kept_store_is_read_verified_and_published_to(kept: SnapshotStore) -> None:
    assert kept.verify().ok
    assert [marker_of(kept, item.id) for item in kept.snapshots()] == [1, 2]
    publish_marked(kept, 3)
    assert marker_of(kept, "000003") == 3


def test_kept_store_is_migrated_and_goes_back(kept: SnapshotStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kept.current()
    assert before is not None
    later = before.schema_version + 1
    monkeypatch.setattr(manifests, "SCHEMA_VERSION", later)
    fresh = kept.migrate(who="test", now=NOW)
    assert fresh is not None
    assert (fresh.schema_version, fresh.digest, fresh.parent) == (later, before.digest, before.id)
    assert kept.migrate(who="test", now=NOW) is None
    assert marker_of(kept, before.id) == marker_of(kept, fresh.id) == 2
    kept.roll_back(before.id, who="test", now=NOW)
    assert put_newer_aside(kept.root.parent, kept.root, now=NOW) == [fresh.id]
    monkeypatch.undo()
    assert kept.verify().ok
    assert kept.current() == before


def test_store_of_a_later_version_is_refused_not_called_corrupt(
    kept: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "SCHEMA_VERSION", 99)
    kept.migrate(who="test", now=NOW)
    monkeypatch.undo()
    with pytest.raises(StoreError, match="schema version 99") as refused:
        kept.current()
    assert type(refused.value) is StoreError
