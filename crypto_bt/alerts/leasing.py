"""Leases: which messages are whose to send, and what is muted meanwhile."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from crypto_bt.alerts.records import stored
from crypto_bt.core.alert_routing import Batch

LEASE: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Leased:
    """A message that is this process's to send for :data:`LEASE`; ``html`` and ``picture`` of a digest."""

    number: int
    batch: Batch
    html: str = ""
    picture: bytes | None = None


def free_expired(db: sqlite3.Connection, channel: str, now: datetime) -> None:
    """Whoever leased them is gone, or too slow, or the clock was set back: perhaps sent, perhaps not."""
    expired = (
        "SELECT number FROM messages WHERE channel = ? AND state = 'leased' "
        "AND leased_until NOT BETWEEN ? AND ?"
    )
    bounds = (channel, stored(now + timedelta(microseconds=1)), stored(now + LEASE))
    db.execute(
        f"UPDATE deliveries SET state = 'queued' WHERE message IN ({expired})",
        bounds,
    )
    db.execute(f"UPDATE messages SET state = 'lost' WHERE number IN ({expired})", bounds)


def apply_mutes(db: sqlite3.Connection, channel: str, now: datetime) -> None:
    """Hold what is muted now; bring back what no longer is and still stands."""
    muted = "SELECT cause FROM mutes WHERE until > ?"
    raised = "SELECT number FROM words WHERE kind = 'raised' AND cause"
    db.execute(
        f"UPDATE deliveries SET state = 'muted' WHERE channel = ? AND state = 'queued' "
        f"AND word IN ({raised} IN ({muted}))",
        (channel, stored(now)),
    )
    db.execute(
        f"UPDATE deliveries SET state = 'queued' WHERE channel = ? AND state = 'muted' "
        f"AND word IN ({raised} NOT IN ({muted}) "
        "AND id IN (SELECT id FROM troubles WHERE resolved_at IS NULL) "
        "AND number IN (SELECT max(number) FROM words WHERE kind = 'raised' GROUP BY id))",
        (channel, stored(now)),
    )


def lease(db: sqlite3.Connection, channel: str, batch: Batch, now: datetime) -> Leased:
    """Take ``batch`` for this process."""
    added = db.execute(
        "INSERT INTO messages (channel, chat, lane, state, at, leased_until) "
        "VALUES (?, ?, ?, 'leased', ?, ?)",
        (channel, batch.chat, batch.lane, stored(now), stored(now + LEASE)),
    )
    number = int(added.lastrowid or 0)
    db.executemany(
        "UPDATE deliveries SET state = 'leased', message = ? WHERE word = ? AND channel = ?",
        [(number, word.number, channel) for word in batch.words],
    )
    first = db.execute(
        "SELECT html, picture FROM words WHERE number = ?", (batch.words[0].number,)
    ).fetchone()
    return Leased(number, batch, first["html"], first["picture"])


def end_lease(db: sqlite3.Connection, number: int, state: str, receipt: str) -> str | None:
    """End the lease of a message; its channel, or None when it was no longer leased."""
    row = db.execute(
        "UPDATE messages SET state = ?, receipt = ? WHERE number = ? AND state = 'leased' RETURNING channel",
        (state, receipt, number),
    ).fetchone()
    return str(row["channel"]) if row else None
