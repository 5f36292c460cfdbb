"""The SQLite file of the outbox: opened for each piece of work, written in whole transactions.

It is small and of its own, so that nothing else that breaks takes the alerts along. A damaged file is
set aside (``.damaged``) and begun anew, by one process at a time.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import filelock

from crypto_bt.core.errors import CryptoBtError

PATIENCE_SECONDS: Final = 10.0
_FILE_MODE: Final = 0o600
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE troubles (
    id TEXT PRIMARY KEY, cause TEXT NOT NULL, alert TEXT NOT NULL, count INTEGER NOT NULL,
    opened_at TEXT NOT NULL, last_at TEXT NOT NULL, resolved_at TEXT
) WITHOUT ROWID;
CREATE TABLE words (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, cause TEXT NOT NULL, kind TEXT NOT NULL,
    alert TEXT NOT NULL, created_at TEXT NOT NULL, html TEXT NOT NULL DEFAULT '', picture BLOB
);
CREATE INDEX words_of ON words (id);
CREATE TABLE deliveries (
    word INTEGER NOT NULL REFERENCES words ON DELETE CASCADE, channel TEXT NOT NULL, state TEXT NOT NULL,
    not_before TEXT NOT NULL DEFAULT '', alone INTEGER NOT NULL DEFAULT 0, message INTEGER,
    reason TEXT NOT NULL DEFAULT '', PRIMARY KEY (word, channel)
) WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (channel, state);
CREATE TABLE messages (
    number INTEGER PRIMARY KEY, channel TEXT NOT NULL, chat TEXT NOT NULL, lane TEXT NOT NULL,
    state TEXT NOT NULL, at TEXT NOT NULL, leased_until TEXT NOT NULL, receipt TEXT NOT NULL DEFAULT ''
);
CREATE INDEX messages_lately ON messages (channel, at);
CREATE TABLE channels (
    name TEXT PRIMARY KEY, not_before TEXT NOT NULL, failures INTEGER NOT NULL, error TEXT NOT NULL,
    sent_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE mutes (cause TEXT PRIMARY KEY, until TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events (key TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID;
"""


class OutboxDamaged(CryptoBtError):
    """The file was damaged; it has been set aside, and the next use begins a new one."""


class Database:
    """The file at ``path``, made when it is first used, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def aside(self) -> Path:
        """Where a damaged file is kept."""
        return self.path.with_name(self.path.name + ".damaged")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone; on the disk when the block has ended, undone when it raises.

        Raises :class:`OutboxDamaged`, or CryptoBtError when the disk or another process prevents it.
        """
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the file, whatever others write meanwhile; raises what :meth:`writing` does."""
        with self._connected() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def shrink(self) -> None:
        """Give unused pages back to the disk."""
        with self._connected() as connection:
            connection.execute("PRAGMA incremental_vacuum").fetchall()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        opened = None
        try:
            opened = self._touch()
            with closing(self._open()) as connection:
                yield connection
        except sqlite3.OperationalError as error:
            raise CryptoBtError(
                f"The alerts' database {self.path} cannot be used: {error}.",
                "Mend the disk (free space, permissions); alerts are told as soon as it can.",
            ) from error
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            self._set_aside(opened)
            raise OutboxDamaged(
                f"The alerts' database {self.path} was damaged: {error}.", f"It is kept as {self.aside}."
            ) from error

    def _touch(self) -> os.stat_result:
        """Make the file where there is none; which one it is."""
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
            try:
                return os.fstat(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise sqlite3.OperationalError(error.strerror or str(error)) from error

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=PATIENCE_SECONDS, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            if connection.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
                self._create(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _set_aside(self, damaged: os.stat_result | None) -> None:
        """Move the file ``damaged`` away, unless whoever found the damage as well has done it by now."""
        lock = filelock.FileLock(self.path.with_name(self.path.name + ".lock"), PATIENCE_SECONDS, _FILE_MODE)
        # Whoever cannot move it leaves it: the next to use it finds the damage again.
        with contextlib.suppress(filelock.Timeout, OSError), lock:
            if damaged is None or not os.path.samestat(self.path.stat(), damaged):
                return
            for suffix in ("-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            self.path.replace(self.aside)
