"""Results of nights: all or nothing, verified on read, identified by what was computed."""

import json
import random
import stat
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from crypto_bt.core.errors import StoreCorrupt, StoreError
from crypto_bt.store import ResultsStore
from crypto_bt.store.results import FRAMES
from crypto_bt_tests.store.faults import Countdown, disk_full
from crypto_bt_tests.store.samples import HOUR, NOW

NIGHT = date(2026, 11, 21)
SEED = 21


def run_files(folder: Path, profit: float = 1.0, **stamp: object) -> Path:
    """A folder with the files of a run."""
    folder.mkdir(parents=True)
    for name in FRAMES:
        pl.DataFrame({"strategy": [name], "net_pnl": [profit]}).write_parquet(folder / f"{name}.parquet")
    (folder / "stamp.json").write_text(json.dumps({"snapshot": "000001", **stamp}, indent=2))
    (folder / "report.html").write_text("<p>a report</p>")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ResultsStore:
    return ResultsStore(tmp_path / "results")


def test_night_empty_store_none_and_nothing_created(store: ResultsStore) -> None:
    assert store.night(NIGHT) is None
    assert store.latest() is None
    assert store.nights() == []
    assert not store.root.exists()


def test_publish_then_night_same_result_and_frames(store: ResultsStore, tmp_path: Path) -> None:
    published = store.publish(NIGHT, run_files(tmp_path / "run", 2.5, note=[1, {"a": None}]), now=NOW)
    result = store.night(NIGHT)
    assert result == published
    assert result.stamp == {"snapshot": "000001", "note": [1, {"a": None}]}
    assert result.frame("trades")["net_pnl"].to_list() == [2.5]
    assert result.read("report.html") == b"<p>a report</p>"
    assert result.published_at == NOW
    assert {path.name for path in result.path.iterdir()} == {file.name for file in result.files}
    with pytest.raises(StoreError, match=r"no file 'fills.parquet'.*trades.parquet"):
        result.frame("fills")


def test_night_from_before_a_table_existed_is_read_without_it(
    store: ResultsStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_files(tmp_path / "run")
    for name in ("parameter_sets", "targets", "windows"):
        (folder / f"{name}.parquet").unlink()
    with monkeypatch.context() as earlier:
        earlier.setattr("crypto_bt.store.results.FRAMES", ("equity", "metrics", "signals", "trades"))
        store.publish(NIGHT, folder, now=NOW)
    result = store.night(NIGHT)
    assert result is not None
    assert result.frame_if_any("windows") is None
    metrics = result.frame_if_any("metrics")
    assert metrics is not None
    assert metrics.equals(result.frame("metrics"))


def test_publish_files_for_owner_alone(store: ResultsStore, tmp_path: Path) -> None:
    store.publish(NIGHT, run_files(tmp_path / "run"), now=NOW)
    for path in [store.root, *store.root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_digest_same_tables_other_time_id_and_report_equal(store: ResultsStore, tmp_path: Path) -> None:
    one = store.publish(NIGHT, run_files(tmp_path / "one"), now=NOW)
    folder = run_files(tmp_path / "two", snapshot="000009")
    (folder / "report.html").write_text("<p>written later</p>")
    two = ResultsStore(tmp_path / "elsewhere").publish(NIGHT, folder, now=NOW + HOUR)
    assert one.digest == two.digest
    assert one.path.name != two.path.name
    assert store.publish(NIGHT, run_files(tmp_path / "three", 7.0), now=NOW).digest != one.digest


def test_publish_night_again_replaces_pointer_old_run_stays_readable(
    store: ResultsStore, tmp_path: Path
) -> None:
    first = store.publish(NIGHT, run_files(tmp_path / "one", 1.0), now=NOW)
    second = store.publish(NIGHT, run_files(tmp_path / "two", 2.0), now=NOW + HOUR)
    assert store.night(NIGHT) == second
    assert first.frame("equity")["net_pnl"].to_list() == [1.0]


def test_latest_and_nights_by_date_not_by_publishing_order(store: ResultsStore, tmp_path: Path) -> None:
    for days in (0, 2, 1):
        store.publish(NIGHT + timedelta(days), run_files(tmp_path / str(days), days), now=NOW)
    assert store.nights() == [NIGHT + timedelta(days) for days in range(3)]
    assert store.latest() == store.night(NIGHT + timedelta(2))
    assert store.latest(before=NIGHT + timedelta(2)) == store.night(NIGHT + timedelta(1))
    assert store.latest(before=NIGHT) is None


@pytest.mark.parametrize("absent", ["trades.parquet", "stamp.json"])
def test_publish_incomplete_run_refused(store: ResultsStore, tmp_path: Path, absent: str) -> None:
    folder = run_files(tmp_path / "run")
    (folder / absent).unlink()
    with pytest.raises(StoreError, match=f"has no {absent}; nothing was published"):
        store.publish(NIGHT, folder, now=NOW)
    assert not store.root.exists()


@pytest.mark.parametrize("stamp", ["[]", "{", '{"a": NaN}'])
def test_publish_bad_stamp_refused(store: ResultsStore, tmp_path: Path, stamp: str) -> None:
    folder = run_files(tmp_path / "run")
    (folder / "stamp.json").write_text(stamp)
    with pytest.raises(StoreError, match="nothing was published"):
        store.publish(NIGHT, folder, now=NOW)


def test_read_any_flipped_bit_is_seen(store: ResultsStore, tmp_path: Path) -> None:
    result = store.publish(NIGHT, run_files(tmp_path / "run"), now=NOW)
    chance = random.Random(SEED)
    victims = [store.root / "nights" / "2026-11-21.json", *sorted(result.path.iterdir())]
    for victim in victims * 3:
        healthy = victim.read_bytes()
        data = bytearray(healthy)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        victim.write_bytes(data)
        with pytest.raises(StoreCorrupt, match=f"{victim.name} is corrupt"):
            _read_all(store)
        victim.write_bytes(healthy)
    _read_all(store)


def test_read_missing_file_corrupt(store: ResultsStore, tmp_path: Path) -> None:
    result = store.publish(NIGHT, run_files(tmp_path / "run"), now=NOW)
    (result.path / "trades.parquet").unlink()
    with pytest.raises(StoreCorrupt, match=r"trades\.parquet is missing.*crypto-bt backtest"):
        result.frame("trades")


def test_publish_over_damaged_run_heals_it(store: ResultsStore, tmp_path: Path) -> None:
    folder = run_files(tmp_path / "run")
    result = store.publish(NIGHT, folder, now=NOW)
    (result.path / "trades.parquet").write_bytes(b"rubbish")
    assert store.publish(NIGHT, folder, now=NOW).frame("trades").height == 1
    assert [path.name for path in (store.root / "runs").iterdir()] == [result.path.name]


def test_publish_disk_full_at_every_operation_old_or_new_whole(tmp_path: Path) -> None:
    old, new = run_files(tmp_path / "old", 1.0), run_files(tmp_path / "new", 2.0)
    seen = set()
    for at in range(1, 200):
        store = ResultsStore(tmp_path / f"results{at}")
        store.publish(NIGHT, old, now=NOW)
        with Countdown(at, disk_full).installed() as fault, suppress(StoreError):
            store.publish(NIGHT, new, now=NOW)
        _read_all(store)
        result = store.night(NIGHT)
        assert result is not None
        seen.add(result.frame("trades")["net_pnl"].item())
        if not fault.fired:
            break
    assert at > 20
    assert seen == {1.0, 2.0}


def _read_all(store: ResultsStore) -> None:
    for night in store.nights():
        result = store.night(night)
        assert result is not None
        for file in result.files:
            result.read(file.name)
