"""A small home with everything that a backup keeps, and what must not be in one."""

import json
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import polars as pl

from crypto_bt.store import ResultsStore, SnapshotStore
from crypto_bt.store.results import FRAMES
from crypto_bt_tests.store.samples import NOW, marker_of, publish_marked

NIGHT = date(2026, 11, 21)
CANARY = "123456:canary-token-of-a-bot"


def small_home(root: Path, publishes: int = 3) -> Path:
    """A home with market snapshots 1 to ``publishes``, a night, Dagster's databases, an outbox, a ledger."""
    store = SnapshotStore(root / "store", views=False)
    for marker in range(1, publishes + 1):
        publish_marked(store, marker)
    publish_night(root, NIGHT, 1.0)
    (root / "results" / "trials.jsonl").write_text('{"trial": 1}\n')
    (root / "dagster" / "history").mkdir(parents=True)
    (root / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    make_database(root / "dagster" / "history" / "runs.db", rows=400)
    make_database(root / "outbox.db", rows=3)
    (root / "alerts.log").write_text('{"alert": 1}\n')
    (root / ".env").write_text(f"TELEGRAM_BOT_TOKEN={CANARY}\n")
    (root / "market.lock").touch()
    return root


def publish_night(root: Path, night: date, profit: float) -> None:
    """Publish a result of ``night`` whose trades made ``profit``."""
    folder = root / "work" / f"{night}-{profit}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in FRAMES:
        pl.DataFrame({"strategy": [name], "net_pnl": [profit]}).write_parquet(folder / f"{name}.parquet")
    (folder / "stamp.json").write_text(json.dumps({"snapshot": {"id": "000001"}}))
    ResultsStore(root / "results").publish(night, folder, now=NOW)


def make_database(path: Path, rows: int) -> None:
    """An SQLite database in WAL mode with ``rows`` rows."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, body TEXT)")
        add_rows(connection, rows)


def add_rows(connection: sqlite3.Connection, rows: int) -> None:
    """Commit ``rows`` more rows."""
    with connection:
        connection.executemany("INSERT INTO events (body) VALUES (?)", [("x" * 500,)] * rows)


def rows_in(path: Path) -> int:
    """Rows of the database at ``path``."""
    with closing(sqlite3.connect(path)) as connection:
        [count] = connection.execute("SELECT count(*) FROM events").fetchone()
        return int(count)


def visible(root: Path) -> int:
    """The marker that the home's newest snapshot shows, whole; 0 for an empty store."""
    store = SnapshotStore(root / "store", views=False)
    current = store.current()
    return 0 if current is None else marker_of(store, current.id)


def profit_of(root: Path, night: date) -> float | None:
    """What the trades of ``night`` made; None if there is no such night."""
    result = ResultsStore(root / "results").night(night)
    return None if result is None else float(result.frame("trades")["net_pnl"][0])
