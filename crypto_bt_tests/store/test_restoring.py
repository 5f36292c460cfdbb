"""Restoring puts back what a backup holds, takes nothing sound away, and never half of it."""

import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from crypto_bt.core.errors import SnapshotMissing, SourceMismatch, StoreCorrupt, UsageError
from crypto_bt.store import ResultsStore, SnapshotStore
from crypto_bt.store.backup import check_whole, create_backup
from crypto_bt.store.backup_manifests import Backup, read_backup, write_manifest
from crypto_bt.store.backup_places import FolderPlace
from crypto_bt.store.restoring import plan_market, plan_results, restore_market, restore_results, restore_to
from crypto_bt.store.restoring_all import restore_dagster, restore_others
from crypto_bt_tests.store.homes import (
    NIGHT,
    make_database,
    profit_of,
    publish_night,
    rows_in,
    small_home,
    visible,
)
from crypto_bt_tests.store.samples import NOW, candles, publish_marked

SEED = 11


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return small_home(tmp_path / "home")


@pytest.fixture
def place(tmp_path: Path) -> FolderPlace:
    return FolderPlace(tmp_path / "backups")


@pytest.fixture
def backup(home: Path, place: FolderPlace) -> Backup:
    return create_backup(place, home, now=NOW, reason="test", program="1").backup


def store_of(home: Path) -> SnapshotStore:
    return SnapshotStore(home / "store", views=False)


def test_restore_moves_current_back_and_keeps_later_snapshots(
    home: Path, place: FolderPlace, backup: Backup
) -> None:
    digest = store_of(home).snapshot("000003").digest
    publish_marked(store_of(home), 4)
    plan = plan_market(backup, home)
    assert (plan.now_at, plan.to, plan.objects) == ("000004", "000003", 0)
    restored = restore_market(place, backup, home, now=NOW)
    assert (restored.snapshot, restored.put_back, restored.aside) == ("000003", 0, ())
    assert visible(home) == 3
    assert [item.id for item in store_of(home).snapshots()] == ["000001", "000002", "000003", "000004"]
    assert store_of(home).snapshot("000003").digest == digest
    assert publish_marked(store_of(home), 4).id == "000005", "an id was given twice"


@pytest.mark.parametrize("number", range(12))
def test_restore_after_any_damage_gives_the_backups_snapshot_whole(
    home: Path, place: FolderPlace, backup: Backup, number: int
) -> None:
    digest = store_of(home).snapshot("000003").digest
    publish_marked(store_of(home), 4)
    chance = random.Random(f"{SEED}/{number}")
    files = sorted(path for path in (home / "store").rglob("*") if path.is_file() and path.suffix != ".lock")
    for victim in chance.sample(files, 3):
        action = chance.choice(["flip", "truncate", "delete", "empty"])
        data = bytearray(victim.read_bytes())
        if action == "delete":
            victim.unlink()
            continue
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        keep = {"flip": len(data), "truncate": len(data) // 2, "empty": 0}[action]
        victim.write_bytes(data[:keep])
    restore_market(place, backup, home, now=NOW)
    assert visible(home) == 3
    assert store_of(home).snapshot("000003").digest == digest
    assert store_of(home).verify().ok, f"{SEED}/{number}"
    for path in (home / "aside").iterdir() if (home / "aside").exists() else ():
        assert path.name.endswith(".report") or path.with_name(path.name + ".report").exists()


def test_restore_into_an_empty_home_keeps_the_snapshots_id(
    home: Path, place: FolderPlace, backup: Backup, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    restore_market(place, backup, empty, now=NOW)
    restore_results(place, backup, empty, now=NOW)
    restore_dagster(place, backup, empty, now=NOW)
    restore_others(place, backup, empty, now=NOW, settle=lambda copy, path: None)
    assert visible(empty) == 3
    assert store_of(empty).snapshot("000003") == store_of(home).snapshot("000003")
    assert profit_of(empty, NIGHT) == 1.0
    assert rows_in(empty / "dagster" / "history" / "runs.db") == 400
    assert rows_in(empty / "outbox.db") == 3
    assert not (empty / ".env").exists()
    check_whole(empty)


def test_restore_beside_another_history_takes_the_next_id(
    home: Path, place: FolderPlace, backup: Backup
) -> None:
    shutil.rmtree(home / "store")
    other = store_of(home)
    for close in (5.0, 6.0, 7.0):
        changes = {"candles_1h": candles({("AA", 0): close})}
        other.publish(changes, source="simulated:seed=7", published_by="t", now=NOW)
    restored = restore_market(place, backup, home, now=NOW)
    assert restored.snapshot == "000004"
    assert visible(home) == 3
    assert len(other.read("candles_1h", at="000003")) == 1


def test_restore_of_another_source_is_refused(home: Path, place: FolderPlace, backup: Backup) -> None:
    shutil.rmtree(home / "store")
    store_of(home).publish(
        {"candles_1h": candles({("AA", 0): 1.0})}, source="binance", published_by="t", now=NOW
    )
    with pytest.raises(SourceMismatch, match="--to DIR"):
        restore_market(place, backup, home, now=NOW)
    assert store_of(home).verify().ok


def test_reader_of_a_later_snapshot_is_not_disturbed(home: Path, place: FolderPlace, backup: Backup) -> None:
    publish_marked(store_of(home), 4)
    reader = store_of(home)
    before = reader.read("candles_1h", at="000004")
    restore_market(place, backup, home, now=NOW)
    assert reader.read("candles_1h", at="000004").equals(before)


def test_results_missing_or_damaged_come_back_and_later_nights_stay(
    home: Path, place: FolderPlace, backup: Backup
) -> None:
    later = NIGHT + timedelta(days=1)
    publish_night(home, later, 2.0)
    result = ResultsStore(home / "results").night(NIGHT)
    assert result is not None
    shutil.rmtree(result.path)
    (home / "results" / "trials.jsonl").write_text('{"trial": 1}\n{"trial": 2}\n')
    back, nights = plan_results(backup, home)
    assert back
    assert set(nights) <= {NIGHT, later}
    restore_results(place, backup, home, now=NOW)
    assert profit_of(home, NIGHT) == 1.0
    assert (home / "results" / "trials.jsonl").read_text().count("\n") == 2
    (home / "results" / "nights" / f"{NIGHT}.json").write_text("{")
    restore_results(place, backup, home, now=NOW)
    assert profit_of(home, NIGHT) == 1.0
    assert plan_results(backup, home)[0] == []


def test_restore_to_a_folder_is_whole_or_not_there(
    place: FolderPlace, backup: Backup, tmp_path: Path
) -> None:
    target = restore_to(place, backup, tmp_path / "copy", "market")
    assert visible(target) == 3
    assert not (target / "results").exists()
    with pytest.raises(UsageError, match="is there already"):
        restore_to(place, backup, target)
    victim = next(path for path in sorted((place.root / "objects").iterdir()) if path.suffix != ".z")
    victim.write_bytes(b"x")
    with pytest.raises(StoreCorrupt, match="is corrupt"):
        restore_to(place, backup, tmp_path / "second")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backups", "copy", "home"]


def test_restore_through_a_link_is_refused(place: FolderPlace, backup: Backup, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is there already"):
        restore_to(place, backup, tmp_path / "link")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../b", "store//x", "", "a\\..\\b"])
def test_manifest_with_a_path_outside_the_home_is_refused(
    place: FolderPlace, backup: Backup, path: str
) -> None:
    evil = replace(backup, files=(replace(backup.files[0], path=path), *backup.files[1:]))
    write_manifest(place, evil)
    with pytest.raises(StoreCorrupt, match="not a backup of a home"):
        read_backup(place, backup.name)


def test_backup_damaged_in_between_leaves_the_store_as_it_was(
    home: Path, place: FolderPlace, backup: Backup
) -> None:
    publish_marked(store_of(home), 4)
    lost = home / "store" / "objects" / f"{backup.of('market')[-1].pieces[0]}.parquet"
    lost.unlink()
    (place.root / "objects" / lost.stem).write_bytes(b"")
    with pytest.raises(StoreCorrupt):
        restore_market(place, backup, home, now=NOW)
    current = store_of(home).current()
    assert current is not None
    assert current.id == "000004"


def test_dagsters_home_is_swapped_whole_and_the_old_one_kept(
    home: Path, place: FolderPlace, backup: Backup
) -> None:
    make_database(home / "dagster" / "history" / "runs.db", rows=7)
    (home / "dagster" / "storage").mkdir()
    (home / "dagster" / "storage" / "printed").write_text("hello")
    old = restore_dagster(place, backup, home, now=NOW)
    assert old is not None
    assert rows_in(home / "dagster" / "history" / "runs.db") == 400
    assert rows_in(old / "history" / "runs.db") == 407
    assert (home / "dagster" / "storage" / "printed").read_text() == "hello"
    assert not [path for path in home.iterdir() if path.name.startswith(".unfinished")]


def test_outbox_is_settled_before_it_is_in_its_place_and_a_damaged_one_is_put_aside(
    home: Path, place: FolderPlace, backup: Backup
) -> None:
    def settle(copy: Path, path: str) -> None:
        assert path == "outbox.db"
        with closing(sqlite3.connect(copy)) as connection, connection:
            connection.execute("UPDATE events SET body = 'sent'")

    make_database(home / "outbox.db", rows=2)
    assert "outbox.db" in restore_others(place, backup, home, now=NOW, settle=settle)
    with closing(sqlite3.connect(home / "outbox.db")) as connection:
        assert connection.execute("SELECT DISTINCT body, count(*) FROM events").fetchall() == [("sent", 3)]
    (home / "outbox.db").write_bytes(b"no database at all" * 999)
    assert "outbox.db" in restore_others(place, backup, home, now=NOW, settle=settle)
    assert rows_in(home / "outbox.db") == 3
    assert [path for path in (home / "aside").iterdir() if path.name.endswith("-outbox.db")]


def test_rollback_moves_current_and_gives_no_id_twice(home: Path) -> None:
    store = store_of(home)
    assert store.roll_back("000001", who="test", now=NOW).id == "000001"
    assert visible(home) == 1
    assert [item.id for item in store.snapshots()] == ["000001", "000002", "000003"]
    assert publish_marked(store, 2).parent == "000001"
    assert store.current().id == "000004"  # type: ignore[union-attr]
    with pytest.raises(SnapshotMissing):
        store.roll_back("000009", who="test", now=NOW)


def test_rollback_to_a_damaged_snapshot_is_refused(home: Path) -> None:
    store = store_of(home)
    only_old = {ref.sha256 for ref in store.snapshot("000001").objects}
    only_old -= {ref.sha256 for ref in store.snapshot("000003").objects}
    (home / "store" / "objects" / f"{only_old.pop()}.parquet").unlink()
    with pytest.raises(StoreCorrupt, match="is damaged"):
        store.roll_back("000001", who="test", now=NOW)
    assert visible(home) == 3
