"""The kill -9 campaign: a real process publishes and acknowledges; it is killed at a random point; look.

Each round begins with an empty store, so that first publishes are hit too. What holds after every kill:
the store opens, every acknowledged publish is there, nothing is half visible, every object verifies.
"""

import itertools
import multiprocessing
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from crypto_bt.core.errors import CryptoBtError
from crypto_bt.store import SnapshotStore
from crypto_bt.store.durable import TEMPORARY_PREFIX
from crypto_bt.store.manifests import manifest_ids
from crypto_bt_tests.store.faults import Countdown, kill_self
from crypto_bt_tests.store.samples import marker_of, publish_marked

KILLS_IN_A_ROUND = 10
#: A publish is about 30 operations: a kill falls into one of the first four of its process.
OPERATIONS = 120
LONGEST_WAIT = 0.12

#: Children are forked from a small server that has only imported things, so that a start costs little.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["crypto_bt_tests.store.campaign"])


@dataclass(frozen=True)
class Plan:
    """How one publisher is killed: by its parent after a while, or by itself at an operation."""

    seed: str
    wait: float | None
    operation: int | None
    torn: bool
    views: bool

    @classmethod
    def of(cls, seed: str) -> "Plan":
        """The plan that follows from ``seed``."""
        chance = random.Random(seed)
        by_time = chance.random() < 0.5
        return cls(
            seed=seed,
            wait=chance.uniform(0, LONGEST_WAIT) if by_time else None,
            operation=None if by_time else chance.randint(1, OPERATIONS),
            torn=chance.random() < 0.5,
            views=chance.random() < 0.1,
        )


@dataclass
class Tally:
    """What a campaign saw: ``held`` of ``kills`` left a store as it must be; ``failures`` names the rest."""

    kills: int = 0
    held: int = 0
    failures: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)


def publisher(root: Path, acknowledge: Connection, first: int, plan: Plan) -> None:
    """Say that it begins, publish marker after marker, acknowledge each, collect at times; until killed."""
    store = SnapshotStore(root, views=plan.views)
    countdown = Countdown(plan.operation or 0, kill_self, torn=plan.torn)
    acknowledge.send(first - 1)
    with countdown.installed():
        for marker in itertools.count(first):
            publish_marked(store, marker)
            acknowledge.send(marker)
            if marker % 4 == 0:
                store.gc([])


def publish_and_die(root: Path, marker: int, operation: int, torn: bool) -> None:
    """Publish one marker and be killed at this operation of it."""
    with Countdown(operation, kill_self, torn=torn).installed():
        publish_marked(SnapshotStore(root, views=False), marker)


def kill_once(root: Path, acknowledged: int, plan: Plan) -> int:
    """Run a publisher on ``root``, kill it, and return the last marker that it acknowledged."""
    inlet, outlet = context.Pipe(duplex=False)
    process = context.Process(target=publisher, args=(root, outlet, acknowledged + 1, plan), daemon=True)
    process.start()
    outlet.close()
    acknowledged = inlet.recv()
    if plan.wait is not None:
        time.sleep(plan.wait)
        process.kill()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, f"{plan}: the kill did not happen ({process.exitcode})"
    try:
        while True:
            acknowledged = inlet.recv()
    except EOFError:
        return acknowledged
    finally:
        inlet.close()


def examine(root: Path, acknowledged: int, plan: Plan) -> int:
    """Assert what must hold after a kill; the last marker that is visible."""
    store = SnapshotStore(root, views=False)
    verification = store.verify()
    assert verification.ok, f"{plan}: {verification}"
    visible = 0
    for snapshot in store.snapshots():
        visible = marker_of(store, snapshot.id)
    current = store.current()
    assert (current is None) == (visible == 0), f"{plan}: CURRENT is not the newest snapshot"
    assert current is None or marker_of(store, current.id) == visible, f"{plan}: CURRENT is not the newest"
    assert visible in (acknowledged, acknowledged + 1), (
        f"{plan}: {visible} visible, {acknowledged} acknowledged"
    )
    return visible


def run_round(root: Path, kills: int, seed: str, tally: Tally) -> None:
    """``kills`` kills on one store that starts empty; ends early when one of them did harm."""
    last = 0
    for number in range(kills):
        plan = Plan.of(f"{seed}/{number}")
        acknowledged = kill_once(root, last, plan)
        tally.kills += 1
        left = [path for path in root.rglob("*") if path.name.startswith(TEMPORARY_PREFIX)]
        try:
            visible = examine(root, acknowledged, plan)
        except (AssertionError, CryptoBtError) as error:
            tally.failures.append(f"{plan}: {error!r}")
            return
        tally.held += 1
        ids = manifest_ids(root)
        current = SnapshotStore(root).current()
        tally.figures["by_time" if plan.operation is None else "by_operation"] += 1
        tally.figures["acknowledged_publishes"] += acknowledged - last
        tally.figures["visible_but_not_yet_acknowledged"] += visible - acknowledged
        tally.figures["unfinished_files_left"] += len(left)
        tally.figures["unpublished_manifests_left"] += bool(ids) and (current is None or ids[-1] > current.id)
        tally.figures["during_first_publish"] += visible == 0
        last = visible
