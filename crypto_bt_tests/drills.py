"""Restore drills: a home is broken, a person's commands mend it, an oracle judges, a clock is read.

The oracle: every row of candles, settlements and mark prices is as it was before the damage, everything
verifies, and the small backtest on a snapshot that is still there gives the same digest as before.
"""

import json
import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

import polars as pl
from typer.testing import CliRunner

from crypto_bt.alerts import open_alerts
from crypto_bt.cli import app
from crypto_bt.core.alert_wiring import Wiring
from crypto_bt.core.errors import StoreCorrupt
from crypto_bt.defs.reference_backtest import reference_backtest
from crypto_bt.runtime.home import Home
from crypto_bt.simulator.serving import running
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt.store import SnapshotStore
from crypto_bt.store.backup import check_whole, copy_backup, create_backup
from crypto_bt.store.backup_manifests import backup_names
from crypto_bt.store.backup_places import FolderPlace
from crypto_bt_tests.alerts.samples import alert
from crypto_bt_tests.defs.desk_home import desk_home
from crypto_bt_tests.store.campaign import context
from crypto_bt_tests.store.homes import publish_night

ASSETS = ["candles_1h", "candles_4h", "candles_1d", "funding_rates", "mark_price_1h"]
SEED = 20
#: Places of alerts that wait in the outbox when it is backed up.
TOLD = tuple(f"drill {number}" for number in range(20))


@dataclass
class DrillDesk:
    """A prepared home with three backups, three days apart from now, and what is true of it."""

    root: Path
    symbols: tuple[str, ...]
    start: datetime
    now: datetime
    truth: dict[str, pl.DataFrame]
    references: dict[str, str]


@dataclass
class Broken:
    """A copy of the desk that a drill breaks and mends."""

    root: Path
    desk: DrillDesk
    chance: random.Random
    said: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def store(self) -> SnapshotStore:
        return SnapshotStore(self.home / "store", views=False)

    @property
    def place(self) -> FolderPlace:
        return FolderPlace(self.home / "backups")

    def call(self, *words: str, codes: tuple[int, ...] = (0, 3)) -> str:
        """Run a command on the home as a person who says yes."""
        result = CliRunner().invoke(app, [*words, "--home", str(self.home)], input="y\n")
        assert result.exit_code in codes, f"{words}: {result.output}\n{result.exception!r}"
        self.said.append(result.output)
        return result.output

    def flip(self, path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[self.chance.randrange(len(data))] ^= 1 << self.chance.randrange(8)
        path.write_bytes(data)

    def spoil_backup(self, back: int) -> None:
        """Damage what only this backup, counted from the newest, names: its manifest."""
        self.flip(self.place.root / "manifests" / f"{backup_names(self.place)[-back]}.json")

    def objects(self, dataset: str) -> list[Path]:
        current = self.store.current()
        assert current is not None
        return [self.home / "store" / "objects" / f"{ref.sha256}.parquet" for ref in current.of(dataset)]


@contextmanager
def prepared(root: Path, symbols: tuple[str, ...], now: datetime, days: int) -> Iterator[DrillDesk]:
    """Fill a home up to ``now`` in four updates with a backup after each of the first three."""
    began = now - timedelta(days=3)
    with desk_home(root / "home", symbols, began, BACKUP_OFFSITE_DIR=str(root / "away")) as home:
        desk = home.desk
        place = FolderPlace(desk.home.root / "backups")
        publish_night(desk.home.root, (began - timedelta(days=1)).date(), 1.0)
        for where in TOLD:
            desk.alerts.send(alert("listing", where))
        for day in range(4):
            home.clock.now = began + timedelta(days=day)
            done = home.update(days=days if day == 0 else 2, assets=ASSETS)
            assert done.success, done.why
            if day < 3:
                current = desk.store.current()
                assert current is not None
                reference = reference_backtest(desk.store, current.id)
                made = create_backup(
                    place, desk.home.root, now=home.clock.now, reason="t", program="1", reference=reference
                )
                copy_backup(place, made.backup.name, FolderPlace(root / "away"), now=now)
        Home(desk.home.root).prepare("", {"FIXED_NOW": now.isoformat()})
        # The exchange was asked for a year a moment ago; a home that breaks has not.
        desk.home.requests.unlink(missing_ok=True)
        truth = {name: desk.store.read(name) for name in ASSETS}
        references = {
            item.id: reference_backtest(desk.store, item.id).get("digest", "")
            for item in desk.store.snapshots()
        }
        start = (began - timedelta(days=days - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
        yield DrillDesk(root, symbols, start, now, truth, references)


def _restore_and_repair(broken: Broken, *words: str) -> None:
    broken.call("restore", *(words or ("--latest",)), "--yes")
    broken.call("data", "repair")


def newest_bad(broken: Broken) -> None:
    """The store is lost and the newest backup is bad, here and elsewhere."""
    broken.spoil_backup(1)
    shutil.rmtree(broken.root / "away")
    shutil.rmtree(broken.home / "store")
    _restore_and_repair(broken)


def two_newest_bad(broken: Broken) -> None:
    """The store is lost and the two newest backups are bad."""
    broken.spoil_backup(1)
    broken.spoil_backup(2)
    shutil.rmtree(broken.root / "away")
    shutil.rmtree(broken.home / "store")
    _restore_and_repair(broken)


def all_lists_bad(broken: Broken) -> None:
    """The store is lost and the list of every backup is bad; their pieces still hold a whole snapshot."""
    for back in (1, 2, 3):
        broken.spoil_backup(back)
    shutil.rmtree(broken.root / "away")
    shutil.rmtree(broken.home / "store")
    _restore_and_repair(broken)


def all_bad(broken: Broken) -> None:
    """The store is lost and every backup is bad: everything comes from the exchange again."""
    for path in (broken.place.root / "objects").iterdir():
        broken.flip(path)
    shutil.rmtree(broken.root / "away")
    shutil.rmtree(broken.home / "store")
    broken.call("restore", "--latest", "--yes", codes=(1,))
    names = "1h,4h,1d,funding_rates,mark_price_1h"
    broken.call("data", "backfill", "--start", f"{broken.desk.start:%F}", "--timeframes", names)


def manifest_missing(broken: Broken) -> None:
    """The manifest of the newest snapshot is gone."""
    current = broken.store.current()
    assert current is not None
    (broken.home / "store" / "snapshots" / f"{current.id}.json").unlink()
    broken.call("doctor", "--mend")
    broken.call("data", "repair")


def all_manifests_missing(broken: Broken) -> None:
    """The folder of manifests is gone."""
    shutil.rmtree(broken.home / "store" / "snapshots")
    broken.call("doctor", "--mend")
    broken.call("data", "repair")


def backup_of_a_bad_store(broken: Broken) -> None:
    """A damaged store is not backed up; the good backups stay, and mend it."""
    before = backup_names(broken.place)
    broken.flip(broken.objects("candles_1h")[0])
    broken.call("backup", "create", codes=(1,))
    assert backup_names(broken.place) == before, "a bad store was backed up"
    _restore_and_repair(broken)


def offsite_gone(broken: Broken) -> None:
    """The place off this machine cannot be reached: the local backups serve."""
    shutil.rmtree(broken.root / "away")
    (broken.root / "away").write_text("not a folder")
    shutil.rmtree(broken.home / "store")
    _restore_and_repair(broken)


def offsite_alone(broken: Broken) -> None:
    """All of this machine is lost; an empty home takes everything from elsewhere."""
    settings = (broken.home / ".env").read_text()
    yaml = (broken.home / "dagster" / "dagster.yaml").read_text()
    shutil.rmtree(broken.home)
    (broken.home / "dagster").mkdir(parents=True)
    (broken.home / ".env").write_text(settings)
    (broken.home / "dagster" / "dagster.yaml").write_text(yaml)
    _restore_and_repair(broken, "--latest", "--all")


def during_a_backtest(broken: Broken) -> None:
    """A backtest reads the newest snapshot while a backup is restored under it; its result is the same."""
    current = broken.store.current()
    assert current is not None
    results: list[str] = []
    errors: list[BaseException] = []

    def backtest() -> None:
        try:
            for _ in range(4):
                results.append(reference_backtest(broken.store, current.id)["digest"])
        except (StoreCorrupt, KeyError) as error:
            errors.append(error)

    thread = threading.Thread(target=backtest)
    thread.start()
    broken.call("restore", "--latest", "--yes")
    thread.join()
    assert not errors, errors
    assert set(results) == {broken.desk.references[current.id]}
    broken.call("data", "repair")


def with_a_reader_open(broken: Broken) -> None:
    """Another process reads its snapshot over and over while the store is restored."""
    current = broken.store.current()
    assert current is not None
    stop, (inlet, outlet) = context.Event(), context.Pipe(duplex=False)
    process = context.Process(target=read_until, args=(broken.store.root, current.id, stop, outlet))
    process.start()
    outlet.close()
    assert inlet.recv() == "reading"
    try:
        broken.call("restore", "--latest", "--yes")
    finally:
        stop.set()
    times, states = inlet.recv()
    process.join(60)
    assert times > 0
    assert states == 1, f"the reader saw {states} states"
    broken.call("data", "repair")


def read_until(root: Path, snapshot: str, stop: Event, tell: Connection) -> None:
    """Read H1 of a snapshot until ``stop``; tell how often, and how many different answers there were."""
    store, answers = SnapshotStore(root, views=False), []
    while not answers or not stop.is_set():
        answers.append(store.read("candles_1h", columns=["close"], at=snapshot)["close"].sum())
        if len(answers) == 1:
            tell.send("reading")
    tell.send((len(answers), len(set(answers))))


def pointer_flipped(broken: Broken) -> None:
    """A bit of CURRENT flips."""
    broken.flip(broken.home / "store" / "CURRENT")
    broken.call("doctor", "--mend")


def object_flipped_in_a_backup(broken: Broken) -> None:
    """A bit of an old month flips; backups have it."""
    broken.flip(broken.objects("candles_1h")[0])
    broken.call("doctor", "--mend")


def object_flipped_in_no_backup(broken: Broken) -> None:
    """A bit of the newest month flips; no backup has that object."""
    broken.flip(broken.objects("candles_1h")[-1])
    broken.call("doctor", "--mend")


def five_objects_lost(broken: Broken) -> None:
    """Objects of several datasets are truncated, emptied or deleted."""
    found = sorted(path for name in ASSETS for path in broken.objects(name))
    for number, path in enumerate(broken.chance.sample(found, min(5, len(found)))):
        if number % 3 == 0:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[: number % 3 * 100 - 100])
    broken.call("doctor", "--mend")
    broken.call("data", "repair")


def all_objects_gone(broken: Broken) -> None:
    """The folder of objects is gone."""
    shutil.rmtree(broken.home / "store" / "objects")
    _restore_and_repair(broken)


def store_gone(broken: Broken) -> None:
    """The whole store is gone."""
    shutil.rmtree(broken.home / "store")
    _restore_and_repair(broken)


def night_damaged(broken: Broken) -> None:
    """The files of a night are damaged."""
    for path in (broken.home / "results" / "runs").rglob("*.parquet"):
        broken.flip(path)
    broken.call("doctor", "--mend")


def dagster_damaged(broken: Broken) -> None:
    """A database of Dagster's is damaged."""
    victim = broken.home / "dagster" / "history" / "runs.db"
    data = bytearray(victim.read_bytes())
    data[200:3000] = bytes(2800)
    victim.write_bytes(data)
    for suffix in ("-wal", "-shm"):
        victim.with_name(victim.name + suffix).unlink(missing_ok=True)
    _restore_and_repair(broken, "--latest", "--all")


def outbox_damaged(broken: Broken) -> None:
    """The outbox is no database any more."""
    for suffix in ("-wal", "-shm"):
        (broken.home / f"outbox.db{suffix}").unlink(missing_ok=True)
    (broken.home / "outbox.db").write_bytes(b"zeros" * 1000)
    _restore_and_repair(broken, "--latest", "--all")
    with closing(sqlite3.connect(broken.home / "outbox.db")) as connection:
        states = "SELECT DISTINCT state FROM deliveries JOIN words ON number = word WHERE cause = 'listing'"
        assert connection.execute(states).fetchall() == [("sent",)]


def rolled_back_and_forward(broken: Broken) -> None:
    """Two days back by hand, then forward again."""
    broken.call("rollback", "--hours", "48", "--yes")
    assert set(json.loads((broken.home / "holds.json").read_text())) == {"nightly_backtest", "catch_up"}
    current = broken.store.current()
    assert current is not None
    assert broken.desk.now - current.published_at >= timedelta(hours=48)
    broken.call("data", "repair")


#: Breaks a home, and mends it by commands.
Drill = Callable[[Broken], None]
DRILLS: tuple[Drill, ...] = (
    newest_bad, two_newest_bad, all_lists_bad, all_bad, manifest_missing, all_manifests_missing,
    backup_of_a_bad_store, offsite_gone, offsite_alone, during_a_backtest, with_a_reader_open,
    pointer_flipped, object_flipped_in_a_backup, object_flipped_in_no_backup, five_objects_lost,
    all_objects_gone, store_gone, night_damaged, dagster_damaged, outbox_damaged, rolled_back_and_forward,
)  # fmt: skip


def run_drill(desk: DrillDesk, work: Path, drill: Drill) -> float:
    """Break a copy of the desk and mend it by ``drill``; how many seconds that took."""
    root = work / drill.__name__
    shutil.copytree(desk.root, root)
    broken = Broken(root, desk, random.Random(f"{SEED}/{drill.__name__}"))
    # An exchange of its own: what an earlier drill asked would look like a live trader's use of the limit.
    market = SyntheticMarket(7, desk.symbols, clock=lambda: desk.now)
    with running(market, weight_limit=100_000) as exchange:
        values = {"CRYPTO_BT_HOME": str(root / "home"), "BACKUP_OFFSITE_DIR": str(root / "away")}
        Home(root / "home").prepare("", {**values, "EXCHANGE_URL": exchange.url})
        began = time.monotonic()
        drill(broken)
        seconds = time.monotonic() - began
        judge(broken)
    shutil.rmtree(root)
    return seconds


def judge(broken: Broken) -> None:
    """Assert that everything is as it was before the damage."""
    check_whole(broken.home)
    for name, truth in broken.desk.truth.items():
        found = broken.store.read(name)
        assert found.equals(truth), f"{name}: {found.height} rows, {truth.height} before: {broken.said}"
    for item in broken.store.snapshots():
        known = broken.desk.references.get(item.id)
        original = SnapshotStore(broken.desk.root / "home" / "store", views=False)
        same = known and item.digest == original.snapshot(item.id).digest
        if same:
            assert reference_backtest(broken.store, item.id)["digest"] == known, f"backtest on {item.id}"
    standing = open_alerts(broken.home, Wiring(), lambda: broken.desk.now).history.standing()
    assert set(TOLD) <= {trouble.alert.where for trouble in standing}
    with closing(sqlite3.connect(broken.home / "dagster" / "history" / "runs.db")) as connection:
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
