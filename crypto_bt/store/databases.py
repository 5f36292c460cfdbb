"""SQLite databases: copied with whoever writes them at work, and looked at."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from crypto_bt.core.errors import StoreCorrupt, StoreError

DOCTOR: Final = "See what is wrong and what mends it: crypto-bt doctor"
_MAGIC: Final = b"SQLite format 3\x00"
_WAITING: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
PATIENCE: Final = 30.0


def is_database(path: Path) -> bool:
    """Whether the file is an SQLite database."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def copy_database(source: Path, copy: Path, *, patience: float = PATIENCE) -> None:
    """Copy an SQLite database, with whoever writes it at work, and check the copy.

    StoreCorrupt if it is damaged; StoreError if it is locked for ``patience`` seconds or cannot be read.
    """
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=0)) as reading,
            closing(sqlite3.connect(copy)) as writing,
        ):
            transfer(reading, writing, patience=patience)
            # The copy stands alone: without this, opening it would make a second file beside it.
            writing.execute("PRAGMA journal_mode = DELETE")
            [verdict] = writing.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        raise StoreError(f"{source} cannot be copied: {error}.", "Is it locked, or the disk full?") from error
    except sqlite3.DatabaseError as error:
        raise StoreCorrupt(f"{source} is corrupt: {error}.", DOCTOR) from error
    if verdict != "ok":
        raise StoreCorrupt(f"{source} is corrupt: {verdict}.", DOCTOR)


def transfer(source: sqlite3.Connection, sink: sqlite3.Connection, *, patience: float = PATIENCE) -> None:
    """Copy ``source`` into ``sink`` by SQLite's own backup: all of it or nothing.

    sqlite3.OperationalError if either is locked for ``patience`` seconds: left alone, Python waits for ever.
    """
    deadline = time.monotonic() + patience

    def watch(status: int, remaining: int, total: int) -> None:
        if status in _WAITING and time.monotonic() > deadline:
            raise sqlite3.OperationalError(f"it was locked for {patience:g} s")

    source.backup(sink, progress=watch, sleep=0.05)


def damage_of(path: Path) -> str:
    """What SQLite finds wrong with a database; empty if nothing, or if it is locked."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        return ""
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if verdict == "ok" else str(verdict)


def unused_bytes(path: Path) -> int:
    """Bytes inside a database that hold nothing any more; 0 where it is locked or none."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            [pages] = connection.execute("PRAGMA freelist_count").fetchone()
            [size] = connection.execute("PRAGMA page_size").fetchone()
    except sqlite3.Error:
        return 0
    return int(pages) * int(size)


def shrink_database(path: Path, *, patience: float = 5.0) -> int:
    """Write a database anew without what is unused in it; the bytes that this gave back to the disk.

    One transaction: whoever reads goes on, whoever writes waits, and a crash leaves the database as it was.
    Nothing is done, and 0 returned, where somebody holds it for ``patience`` seconds.
    """
    before = path.stat().st_size
    try:
        with closing(
            sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=patience, isolation_level=None
            )
        ) as connection:
            connection.execute("VACUUM")
            # In WAL mode the file itself becomes shorter only now.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:
        return 0
    except sqlite3.DatabaseError as error:
        raise StoreCorrupt(f"{path} is corrupt: {error}.", DOCTOR) from error
    return max(0, before - path.stat().st_size)
