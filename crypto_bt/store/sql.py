"""The SQL face: DuckDB over the frames of one snapshot, with no way out to files or network.

The tables that a query names are read, verified and loaded into DuckDB's memory one at a time, and counted
there: several frames registered side by side were once seen to answer for one another.
Neither side needs pyarrow. Polars and DuckDB are shown plain :class:`_Stream` objects: polars keeps the
types it has met for the life of the process, and DuckDB complains at exit about its own that are kept.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

import polars as pl

from crypto_bt.core.datasets import DATASETS, Dataset
from crypto_bt.core.errors import StoreError, UsageError
from crypto_bt.store.market_store import MarketStore

if TYPE_CHECKING:
    import duckdb

_HELP = "Tables: SHOW TABLES. Their columns: DESCRIBE candles_1h."
_SQL_TYPES: Final = {
    pl.String: "VARCHAR",
    pl.Datetime: "TIMESTAMP WITH TIME ZONE",
    pl.Float64: "DOUBLE",
    pl.Int64: "BIGINT",
    pl.Boolean: "BOOLEAN",
}
_READING: Final = frozenset({"SELECT", "EXPLAIN"})
_READ_ONLY: Final = "The store is read-only here: SELECT, FROM, WITH, SHOW, DESCRIBE, SUMMARIZE, EXPLAIN."
_INCOMING: Final = "incoming_rows"
_STORED: Final = "stored"


class _Stream:
    """Whatever can export an Arrow stream, under a type of our own."""

    def __init__(self, export: Callable[[object], object]) -> None:
        self._export = export

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._export(requested_schema)


def query(store: MarketStore, sql: str, *, at: str | None = None, memory_limit: str = "1GB") -> pl.DataFrame:
    """The result of one or more SQL statements (of the last one) over the tables of one snapshot.

    Every dataset is a table, with times in UTC; intervals come back as text. Statements that do more than
    read are refused; none can read or write files, load extensions, or change settings. Raises
    :class:`UsageError` with DuckDB's message for SQL it refuses, and the store's own error for a snapshot
    that is missing or damaged.
    """
    import duckdb

    snapshot = store.current() if at is None else store.snapshot(at)
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
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE SCHEMA {_STORED}")
        for name, dataset in DATASETS.items():
            _create(connection, dataset)
            if snapshot is not None and name in sql.lower():
                _load(connection, name, store.read(name, at=snapshot.id))
        connection.execute("SET lock_configuration = true")
        for statement in connection.extract_statements(sql):
            kind = str(statement.type).rpartition(".")[2]
            if kind not in _READING:
                raise UsageError(f"DuckDB refused the query: {kind} changes something.", _READ_ONLY)
        return _run(connection, sql)
    except duckdb.Error as error:
        raise UsageError(f"DuckDB refused the query: {_first_lines(str(error))}.", _HELP) from None
    finally:
        connection.close()


def _create(connection: "duckdb.DuckDBPyConnection", dataset: Dataset) -> None:
    columns = ", ".join(f'"{name}" {_SQL_TYPES[kind.base_type()]}' for name, kind in dataset.schema.items())
    connection.execute(f"CREATE TABLE {_STORED}.{dataset.name} ({columns})")
    # What a query sees is a view: DuckDB refuses to change the rows behind it.
    connection.execute(f"CREATE VIEW {dataset.name} AS SELECT * FROM {_STORED}.{dataset.name}")


def _load(connection: "duckdb.DuckDBPyConnection", name: str, frame: pl.DataFrame) -> None:
    """Copy ``frame`` into its table and make sure that what arrived is what was read."""
    incoming = _Stream(frame.__arrow_c_stream__)
    connection.register(_INCOMING, incoming)
    connection.execute(f"INSERT INTO {_STORED}.{name} SELECT * FROM {_INCOMING}")
    connection.unregister(_INCOMING)
    time = DATASETS[name].time
    arrived = connection.execute(f'SELECT count(*), max(epoch_ms("{time}")) FROM {name}').fetchone()
    newest = frame.select(pl.col(time).max().dt.epoch("ms")).item()
    if arrived != (frame.height, newest):
        raise StoreError(
            f"DuckDB holds {arrived} of {name} (rows, newest ms), read were {(frame.height, newest)}.",
            "Run the query again; if it stays, read the table from crypto-bt data export.",
        )


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
