"""Every place of backups behaves alike: a folder, and an address of fsspec."""

import uuid
from pathlib import Path

import pytest

from crypto_bt.core.errors import StoreError
from crypto_bt.store.backup import copy_backup, create_backup, newest_good, prune_backups, verify_backups
from crypto_bt.store.backup_places import AddressPlace, BackupPlace, FolderPlace, place_at
from crypto_bt_tests.store.homes import small_home
from crypto_bt_tests.store.samples import NOW


@pytest.fixture(params=["folder", "address"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> BackupPlace:
    address = str(tmp_path / "place") if request.param == "folder" else f"memory://{uuid.uuid4().hex}/backups"
    return place_at(address)


def test_address_decides_the_kind_of_place(tmp_path: Path) -> None:
    assert isinstance(place_at(str(tmp_path)), FolderPlace)
    assert isinstance(place_at("s3://desk/backups"), AddressPlace)


def test_piece_written_is_read_listed_replaced_and_removed(place: BackupPlace) -> None:
    assert place.names("objects") == {}
    with pytest.raises(FileNotFoundError):
        place.read("objects", "a")
    place.write("objects", "a", b"one")
    place.write("objects", "a", b"another")
    place.write("manifests", "b", b"")
    place.settle("objects")
    assert place.read("objects", "a") == b"another"
    assert place.names("objects") == {"a": 7}
    place.remove("objects", "a")
    place.remove("objects", "a")
    assert place.names("objects") == {}
    assert place.names("manifests") == {"b": 0}


def test_backup_made_copied_verified_and_pruned(place: BackupPlace, tmp_path: Path) -> None:
    home = small_home(tmp_path / "home")
    name = create_backup(place, home, now=NOW, reason="test", program="1").backup.name
    assert [item.ok for item in verify_backups(place)] == [True]
    back = FolderPlace(tmp_path / "back")
    copy_backup(place, name, back, now=NOW)
    assert newest_good(back) == newest_good(place)
    assert prune_backups(place, []).names == (name,)
    assert place.names("objects") == {}


def test_place_that_cannot_be_reached_is_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "unmounted")
    with pytest.raises(StoreError, match="cannot be reached"):
        FolderPlace(tmp_path / "link").names("manifests")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be reached"):
        FolderPlace(tmp_path / "file").names("manifests")
    with pytest.raises(StoreError, match="BACKUP_OFFSITE_DIR"):
        AddressPlace("nosuch://x").names("manifests")
