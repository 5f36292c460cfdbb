"""The SQL face: right answers from one snapshot, no way out, one clear line for bad SQL, no noise."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import SnapshotMissing, StoreCorrupt, UsageError
from crypto_bt.store import SnapshotStore
from crypto_bt.store.objects import object_path
from crypto_bt.store.sql import query
from crypto_bt_tests.store.samples import candles, funding, publish


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    store = SnapshotStore(tmp_path / "store", views=False)
    rows = {(symbol, hours): hours + 1.5 for symbol in ("AA", "BB") for hours in (0, 1, 1000)}
    publish(store, candles_1h=candles(rows), funding_rates=funding({("AA", 0): 0.01}))
    return store


def test_query_aggregate_and_join_right_answer(store: SnapshotStore) -> None:
    frame = query(
        store,
        """SELECT c.symbol, count(*) AS candles, max(close) AS high, any_value(funding_rate) AS rate
           FROM candles_1h c LEFT JOIN funding_rates f ON f.symbol = c.symbol AND f.funding_time = c.open_time
           GROUP BY c.symbol ORDER BY c.symbol""",
    )
    expected = {"symbol": ["AA", "BB"], "candles": [3, 3], "high": [1001.5, 1001.5], "rate": [0.01, None]}
    assert frame.to_dict(as_series=False) == expected


def test_query_times_are_utc_whatever_the_machine(store: SnapshotStore) -> None:
    frame = query(store, "SELECT open_time, open_time::VARCHAR AS said FROM candles_1h LIMIT 1")
    assert str(frame["open_time"].dtype.time_zone) in ("UTC", "Etc/UTC")  # type: ignore[attr-defined]
    assert frame["said"].to_list() == ["2026-09-01 00:00:00+00"]


def test_query_interval_comes_as_text(store: SnapshotStore) -> None:
    frame = query(store, "SELECT max(open_time) - min(open_time) AS span FROM candles_1h")
    assert frame["span"].to_list() == ["41 days 16:00:00"]


def test_query_at_older_snapshot(store: SnapshotStore) -> None:
    publish(store, candles_1h=candles({("CC", 0): 1.0}))
    counts = [query(store, "SELECT count(*) AS n FROM candles_1h", at=at).item() for at in ("000001", None)]
    assert counts == [6, 7]
    with pytest.raises(SnapshotMissing):
        query(store, "SELECT 1", at="000009")


def test_query_every_dataset_is_a_table_even_empty(store: SnapshotStore, tmp_path: Path) -> None:
    for place in (store, SnapshotStore(tmp_path / "empty")):
        assert set(query(place, "SHOW TABLES")["name"]) == set(DATASETS)
        assert query(place, "SELECT * FROM quarantine").columns == list(DATASETS["quarantine"].schema)
    assert query(store, "DESCRIBE candles_1h").height == len(DATASETS["candles_1h"].schema)


@pytest.mark.parametrize(
    "escape",
    [
        "COPY candles_1h TO '{folder}/out.csv'",
        "COPY (SELECT 1) TO '{folder}/out.parquet' (FORMAT parquet)",
        "ATTACH '{folder}/out.db'",
        "ATTACH '{folder}/out.db' AS other (READ_ONLY)",
        "EXPORT DATABASE '{folder}/out'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_parquet('{folder}/store/objects/*.parquet')",
        "INSTALL httpfs",
        "LOAD '{folder}/x'",
        "SET enable_external_access = true",
        "SET temp_directory = '{folder}/out'",
        "CREATE PERSISTENT SECRET s (TYPE http)",
        "SELECT * FROM tables",
        "DELETE FROM candles_1h",
        "DROP VIEW candles_1h",
        "SELECT 1; DROP VIEW candles_1h",
        "SELECT 1; COPY candles_1h TO '{folder}/out.csv'",
    ],
)
def test_query_way_out_refused_nothing_written(store: SnapshotStore, tmp_path: Path, escape: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(UsageError, match="DuckDB refused the query"):
        query(store, escape.format(folder=tmp_path))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM candles_2h", "candles_2h does not exist"),
        ("SELECT nope FROM candles_1h", "nope"),
        ("SELECT 1 AS a, 2 AS a", "two columns of one name: a, a"),
    ],
)
def test_query_bad_sql_one_clear_line(store: SnapshotStore, sql: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        query(store, sql)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sql", ["", "  -- nothing", ";"])
def test_query_without_statement_empty(store: SnapshotStore, sql: str) -> None:
    assert query(store, sql).is_empty()


def test_query_damaged_object_store_corrupt_not_wrong(store: SnapshotStore) -> None:
    snapshot = store.current()
    assert snapshot is not None
    path = object_path(store.root, snapshot.of("candles_1h")[0].sha256)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreCorrupt, match="do not match its name"):
        query(store, "SELECT sum(close) FROM candles_1h")
    assert query(store, "SELECT count(*) AS n FROM funding_rates").item() == 1


def test_query_in_its_own_process_leaves_no_noise_and_needs_no_pyarrow(store: SnapshotStore) -> None:
    program = f"""
import sys
from pathlib import Path
from crypto_bt.core.errors import UsageError
from crypto_bt.store import SnapshotStore
assert "duckdb" not in sys.modules
from crypto_bt.store.sql import query
assert "duckdb" not in sys.modules
store = SnapshotStore(Path({str(store.root)!r}))
for sql in ("SELECT * FROM candles_1h", "SHOW TABLES", "SELECT INTERVAL 1 DAY", "SELECT [1], {{'a': 1}}"):
    print(query(store, sql).height)
for sql in ("SELEC", "SELECT * FROM nope", "COPY candles_1h TO '/x'"):
    try:
        query(store, sql)
    except UsageError as error:
        print(error)
assert "duckdb" in sys.modules and "pyarrow" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "6"


def test_market_duckdb_views_give_the_newest_rows(tmp_path: Path) -> None:
    import duckdb

    store = SnapshotStore(tmp_path / "it's here")
    publish(store, candles_1h=candles({("AA", 0): 1.0, ("AA", 1000): 2.0}))
    connection = duckdb.connect(str(store.root / "market.duckdb"), read_only=True)
    try:
        publish(store, candles_1h=candles({("AA", 0): 5.0}), funding_rates=funding({("AA", 0): 0.1}))
        assert connection.execute("SELECT sum(close) FROM candles_1h").fetchall() == [(3.0,)]
    finally:
        connection.close()
    connection = duckdb.connect(str(store.root / "market.duckdb"), read_only=True)
    try:
        assert connection.execute("SELECT sum(close) FROM candles_1h").fetchall() == [(7.0,)]
        assert connection.execute("SELECT count(*) FROM funding_rates").fetchall() == [(1,)]
    finally:
        connection.close()
    assert not list(store.root.glob(".unfinished*"))


def test_market_duckdb_cannot_be_written_publish_goes_on(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    (tmp_path / "market.duckdb" / "a folder in the way").mkdir(parents=True)
    snapshot = publish(store, candles_1h=candles({("AA", 0): 1.0}))
    assert store.current() == snapshot
    assert isinstance(store.read("candles_1h"), pl.DataFrame)
    assert not list(tmp_path.glob(".unfinished*"))
