"""The kill -9 campaign over backup, pruning, restore, rollback and gc: old or new, nothing lost.

Each kill works on a copy of one prepared desk: a home with five publishes and two nights, a place with two
backups. After it the list shows finished backups only, the acknowledged ones among them, and the home opens.
"""

import random
import shutil
import signal
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.recovery import decide
from crypto_bt.store import SnapshotStore
from crypto_bt.store.backup import create_backup, prune_backups, verify_backups
from crypto_bt.store.backup_manifests import backup_names, read_backup
from crypto_bt.store.backup_places import FolderPlace
from crypto_bt.store.diagnosis import diagnose, help_for
from crypto_bt.store.recovering import recover
from crypto_bt.store.restoring import restore_market, restore_results, restore_to
from crypto_bt.store.restoring_all import restore_dagster, restore_others
from crypto_bt.store.results_care import drop_nights, verify_results
from crypto_bt_tests.store.campaign import context
from crypto_bt_tests.store.faults import Countdown, kill_self
from crypto_bt_tests.store.homes import (
    NIGHT,
    make_database,
    profit_of,
    publish_night,
    rows_in,
    small_home,
    visible,
)
from crypto_bt_tests.store.samples import NOW, publish_marked

PHASES = (
    "backup",
    "prune",
    "restore",
    "restore_to",
    "restore_all",
    "rollback",
    "gc",
    "drop_nights",
    "recover",
)
BACKED_UP, PRESENT = 3, 5
LATER = NIGHT + timedelta(days=1)


@dataclass
class Tally:
    """What a campaign saw: ``held`` of ``kills`` did no harm."""

    kills: int = 0
    held: int = 0
    failures: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)


def prepare(root: Path) -> Path:
    """The desk that every kill gets a copy of."""
    home = small_home(root / "home", BACKED_UP)
    place = FolderPlace(root / "backups")
    for hour in (0, 1):
        create_backup(place, home, now=NOW + timedelta(hours=hour), reason="campaign", program="1")
    store = SnapshotStore(home / "store", views=False)
    for marker in range(BACKED_UP + 1, PRESENT + 1):
        publish_marked(store, marker)
    publish_night(home, LATER, 2.0)
    make_database(home / "outbox.db", rows=5)
    return root


def run_phase(root: Path, phase: str) -> None:
    """Do one phase on the desk ``root``."""
    home, place = root / "home", FolderPlace(root / "backups")
    now = NOW + timedelta(days=1)
    names = backup_names(place)
    if phase == "backup":
        create_backup(place, home, now=now, reason="campaign", program="1")
    elif phase == "prune":
        prune_backups(place, names[-1:])
    elif phase == "rollback":
        SnapshotStore(home / "store", views=False).roll_back("000002", who="campaign", now=now)
    elif phase == "gc":
        SnapshotStore(home / "store", views=False).gc(["000004"])
    elif phase == "recover":
        while not (damage := diagnose(home)).none:
            recover(home, decide(damage, help_for(home, damage, [place]), [], now), [place], now=now)
    elif phase == "drop_nights":
        drop_nights(home / "results", [LATER])
    else:
        backup = read_backup(place, names[-1])
        if phase == "restore_to":
            restore_to(place, backup, root / "elsewhere")
            return
        restore_market(place, backup, home, now=now)
        restore_results(place, backup, home, now=now)
        if phase == "restore_all":
            restore_dagster(place, backup, home, now=now)
            restore_others(place, backup, home, now=now, settle=lambda copy, path: None)


def copy_of(desk: Path, root: Path, phase: str) -> Path:
    """A copy of the desk; for a recovery with the newest manifest and an object of the oldest one damaged."""
    shutil.copytree(desk, root)
    if phase == "recover":
        store = SnapshotStore(root / "home" / "store", views=False)
        first, second = (set(store.snapshot(item).objects) for item in ("000001", "000002"))
        lost = min(ref.sha256 for ref in first - second)
        (store.root / "objects" / f"{lost}.parquet").write_bytes(b"PAR1")
        (store.root / "snapshots" / "000005.json").write_bytes(b"{}")
    return root


def child(root: Path, phase: str, at: int, torn: bool, done: Connection) -> None:
    """Run the phase, be killed at operation ``at``, or report how many operations there were."""
    with Countdown(at, kill_self, torn=torn).installed() as count:
        run_phase(root, phase)
    done.send(len(count.seen))


def operations(desk: Path, work: Path, phase: str) -> int:
    """How many operations the phase takes when nothing strikes."""
    root = copy_of(desk, work / f"count-{phase}", phase)
    inlet, outlet = context.Pipe(duplex=False)
    process = context.Process(target=child, args=(root, phase, 0, False, outlet))
    process.start()
    outlet.close()
    seen = int(inlet.recv())
    process.join(60)
    examine(root, phase, finished=True)
    shutil.rmtree(root)
    return seen


def kill_once(desk: Path, work: Path, phase: str, at: int, torn: bool) -> Counter[str]:
    """Kill the phase at operation ``at`` of it, and assert what must hold afterwards."""
    root = copy_of(desk, work / f"{phase}-{at}-{torn}", phase)
    inlet, outlet = context.Pipe(duplex=False)
    process = context.Process(target=child, args=(root, phase, at, torn, outlet))
    process.start()
    outlet.close()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, f"{phase} {at}: the kill did not happen ({process.exitcode})"
    inlet.close()
    figures = examine(root, phase, finished=False)
    run_phase(root, phase)
    examine(root, phase, finished=True)
    shutil.rmtree(root)
    return figures


def examine(root: Path, phase: str, *, finished: bool) -> Counter[str]:
    """Assert that nothing is lost and nothing half visible; which side of the change is seen."""
    home, place = root / "home", FolderPlace(root / "backups")
    seen = verify_backups(place)
    assert all(item.ok for item in seen), f"{phase}: an unfinished backup is listed: {seen}"
    counts = {"backup": (2, 3), "prune": (2, 1)}.get(phase, (2, 2))
    assert len(seen) in ((counts[1],) if finished else counts), f"{phase}: {len(seen)} backups"
    if phase == "recover" and not finished:
        return Counter({f"recover_{'new' if diagnose(home).none else 'old'}": 1})
    store = SnapshotStore(home / "store", views=False)
    verification = store.verify()
    assert verification.ok, f"{phase}: {verification}"
    goal = {"restore": 3, "restore_all": 3, "rollback": 2, "recover": 4}.get(phase, PRESENT)
    shown = visible(home)
    assert shown in ((goal,) if finished else (goal, PRESENT)), f"{phase}: publish {shown} is visible"
    ids = [item.id for item in store.snapshots()]
    newest = "000004" if phase == "recover" else "000005"
    assert newest in ids, f"{phase}: the newest whole snapshot was lost"
    assert not verify_results(home / "results"), phase
    assert profit_of(home, LATER) == 2.0, f"{phase}: a night was lost"
    assert profit_of(home, NIGHT) == 1.0 or phase == "drop_nights", f"{phase}: a night was lost"
    events = rows_in(home / "dagster" / "history" / "runs.db")
    assert events == 400, f"{phase}: Dagster's home holds {events} events"
    rows = rows_in(home / "outbox.db")
    allowed = {3} if finished else {3, 8}
    assert rows in (allowed if phase == "restore_all" else {8}), f"{phase}: the outbox holds {rows} rows"
    elsewhere = root / "elsewhere"
    if elsewhere.exists():
        assert visible(elsewhere) == BACKED_UP, f"{phase}: a half restored folder has its name"
    assert elsewhere.exists() or not (finished and phase == "restore_to")
    if phase == "restore_to":
        shutil.rmtree(elsewhere, ignore_errors=True)
    new = shown != PRESENT or len(seen) != 2
    return Counter({f"{phase}_new" if new else f"{phase}_old": 1})


def run_round(desk: Path, work: Path, seed: str, kills: int, sizes: dict[str, int], tally: Tally) -> None:
    """``kills`` kills, each in a phase and at an operation that follow from ``seed`` and its number."""
    for number in range(kills):
        chance = random.Random(f"{seed}/{number}")
        phase = PHASES[number % len(PHASES)]
        at = chance.randint(1, sizes[phase])
        tally.kills += 1
        try:
            tally.figures += kill_once(desk, work, phase, at, chance.random() < 0.5)
            tally.held += 1
        except (AssertionError, CryptoBtError) as error:
            tally.failures.append(f"{seed}/{number} {phase} at {at}: {error!r}")
