"""Backup, restore, rollback, doctor and upgrade as a person calls them."""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crypto_bt.cli import app
from crypto_bt.core.errors import StoreCorrupt
from crypto_bt.core.holds import Hold
from crypto_bt.defs.restoring_desk import roll_back
from crypto_bt.runtime.home import Home
from crypto_bt.store.holds import place_hold, read_holds
from crypto_bt_tests.commands.invoking import ServedHome, served_home
from crypto_bt_tests.frames import candle_frame

NOW = datetime(2026, 11, 18, 12, 7, tzinfo=UTC)
DAY = datetime(2026, 11, 18, tzinfo=UTC)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHome]:
    with served_home(tmp_path_factory.mktemp("home"), ["BTCUSDT"], NOW) as home:
        home.fill(
            DAY - timedelta(days=3), DAY + timedelta(days=1), ["candles_1h", "candles_4h", "candles_1d"]
        )
        yield home


@pytest.fixture
def home(filled: ServedHome, tmp_path: Path) -> ServedHome:
    shutil.copytree(filled.root, tmp_path / "home")
    Home(tmp_path / "home").prepare("", {"CRYPTO_BT_HOME": str(tmp_path / "home")})
    return ServedHome(tmp_path / "home", filled.exchange, filled.now)


def flip(home: ServedHome) -> None:
    current = home.desk.store.current()
    assert current is not None
    path = home.root / "store" / "objects" / f"{current.of('candles_1h')[-1].sha256}.parquet"
    data = bytearray(path.read_bytes())
    data[random.Random(1).randrange(len(data))] ^= 4
    path.write_bytes(data)


def publish_one(home: ServedHome, days: int) -> None:
    """A snapshot published so many days after the home's now."""
    rows = candle_frame([DAY + timedelta(days=days)])
    current = home.desk.store.current()
    assert current is not None
    when = NOW + timedelta(days=days)
    home.desk.store.publish({"candles_1h": rows}, source=current.source, published_by="t", now=when)


def test_backup_is_made_listed_verified_and_pruned(home: ServedHome) -> None:
    assert home.call_json("backup", "list") == {"backups": []}
    made = home.call_json("backup", "create", "--reason", "by a test")
    assert made["snapshot"] == "000001"
    assert "No copy off this machine" in made["remark"]
    [listed] = home.call_json("backup", "list")["backups"]
    assert (listed["name"], listed["reason"]) == (made["name"], "by a test")
    assert made["name"] in home.call("backup", "list")
    assert home.call_json("backup", "verify")["backups"][0]["ok"]
    assert home.call_json("backup", "prune")["removed"] == []
    victim = next((home.root / "backups" / "objects").iterdir())
    victim.write_bytes(b"")
    assert "DAMAGED" in home.call("backup", "verify", code=3)


def test_restore_shows_asks_and_puts_back(home: ServedHome, tmp_path: Path) -> None:
    before = home.times("BTCUSDT")
    name = home.call_json("backup", "create")["name"]
    publish_one(home, 1)
    refused = CliRunner().invoke(app, ["restore", name, "--home", str(home.root)], input="n\n")
    assert refused.exit_code == 1
    assert "000002" in refused.output
    assert home.desk.store.current().id == "000002"  # type: ignore[union-attr]
    assert "Add --yes" in home.refused("restore", name, "--json")
    done = home.call_json("restore", "--latest", "--yes")
    assert done["snapshot"] == "000001"
    assert home.times("BTCUSDT") == before
    copy = home.call_json("restore", name, "--to", str(tmp_path / "copy"))
    assert (Path(copy["to"]) / "store" / "CURRENT").exists()


def test_restore_refuses_what_is_no_backup_and_a_damaged_one(home: ServedHome) -> None:
    assert "Name one backup, or --latest" in home.refused("restore")
    assert "not the name of a backup" in home.refused("restore", "../../etc", "--yes")
    assert "There is no backup" in home.refused("restore", "20200101T000000Z-000001", "--yes")
    assert "There is no good backup" in home.refused("restore", "--latest", "--yes")
    name = home.call_json("backup", "create")["name"]
    for path in (home.root / "backups" / "objects").iterdir():
        path.write_bytes(b"x")
    result = CliRunner().invoke(app, ["restore", name, "--yes", "--home", str(home.root)])
    assert isinstance(result.exception, StoreCorrupt)


def test_restore_all_only_while_nothing_serves_the_home_and_settles_the_outbox(home: ServedHome) -> None:
    outbox = home.root / "outbox.db"
    with closing(sqlite3.connect(outbox)) as connection, connection:
        connection.execute("CREATE TABLE outbox (id INTEGER, state TEXT)")
        connection.execute("INSERT INTO outbox VALUES (1, 'queued'), (2, 'poison'), (3, 'leased')")
    home.call("backup", "create")
    with closing(sqlite3.connect(outbox)) as connection, connection:
        connection.execute("DELETE FROM outbox")
    runs = home.runs()
    with Home(home.root).locked("service", "crypto-bt up"):
        assert "is in use by crypto-bt up" in home.refused("restore", "--latest", "--all", "--yes")
    home.call("restore", "--latest", "--all", "--yes")
    with closing(sqlite3.connect(outbox)) as connection:
        states = connection.execute("SELECT state FROM outbox ORDER BY id").fetchall()
    assert states == [("sent",), ("poison",), ("sent",)]
    assert home.runs() == runs


def test_rollback_goes_back_and_holds_night_and_catch_up(home: ServedHome) -> None:
    assert "No snapshot is 48 hours old" in home.refused("rollback", "--yes")
    publish_one(home, 1)
    publish_one(home, 3)
    snapshot, before = roll_back(home.desk, 48, NOW + timedelta(days=3), "a test")
    assert (snapshot.id, before) == ("000002", "000003")
    assert set(read_holds(home.root)) == {"nightly_backtest", "catch_up"}
    assert home.desk.store.current() == snapshot
    assert [item.id for item in home.desk.store.snapshots()] == ["000001", "000002", "000003"]
    assert home.call_json("rollback", "--hours", "0", "--yes")["snapshot"] == "000001"
    held = home.call_json("doctor", code=3)["findings"]
    assert "crypto-bt resume" in str([item["command"] for item in held if item["about"].startswith("hold")])


def test_doctor_explains_and_mends(home: ServedHome) -> None:
    before = home.desk.store.read("candles_1h")
    about = {item["about"]: item for item in home.call_json("doctor", code=3)["findings"]}
    assert about["stores"]["well"]
    assert not about["backups"]["well"]
    assert "crypto-bt backup create" in about["backups"]["command"]
    flip(home)
    told = home.call("doctor", code=3)
    assert "crypto-bt doctor --mend" in told
    assert "fetch again" in told
    assert "fetch again" in home.call_json("doctor", "--mend", code=3)["mended"]
    assert home.desk.store.read("candles_1h").equals(before)
    about = {item["about"]: item for item in home.call_json("doctor", code=3)["findings"]}
    assert about["stores"]["well"]
    assert home.desk.alerts.recent(NOW - timedelta(days=1))[-1].resolved


def test_upgrade_backs_up_verifies_and_can_be_undone(home: ServedHome) -> None:
    assert "No backup was made before an upgrade" in home.refused("upgrade", "--undo")
    done = home.call_json("upgrade")
    assert done["before"]
    assert home.call_json("upgrade")["before"]
    publish_one(home, 1)
    home.call("upgrade", "--undo")
    assert home.desk.store.current().id == "000001"  # type: ignore[union-attr]
    flip(home)
    result = CliRunner().invoke(app, ["upgrade", "--home", str(home.root)])
    assert isinstance(result.exception, StoreCorrupt)


def test_status_says_how_old_the_backup_is_and_what_this_disk_is_worth(home: ServedHome) -> None:
    told = home.call("status", code=3)
    assert "No backup yet" in told
    assert "The loss of this disk would cost" in told
    home.call("backup", "create")
    assert "Newest backup: " in home.call("status", code=3)
    place_hold(home.root, Hold("catch_up", NOW, "a test", "to see it"))
    assert list(home.call_json("status", code=3)["off"]) == ["catch_up"]
    assert "crypto-bt resume" in home.call("status", code=3)


def test_compact_keeps_the_newest(home: ServedHome) -> None:
    publish_one(home, 1)
    assert home.call_json("data", "compact")["snapshots"] == 2


def test_two_at_once_the_second_is_told_who_is_at_work(home: ServedHome) -> None:
    with Home(home.root).locked("backup", "backup (test)"):
        assert "in use by backup (test)" in home.refused("backup", "prune")
