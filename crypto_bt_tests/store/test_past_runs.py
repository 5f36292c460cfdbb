"""A run is found by its night, by the beginning of its id or digest, also after it was replaced."""

from datetime import date
from pathlib import Path

import pytest

from crypto_bt.core.errors import StoreCorrupt, StoreError
from crypto_bt.store import ResultsStore
from crypto_bt.store.past_runs import find_run
from crypto_bt_tests.store.samples import NOW
from crypto_bt_tests.store.test_results import run_files

NIGHTS = (date(2026, 11, 20), date(2026, 11, 21))


@pytest.fixture
def store(tmp_path: Path) -> ResultsStore:
    made = ResultsStore(tmp_path / "results")
    for number, night in enumerate(NIGHTS):
        made.publish(night, run_files(tmp_path / f"run{number}", float(number), night=str(night)), now=NOW)
    return made


def test_run_is_found_by_night_by_id_and_by_digest(store: ResultsStore) -> None:
    newest = store.latest()
    assert newest is not None
    assert find_run(store, "2026-11-21") == newest
    assert find_run(store, "latest") == newest
    assert find_run(store, newest.path.name[:12]) == newest
    assert find_run(store, newest.digest[:12]) == newest
    assert find_run(store, "2026-11-20") == store.night(NIGHTS[0])


def test_replaced_run_is_found_by_its_id_and_verified(store: ResultsStore, tmp_path: Path) -> None:
    replaced = store.night(NIGHTS[1])
    assert replaced is not None
    store.publish(NIGHTS[1], run_files(tmp_path / "again", 9.0, night=str(NIGHTS[1])), now=NOW)
    found = find_run(store, replaced.path.name[:10])
    assert (found.night, found.digest, found.files) == (replaced.night, replaced.digest, replaced.files)
    assert found.frame("trades")["net_pnl"].to_list() == [1.0]
    target = replaced.path / "trades.parquet"
    target.chmod(0o600)
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(data)
    with pytest.raises(StoreCorrupt, match="not those it is named for"):
        find_run(store, replaced.path.name[:10])


@pytest.mark.parametrize("name", ["2026-11-22", "2026-13-45", "zz", "abc", "", "../nights", "ffff" * 8])
def test_run_that_is_not_there_lists_what_is(store: ResultsStore, name: str) -> None:
    with pytest.raises(StoreError, match=r"Name a night \(2026-11-20, 2026-11-21\), latest, or"):
        find_run(store, name)


def test_id_that_means_several_runs_is_refused(store: ResultsStore, tmp_path: Path) -> None:
    newest = store.latest()
    assert newest is not None
    (newest.path.parent / (newest.path.name[:8] + "0" * 56)).mkdir()
    with pytest.raises(StoreError, match=r"could mean 2 runs: .* Give more digits"):
        find_run(store, newest.path.name[:6])


def test_store_without_a_night_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="crypto-bt backtest"):
        find_run(ResultsStore(tmp_path / "none"), "latest")
