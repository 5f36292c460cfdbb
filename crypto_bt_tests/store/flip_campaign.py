"""The campaign of single-bit flips over data, header, manifest and link, in stores and in backups.

A read of a flipped store is right or refuses; never silently wrong. So is a restore from a flipped backup.
"""

import random
import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from crypto_bt.core.errors import CryptoBtError, StoreCorrupt
from crypto_bt.store import SnapshotStore
from crypto_bt.store.backup import create_backup, newest_good, verify_backups
from crypto_bt.store.backup_manifests import backup_names, read_backup
from crypto_bt.store.backup_places import FolderPlace
from crypto_bt.store.diagnosis import diagnose
from crypto_bt.store.restoring import restore_to
from crypto_bt.store.results_care import verify_results
from crypto_bt_tests.store.homes import NIGHT, profit_of, small_home, visible
from crypto_bt_tests.store.samples import NOW, marker_of

#: What is flipped: the body of data, its head and foot, manifests, the pointer, nights, pieces of backups.
KINDS = ("data", "header", "manifest", "link", "night", "backup piece", "backup manifest")


@dataclass
class Flips:
    """``seen`` of ``flips`` were noticed, or changed nothing that is read; ``wrong`` names the others."""

    flips: int = 0
    seen: int = 0
    wrong: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)


def prepare(root: Path) -> Path:
    """A home with three publishes and a night, and two backups of it."""
    home = small_home(root / "home")
    place = FolderPlace(root / "backups")
    for hour in (0, 1):
        create_backup(place, home, now=NOW + timedelta(hours=hour), reason="campaign", program="1")
    return root


def victims(root: Path, kind: str) -> list[Path]:
    """The files whose bits may flip."""
    store, results, backups = root / "home" / "store", root / "home" / "results", root / "backups"
    found = {
        "data": [*(store / "objects").iterdir()],
        "header": [*(store / "objects").iterdir()],
        "manifest": [*(store / "snapshots").iterdir()],
        "link": [store / "CURRENT"],
        "night": [*(results / "nights").glob("*.json"), *(results / "runs").rglob("*.parquet")],
        "backup piece": [*(backups / "objects").iterdir()],
        "backup manifest": [*(backups / "manifests").iterdir()],
    }
    return sorted(found[kind])


def flip(path: Path, kind: str, chance: random.Random) -> str:
    """Flip one bit; which."""
    data = bytearray(path.read_bytes())
    edge = min(12, len(data) // 2)
    places = [*range(edge), *range(len(data) - edge, len(data))] if kind == "header" else range(len(data))
    place, bit = chance.choice(places), chance.randrange(8)
    data[place] ^= 1 << bit
    path.write_bytes(data)
    return f"{path.name} byte {place} bit {bit}"


def flip_once(desk: Path, work: Path, seed: str, kind: str, tally: Flips) -> None:
    """One flip on a copy of the desk; reads everything, restores everything, counts."""
    root = work / "flipped"
    shutil.copytree(desk, root)
    chance = random.Random(seed)
    what = f"{seed} {kind}: {flip(chance.choice(victims(root, kind)), kind, chance)}"
    tally.flips += 1
    tally.figures[kind] += 1
    try:
        noticed = _look(root, what, kind, tally)
    except AssertionError as error:
        tally.wrong.append(f"{what}: {error}")
        noticed = False
    # A packed piece has bits that stand for nothing: what is unpacked is the same, byte for byte.
    harmless = not noticed and kind == "backup piece" and not tally.wrong
    tally.figures["harmless bits of packed pieces"] += harmless
    tally.seen += noticed or harmless
    if not noticed and not harmless:
        tally.wrong.append(f"{what}: nobody noticed")
    shutil.rmtree(root)


def _look(root: Path, what: str, kind: str, tally: Flips) -> bool:
    home, place = root / "home", FolderPlace(root / "backups")
    noticed = not diagnose(home).none
    store = SnapshotStore(home / "store", views=False)
    for snapshot_id, truth in (("000001", 1), ("000002", 2), ("000003", 3)):
        try:
            assert marker_of(store, snapshot_id) == truth, f"snapshot {snapshot_id} is silently wrong"
        except StoreCorrupt:
            noticed = True
            tally.figures["reads refused"] += 1
    try:
        assert visible(home) == 3, "the newest snapshot is silently wrong"
        assert profit_of(home, NIGHT) == 1.0, "a night is silently wrong"
    except StoreCorrupt:
        noticed = True
    noticed |= bool(_results_damage(home))
    noticed |= not all(item.ok for item in verify_backups(place))
    for name in backup_names(place):
        target = root / "restored" / name
        try:
            restore_to(place, read_backup(place, name), target)
            assert visible(target) == 3, "a restored store is silently wrong"
            assert profit_of(target, NIGHT) == 1.0, "a restored night is silently wrong"
        except CryptoBtError:
            tally.figures["restores refused"] += 1
            assert not target.exists(), "a refused restore left something"
    good = newest_good(place)
    assert good is None or all(item.ok for item in verify_backups(place, [good.name])), what
    return noticed


def _results_damage(home: Path) -> list[str]:
    return verify_results(home / "results")
