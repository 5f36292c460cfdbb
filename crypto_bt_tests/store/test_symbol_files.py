"""Rows copied into files of a few symbols are the store's own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crypto_bt.core.errors import StoreError
from crypto_bt.store import SnapshotStore
from crypto_bt.store.symbol_files import SymbolFiles
from crypto_bt_tests.frames import candle_frame

START = datetime(2026, 1, 20, tzinfo=UTC)
SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
GROUPS = (SYMBOLS[:2], SYMBOLS[2:])


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    """Three symbols over the ends of four months, in a store of three snapshots."""
    store = SnapshotStore(tmp_path / "store")
    for month in range(3):
        opened = [START + timedelta(days=31 * month, hours=hour) for hour in range(24 * 20)]
        rows = pl.concat(
            [candle_frame(opened).with_columns(symbol=pl.lit(symbol)) for symbol in SYMBOLS[: month + 1]]
        )
        store.publish({"candles_1h": rows}, source="test", published_by="test", now=START)
    return store


@pytest.mark.parametrize(
    "symbols", [("AAAUSDT",), ("AAAUSDT", "BBBUSDT"), ("CCCUSDT",), SYMBOLS, ("DDDUSDT",)]
)
@pytest.mark.parametrize(
    ("start", "end"),
    [(None, None), (START + timedelta(days=25), START + timedelta(days=40)), (START, START)],
)
@pytest.mark.parametrize("columns", [None, ("symbol", "open_time", "close")])
def test_read_gives_what_the_store_gives(
    store: SnapshotStore,
    tmp_path: Path,
    symbols: tuple[str, ...],
    start: datetime | None,
    end: datetime | None,
    columns: tuple[str, ...] | None,
) -> None:
    files = SymbolFiles(store, tmp_path / "files", GROUPS, ["candles_1h"])
    at = store.current()
    assert at is not None
    asked = {"symbols": symbols, "start": start, "end": end, "columns": columns, "at": at.id}
    for _ in range(2):
        assert files.read("candles_1h", **asked).equals(store.read("candles_1h", **asked))


def test_read_of_an_older_snapshot_knows_nothing_of_the_newer(store: SnapshotStore, tmp_path: Path) -> None:
    files = SymbolFiles(store, tmp_path / "files", GROUPS, ["candles_1h"])
    newest = store.current()
    assert newest is not None
    first = newest
    while first.parent is not None:
        first = store.snapshot(first.parent)
    asked = {"symbols": SYMBOLS[:2], "start": None, "end": None, "columns": None}
    assert set(files.read("candles_1h", **asked, at=newest.id)["symbol"]) == set(SYMBOLS[:2])
    assert set(files.read("candles_1h", **asked, at=first.id)["symbol"]) == {"AAAUSDT"}


def test_read_of_a_damaged_object_is_refused_as_by_the_store(store: SnapshotStore, tmp_path: Path) -> None:
    damaged = next((store.root / "objects").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-9] + b"123456789")
    files = SymbolFiles(store, tmp_path / "files", GROUPS, ["candles_1h"])
    at = store.current()
    assert at is not None
    with pytest.raises(StoreError, match="corrupt"):
        files.read("candles_1h", symbols=SYMBOLS[:2], start=None, end=None, columns=None, at=at.id)
