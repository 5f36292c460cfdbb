"""A damaged home becomes whole again by the mildest remedy; what was damaged is kept aside."""

import json
import os
import random
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from crypto_bt.core.recovery import Damage, Help, Plan, Remedy, decide
from crypto_bt.store import SnapshotStore
from crypto_bt.store.backup import check_whole, create_backup
from crypto_bt.store.backup_places import FolderPlace
from crypto_bt.store.diagnosis import diagnose, help_for, newest_good_anywhere
from crypto_bt.store.recovering import recover
from crypto_bt.store.results_care import verify_results
from crypto_bt_tests.store.homes import NIGHT, profit_of, publish_night, small_home, visible
from crypto_bt_tests.store.samples import NOW, STRIDE, closes, publish_marked

SEED = 5


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return small_home(tmp_path / "home")


@pytest.fixture
def place(tmp_path: Path) -> FolderPlace:
    return FolderPlace(tmp_path / "backups")


def back_up(home: Path, place: FolderPlace) -> None:
    create_backup(place, home, now=NOW, reason="test", program="1")


def mend(home: Path, *places: FolderPlace) -> list[Plan]:
    """Recover until nothing is wrong; the plans that it took, at most two."""
    plans = []
    for attempt in range(3):
        damage = diagnose(home)
        plan = decide(damage, help_for(home, damage, places), [NOW] * attempt, NOW)
        if not plan.changes:
            assert damage.none, plan.text
            return plans
        recover(home, plan, places, now=NOW)
        plans.append(plan)
    raise AssertionError(f"still damaged: {diagnose(home).text}")


def store_of(home: Path) -> SnapshotStore:
    return SnapshotStore(home / "store", views=False)


def objects_of_current(home: Path) -> list[Path]:
    current = store_of(home).current()
    assert current is not None
    return [home / "store" / "objects" / f"{ref.sha256}.parquet" for ref in current.objects]


def flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def test_sound_home_is_left_alone(home: Path, place: FolderPlace) -> None:
    back_up(home, place)
    before = sorted(path for path in home.rglob("*"))
    assert mend(home, place) == []
    assert sorted(path for path in home.rglob("*")) == before


def test_corrupt_object_is_copied_from_the_backup_and_nothing_changes(home: Path, place: FolderPlace) -> None:
    back_up(home, place)
    current = store_of(home).current()
    victim = objects_of_current(home)[0]
    flip(victim, random.Random(SEED))
    [plan] = mend(home, place)
    assert [step.remedy for step in plan.steps] == [Remedy.COPY, Remedy.CLEAR]
    assert store_of(home).current() == current
    assert visible(home) == 3


def test_corrupt_object_in_no_backup_falls_back_to_its_older_version_and_names_the_days(home: Path) -> None:
    before = closes(store_of(home))
    current = store_of(home).current()
    assert current is not None
    older = {ref.sha256 for ref in store_of(home).snapshot("000002").objects}
    [lost] = [
        ref
        for ref in current.objects
        if ref.dataset == "candles_1h" and ref.sha256 not in older and ref.month == "2026-09"
    ]
    flip(home / "store" / "objects" / f"{lost.sha256}.parquet", random.Random(SEED))
    [plan] = mend(home)
    assert [(item.dataset, item.month) for item in plan.refetched] == [("candles_1h", "2026-09")]
    after = closes(store_of(home))
    assert after == {**before, ("MARK", 0): 2.0} or after.items() <= {**before, ("MARK", 0): 2.0}.items()
    ids = [item.id for item in store_of(home).snapshots()]
    assert "000003" not in ids, "a snapshot that cannot be read is still listed"
    assert publish_marked(store_of(home), 3).id not in ("000001", "000002", "000003", "000004")
    reports = [path for path in (home / "aside").iterdir() if path.name.endswith(".report")]
    assert {json.loads(path.read_text())["what"].split("/")[1] for path in reports} == {
        "objects",
        "snapshots",
    }


def test_corrupt_current_goes_to_the_newest_whole_snapshot(home: Path) -> None:
    (home / "store" / "CURRENT").write_bytes(b"\x00" * 40)
    [plan] = mend(home)
    assert plan.steps[0].remedy is Remedy.PREVIOUS
    assert visible(home) == 3
    assert [path for path in (home / "aside").iterdir() if path.name.endswith("-CURRENT")]


def test_corrupt_manifest_is_copied_else_the_previous_snapshot_serves(home: Path, place: FolderPlace) -> None:
    back_up(home, place)
    manifest = home / "store" / "snapshots" / "000003.json"
    flip(manifest, random.Random(SEED))
    [plan] = mend(home, place)
    assert plan.steps[0].remedy is Remedy.COPY
    assert visible(home) == 3
    manifest.unlink()
    [plan] = mend(home)
    assert plan.steps[0].remedy is Remedy.PREVIOUS
    assert visible(home) == 2


def test_nothing_left_in_the_store_is_restored_from_the_newest_good_backup(
    home: Path, place: FolderPlace, tmp_path: Path
) -> None:
    back_up(home, place)
    for path in (home / "store" / "snapshots").iterdir():
        path.write_bytes(b"{}")
    (home / "store" / "CURRENT").unlink()
    plans = mend(home, FolderPlace(tmp_path / "nothing here"), place)
    assert plans[0].steps[0].remedy is Remedy.RESTORE
    assert visible(home) == 3


def test_nothing_left_anywhere_leaves_an_empty_store_and_all_of_it_aside(home: Path) -> None:
    for path in (home / "store" / "snapshots").iterdir():
        path.write_bytes(b"{}")
    plans = mend(home)
    assert plans[0].steps[0].remedy in (Remedy.REBUILD, Remedy.PREVIOUS)
    assert store_of(home).current() is None
    assert (home / "aside").is_dir()
    publish_marked(store_of(home), 1)
    assert visible(home) == 1


def test_damaged_night_is_copied_or_put_aside(home: Path, place: FolderPlace) -> None:
    back_up(home, place)
    later = NIGHT + timedelta(days=1)
    publish_night(home, later, 2.0)
    runs = home / "results" / "runs"
    for path in runs.rglob("trades.parquet"):
        path.write_bytes(b"")
    assert len(mend(home, place)) == 1
    assert verify_results(home / "results") == []
    assert profit_of(home, NIGHT) == 1.0
    assert profit_of(home, later) is None
    check_whole(home)


@pytest.mark.parametrize("number", range(20))
def test_any_damage_is_mended_within_two_recoveries(home: Path, place: FolderPlace, number: int) -> None:
    back_up(home, place)
    publish_marked(store_of(home), 4)
    chance = random.Random(f"{SEED}/{number}")
    files = [path for path in (home / "store").rglob("*") if path.is_file() and path.suffix != ".lock"]
    for victim in chance.sample(sorted(files), chance.randint(1, 5)):
        if chance.random() < 0.3:
            victim.unlink()
        else:
            flip(victim, chance)
    assert mend(home, place), f"{SEED}/{number}: no damage was seen"
    check_whole(home)
    # Months that no backup had are as they were before, or gone, until they are fetched again.
    for (symbol, hours), close in closes(store_of(home)).items():
        published = {hours / STRIDE} if symbol == "ROWS" else {1.0, 2.0, 3.0, 4.0}
        assert close in published, f"{SEED}/{number}: {symbol} {hours}"


def test_unreadable_file_is_never_called_corrupt(home: Path) -> None:
    """Run as nobody: permissions do not bind root."""
    for path in [home, *home.parents]:
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(0o755)
    for path in home.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    victim = objects_of_current(home)[0]
    victim.chmod(0o000)
    program = (
        "import sys; from pathlib import Path; from crypto_bt.store.diagnosis import diagnose;"
        "print(repr(diagnose(Path(sys.argv[1]))))"
    )
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
    if as_nobody and shutil.which("setpriv") is None:
        pytest.skip("setpriv is not there")
    done = subprocess.run(
        [*as_nobody, sys.executable, "-B", "-c", program, str(home)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={"PYTHONPATH": str(Path.cwd()), "HOME": "/tmp"},
    )
    assert done.returncode == 0, done.stderr
    assert "Permission denied" in done.stdout, "the fault did not fire"
    assert "pointer=False, manifest=False, objects=(), others=(), results=()" in done.stdout
    damage = Damage(unreadable="Permission denied")
    assert [step.remedy for step in decide(damage, Help(), [], NOW).steps] == [Remedy.WAIT]


def test_lists_of_all_backups_damaged_their_pieces_still_give_the_newest_snapshot(
    home: Path, place: FolderPlace
) -> None:
    back_up(home, place)
    publish_marked(store_of(home), 4)
    create_backup(place, home, now=NOW + timedelta(hours=1), reason="test", program="1")
    for path in (place.root / "manifests").iterdir():
        path.write_bytes(b"{}")
    shutil.rmtree(home / "store" / "snapshots")
    plans = mend(home, place)
    assert plans[0].steps[0].remedy in (Remedy.COPY, Remedy.RESTORE)
    assert visible(home) == 4
    shutil.rmtree(home / "store")
    found = newest_good_anywhere([place])
    assert found is not None
    assert found[1].snapshot == "000004"
    [lost] = [path for path in (place.root / "objects").iterdir() if path.name == found[1].files[1].pieces[0]]
    lost.unlink()
    older = newest_good_anywhere([place])
    assert older is None or older[1].snapshot == "000003"
