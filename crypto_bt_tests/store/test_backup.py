"""Backups: only what verifies is backed up, only what is lacking is copied, only what is whole is listed."""

import errno
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from crypto_bt.core.errors import StoreCorrupt, StoreError, UsageError
from crypto_bt.store import SnapshotStore
from crypto_bt.store.backup import (
    copy_backup,
    create_backup,
    newest_good,
    prune_backups,
    verify_backups,
)
from crypto_bt.store.backup_manifests import backup_names, read_backup, read_pieces
from crypto_bt.store.backup_places import BackupPlace, FolderPlace
from crypto_bt.store.databases import copy_database
from crypto_bt.store.durable import TEMPORARY_PREFIX
from crypto_bt_tests.store.faults import Countdown, disk_broken, disk_full
from crypto_bt_tests.store.homes import CANARY, add_rows, publish_night, rows_in, small_home
from crypto_bt_tests.store.samples import NOW, publish_marked

SEED = 7


def read_only() -> None:
    """What the system says when the disk was mounted anew after an error."""
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def make(place: BackupPlace, root: Path, now: datetime = NOW, **known: object) -> str:
    """Back up, and the name of what came of it."""
    return create_backup(place, root, now=now, reason="test", program="1", reference=known).backup.name


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return small_home(tmp_path / "home")


@pytest.fixture
def place(tmp_path: Path) -> FolderPlace:
    return FolderPlace(tmp_path / "backups")


def test_backup_holds_the_home_but_no_secret_and_no_lock(home: Path, place: FolderPlace) -> None:
    name = make(place, home, digest="abc")
    backup = read_backup(place, name)
    paths = {item.path for item in backup.files}
    expected = {
        "store/CURRENT", "store/snapshots/000003.json", "results/nights/2026-11-21.json", "alerts.log",
        "results/trials.jsonl", "dagster/dagster.yaml", "dagster/history/runs.db", "outbox.db",
    }  # fmt: skip
    assert expected <= paths
    assert not [path for path in paths if ".env" in path or path.endswith((".lock", "-wal", "-shm"))]
    everything = b"".join(b"".join(read_pieces(place, item)) for item in backup.files)
    assert CANARY.encode() not in everything
    assert (backup.snapshot, backup.reference, backup.reason) == ("000003", {"digest": "abc"}, "test")
    assert [item.ok for item in verify_backups(place)] == [True]
    modes = {path.stat().st_mode & 0o777 for path in place.root.rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_second_backup_copies_only_what_is_lacking(home: Path, place: FolderPlace) -> None:
    first = create_backup(place, home, now=NOW, reason="test", program="1")
    publish_marked(SnapshotStore(home / "store", views=False), 4)
    second = create_backup(place, home, now=NOW + timedelta(days=1), reason="test", program="1")
    # Objects of the two months touched, in two datasets, the manifest and CURRENT.
    assert 0 < second.pieces <= 8 < first.pieces
    assert [item.ok for item in verify_backups(place)] == [True, True]


def test_database_open_and_being_written_is_copied_with_every_commit(
    home: Path, place: FolderPlace, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(home / "outbox.db")) as writer:
        add_rows(writer, 999)
        wal = home / "outbox.db-wal"
        assert wal.stat().st_size > 0, "nothing was left in the WAL: the test proves nothing"
        backup = read_backup(place, make(place, home))
    [item] = [item for item in backup.files if item.path == "outbox.db"]
    copy = tmp_path / "copy.db"
    copy.write_bytes(b"".join(read_pieces(place, item)))
    assert rows_in(copy) == 1_002


@pytest.mark.parametrize("kind", ["CURRENT", "objects", "snapshots", "nights", "runs"])
def test_home_that_does_not_verify_is_refused_and_the_last_good_one_stays(
    home: Path, place: FolderPlace, kind: str
) -> None:
    good = make(place, home)
    for number in range(5):
        chance = random.Random(f"{SEED}/{kind}/{number}")
        files = sorted(
            path
            for folder in ("store", "results")
            for path in (home / folder).rglob("*")
            if path.is_file() and kind in path.relative_to(home).parts
        )
        victim = chance.choice(files)
        before = victim.read_bytes()
        data = bytearray(before)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        victim.write_bytes(data)
        with pytest.raises(StoreCorrupt, match="not backed up") as refused:
            make(place, home, NOW + timedelta(days=1))
        assert victim.name in str(refused.value), f"{SEED}/{kind}/{number}"
        assert backup_names(place) == [good]
        victim.write_bytes(before)
    assert newest_good(place) is not None


def test_locked_database_is_not_called_corrupt(tmp_path: Path) -> None:
    database = tmp_path / "locked.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE events (id INTEGER)")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked") as refused:
            copy_database(database, tmp_path / "copy.db", patience=0.1)
    assert not isinstance(refused.value, StoreCorrupt)


def test_corrupt_database_is_refused(home: Path, place: FolderPlace) -> None:
    database = home / "dagster" / "history" / "runs.db"
    data = bytearray(database.read_bytes())
    data[4096 : 4096 + 2000] = os.urandom(2000)
    database.write_bytes(data)
    with pytest.raises(StoreCorrupt, match=r"runs.db is corrupt"):
        make(place, home)
    database.write_bytes(b"SQLite format 3\x00" + b"\x00" * 10)
    with pytest.raises(StoreCorrupt, match=r"runs.db is corrupt"):
        make(place, home)
    assert backup_names(place) == []


@pytest.mark.parametrize(
    ("strike", "said"),
    [
        (disk_full, "No space left on device"),
        (disk_broken, "Input/output error"),
        (read_only, "Read-only file system"),
    ],
)
def test_disk_error_at_every_operation_lists_only_whole_backups(
    tmp_path: Path, strike: Callable[[], None], said: str
) -> None:
    home = small_home(tmp_path / "home", 1)
    fired = 0
    for at in range(1, 2_000, 4):
        place = FolderPlace(tmp_path / f"backups{at}")
        fault = Countdown(at, strike)
        error = ""
        with fault.installed():
            try:
                make(place, home)
            except StoreError as refused:
                error = str(refused)
        if not fault.fired:
            break
        fired += 1
        assert all(item.ok for item in verify_backups(place)), at
        assert said in error or backup_names(place) or "cannot be copied" in error, (at, error)
        make(place, home, NOW + timedelta(hours=1))
        assert verify_backups(place)[-1].ok, at
        assert not list(place.root.rglob(f"{TEMPORARY_PREFIX}*")), at
    assert fired > 20, "the sweep struck too seldom to mean anything"


def test_damaged_piece_is_seen_named_and_healed_by_the_next_backup(home: Path, place: FolderPlace) -> None:
    first = make(place, home)
    for number in range(20):
        chance = random.Random(f"{SEED}/{number}")
        victim = chance.choice(sorted((place.root / "objects").iterdir()))
        data = bytearray(victim.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        victim.write_bytes(data)
        [seen] = verify_backups(place)
        assert seen.damaged == (f"objects/{victim.name}",), f"{SEED}/{number}"
        assert newest_good(place) is None
        assert make(place, home) == first
        assert verify_backups(place)[0].ok, f"{SEED}/{number}"


def test_damaged_manifest_is_listed_as_bad_and_not_raised(home: Path, place: FolderPlace) -> None:
    good, bad = make(place, home), make(place, home, NOW + timedelta(days=1))
    path = place.root / "manifests" / f"{bad}.json"
    path.write_bytes(path.read_bytes()[:-9])
    assert [(item.name, item.ok) for item in verify_backups(place)] == [(good, True), (bad, False)]
    newest = newest_good(place)
    assert newest is not None
    assert newest.name == good


def test_pruning_removes_what_nobody_needs_and_nothing_else(home: Path, place: FolderPlace) -> None:
    names = []
    for day in range(4):
        publish_marked(SnapshotStore(home / "store", views=False), 4 + day)
        publish_night(home, date(2026, 11, 22) + timedelta(days=day), float(day))
        names.append(make(place, home, NOW + timedelta(days=day)))
    pruned = prune_backups(place, names[2:])
    assert pruned.names == tuple(names[:2])
    assert pruned.pieces > 0
    assert pruned.bytes > 0
    assert backup_names(place) == names[2:]
    assert all(item.ok for item in verify_backups(place))
    assert prune_backups(place, names).pieces == 0


def test_pruning_beside_an_unreadable_manifest_removes_no_piece(home: Path, place: FolderPlace) -> None:
    names = [make(place, home, NOW + timedelta(days=day)) for day in range(2)]
    path = place.root / "manifests" / f"{names[1]}.json"
    path.write_bytes(b"{}")
    before = place.names("objects")
    assert prune_backups(place, [names[1]]).pieces == 0
    assert place.names("objects") == before


def test_copy_elsewhere_is_verified_and_never_of_a_damaged_one(
    home: Path, place: FolderPlace, tmp_path: Path
) -> None:
    name = make(place, home)
    target = FolderPlace(tmp_path / "other disk")
    copied = copy_backup(place, name, target, now=NOW)
    assert copied.pieces == len(place.names("objects"))
    assert copy_backup(place, name, target, now=NOW).pieces == 0
    assert [item.ok for item in verify_backups(target)] == [True]
    victim = sorted((place.root / "objects").iterdir())[0]
    victim.write_bytes(b"")
    empty = FolderPlace(tmp_path / "third")
    with pytest.raises(StoreCorrupt, match="is corrupt"):
        copy_backup(place, name, empty, now=NOW)
    assert backup_names(empty) == []


@pytest.mark.parametrize("name", ["../x", "20261121T233000Z-000003/../x", "", "x" * 300, "a\0b", "-rf"])
def test_name_that_is_no_backups_name_is_refused(place: FolderPlace, name: str) -> None:
    with pytest.raises(UsageError, match="not the name of a backup"):
        read_backup(place, name)


def test_link_in_the_place_of_a_piece_is_not_followed(home: Path, place: FolderPlace, tmp_path: Path) -> None:
    name = make(place, home)
    victim = sorted((place.root / "objects").iterdir())[0]
    elsewhere = tmp_path / "elsewhere"
    victim.rename(elsewhere)
    victim.symlink_to(elsewhere)
    assert not verify_backups(place, [name])[0].ok
