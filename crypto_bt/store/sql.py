"""The SQL face: DuckDB over the frames of one snapshot, with no way out to files or network.

DuckDB is given each dataset as an Arrow stream that is read, verified, only when a query scans it.
Neither side needs pyarrow. Polars and DuckDB are shown plain :class:`_Stream` objects: polars keeps the
types it has met for the life of the process, and DuckDB complains at exit about its own that are kept.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from crypto_bt.core.datasets import DATASETS, Dataset
from crypto_bt.core.errors import CryptoBtError, UsageError
from crypto_bt.store.market_store import MarketStore

if TYPE_CHECKING:
    import duckdb

_HELP = "Tables: SHOW TABLES. Their columns: DESCRIBE candles_1h."


class _Stream:
    """Whatever can export an Arrow stream, under a type of our own."""

    def __init__(self, export: Callable[[object], object]) -> None:
        self._export = export

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._export(requested_schema)


class _Table(_Stream):
    """A dataset of one snapshot, read when DuckDB first scans it; its schema is known without reading."""

    def __init__(self, dataset: Dataset, read: Callable[[], pl.DataFrame]) -> None:
        super().__init__(self._read_and_export)
        self._dataset = dataset
        self._frame = cache(read)
        self.failure: CryptoBtError | None = None

    def __arrow_c_schema__(self) -> object:
        schema: Any = pl.Schema(self._dataset.schema)
        return schema.__arrow_c_schema__()

    def _read_and_export(self, requested_schema: object) -> object:
        try:
            return self._frame().__arrow_c_stream__(requested_schema)
        except CryptoBtError as error:
            self.failure = error
            raise


def query(store: MarketStore, sql: str, *, at: str | None = None, memory_limit: str = "1GB") -> pl.DataFrame:
    """The result of one or more SQL statements (of the last one) over the tables of one snapshot.

    Every dataset is a table, with times in UTC; intervals come back as text. The statements cannot read
    or write files, load extensions, or change settings. Raises :class:`UsageError` with DuckDB's message
    for SQL it refuses, and the store's own error for a snapshot that is missing or damaged.
    """
    import duckdb

    snapshot = store.current() if at is None else store.snapshot(at)
    tables = {
        name: _Table(dataset, _reader(store, name, snapshot.id) if snapshot else dataset.empty)
        for name, dataset in DATASETS.items()
    }
    connection = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "temp_directory": "",
            "memory_limit": memory_limit,
        },
    )
    try:
        for name, table in tables.items():
            connection.register(name, table)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET lock_configuration = true")
        return _run(connection, sql)
    except duckdb.Error as error:
        failure = next((table.failure for table in tables.values() if table.failure), None)
        if failure is not None:
            raise failure from None
        raise UsageError(f"DuckDB refused the query: {_first_lines(str(error))}", _HELP) from None
    finally:
        connection.close()


def _reader(store: MarketStore, dataset: str, snapshot_id: str) -> Callable[[], pl.DataFrame]:
    return lambda: store.read(dataset, at=snapshot_id)


def _run(connection: "duckdb.DuckDBPyConnection", sql: str) -> pl.DataFrame:
    # DuckDB's stubs leave out the None it returns for text without a statement.
    relation = cast("duckdb.DuckDBPyRelation | None", connection.sql(sql))
    if relation is None:
        return pl.DataFrame()
    names = relation.columns
    if len(set(names)) < len(names):
        raise UsageError(f"The result has two columns of one name: {', '.join(names)}.", "Name them with AS.")
    shown = [_shown(name, str(kind)) for name, kind in zip(names, relation.types, strict=True)]
    return pl.DataFrame(_Stream(relation.project(", ".join(shown)).__arrow_c_stream__))


def _shown(name: str, kind: str) -> str:
    """The column as polars can take it: it has no type for intervals (what one time minus another gives)."""
    quoted = '"' + name.replace('"', '""') + '"'
    return f"{quoted}::VARCHAR AS {quoted}" if "INTERVAL" in kind else quoted


def _first_lines(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return " ".join(lines[:2])
