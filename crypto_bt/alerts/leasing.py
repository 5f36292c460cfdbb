"""Leases: which messages are whose to send, and what is muted meanwhile."""

import contextlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from crypto_bt.alerts.records import UNREADABLE, stored, waiting_of
from crypto_bt.core.alert_routing import Batch, Policy, Waiting
from crypto_bt.core.alert_troubles import Kind
from crypto_bt.core.alerts import Alert

LEASE: Final = timedelta(seconds=30)
#: Noted on a delivery that somebody asked for: it is made, whatever was told before.
ASKED_FOR: Final = "asked for"
#: An end that the channel was told, or will be, after the word ``w`` of the delivery ``d``.
END_AFTER: Final = (
    "SELECT 1 FROM words r JOIN deliveries f ON f.word = r.number WHERE r.id = w.id AND r.kind = 'resolved' "
    "AND r.number > w.number AND f.channel = d.channel AND f.state != 'calmed'"
)


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


def catch_up(db: sqlite3.Connection, channel: str, policy: Policy) -> None:
    """Queue what stands, and was told while ``channel`` was not set up."""
    rows = db.execute(
        "SELECT w.number, w.alert FROM words w JOIN troubles t ON t.id = w.id AND t.resolved_at IS NULL "
        "WHERE w.number IN (SELECT max(number) FROM words WHERE kind = 'raised' GROUP BY id) "
        "AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.word = w.number AND d.channel = ?)",
        (channel,),
    ).fetchall()
    for row in rows:
        with contextlib.suppress(*UNREADABLE):
            if policy.tells(Alert.from_json(row["alert"]).severity):
                db.execute(
                    "INSERT INTO deliveries (word, channel, state) VALUES (?, ?, 'queued')",
                    (row["number"], channel),
                )


def queue_again(db: sqlite3.Connection, identity: str, policies: Mapping[str, Policy]) -> int:
    """Queue the last word on a trouble in every channel that it goes through; in how many."""
    row = db.execute(
        "SELECT number, kind, alert FROM words WHERE id = ? ORDER BY number DESC LIMIT 1", (identity,)
    ).fetchone()
    if row is None:
        return 0
    digest = row["kind"] in (Kind.DIGEST, Kind.PICTURE)
    severity = Alert.from_json(row["alert"]).severity
    goes = [
        name for name, policy in policies.items() if (policy.batched if digest else policy.tells(severity))
    ]
    return sum(
        db.execute(
            "INSERT INTO deliveries (word, channel, state, reason) VALUES (?, ?, 'queued', ?) "
            "ON CONFLICT (word, channel) DO UPDATE SET state = 'queued', not_before = '', alone = 0, "
            "reason = excluded.reason WHERE state != 'leased'",
            (row["number"], name, ASKED_FOR),
        ).rowcount
        for name in goes
    )


def free_misdated(db: sqlite3.Connection, channel: str, now: datetime, longest: timedelta) -> None:
    """What is held for longer than anything is was dated by a clock that was since set back."""
    db.execute(
        "UPDATE deliveries SET not_before = ? WHERE channel = ? AND state = 'queued' AND not_before > ?",
        (stored(now), channel, stored(now + longest)),
    )


def calm_replaced(db: sqlite3.Connection, channel: str, now: datetime, *, batched: bool) -> None:
    """Drop what a later word on the same trouble says better: nobody is told less after more.

    A later word takes the place of the earlier ones since the trouble has come; a CRITICAL one also that of
    its end before, which would be told after it. A channel that is not ``batched`` gets all but the held.
    """
    db.execute(
        "UPDATE deliveries SET state = 'calmed' WHERE channel = :channel AND state = 'queued' AND word IN ("
        " SELECT w.number FROM deliveries mine JOIN words w ON w.number = mine.word"
        " JOIN words later ON later.id = w.id AND later.number > w.number AND later.kind = 'raised'"
        " JOIN deliveries its ON its.word = later.number AND its.channel = :channel"
        " WHERE mine.channel = :channel AND mine.state = 'queued' AND (:batched OR mine.not_before != '')"
        " AND its.state IN ('queued', 'leased', 'sent') AND its.not_before <= :now"
        " AND w.kind IN ('raised', 'resolved')"
        " AND (iif(json_valid(later.alert), json_extract(later.alert, '$.severity'), '') = 'critical'"
        " OR (w.kind = 'raised' AND NOT EXISTS"
        "  (SELECT 1 FROM words r WHERE r.id = w.id AND r.kind = 'resolved'"
        "   AND r.number BETWEEN w.number AND later.number))))",
        {"channel": channel, "batched": batched, "now": stored(now)},
    )


def calm_orphans(db: sqlite3.Connection, channel: str) -> None:
    """Drop the end of what was muted, or refused, after its end was queued: nobody was told of it."""
    beginnings = (
        "SELECT 1 FROM words w JOIN deliveries d ON d.word = w.number WHERE w.id = o.id "
        "AND w.kind = 'raised' AND w.number < o.number AND d.channel = e.channel "
        f"AND NOT EXISTS ({END_AFTER} AND r.number < o.number)"
    )
    db.execute(
        "UPDATE deliveries SET state = 'calmed' WHERE channel = ?1 AND state = 'queued' AND word IN ("
        " SELECT o.number FROM deliveries e JOIN words o ON o.number = e.word"
        " WHERE e.channel = ?1 AND e.state = 'queued' AND e.reason != ?2 AND o.kind = 'resolved'"
        f" AND EXISTS ({beginnings})"
        f" AND NOT EXISTS ({beginnings} AND d.state IN ('sent', 'leased', 'queued')))",
        (channel, ASKED_FOR),
    )


def due(db: sqlite3.Connection, channel: str, now: datetime) -> list[Waiting]:
    """What may be sent now; an end only when the word on the beginning is not just being sent.

    A word that cannot be read is set aside: it must not hold up the others.
    """
    rows = db.execute(
        "SELECT w.*, d.alone FROM deliveries d JOIN words w ON w.number = d.word "
        "WHERE d.channel = ? AND d.state = 'queued' AND d.not_before <= ? AND NOT (w.kind = 'resolved' "
        "AND EXISTS (SELECT 1 FROM words v JOIN deliveries e ON e.word = v.number WHERE v.id = w.id "
        "AND v.number < w.number AND e.channel = d.channel AND e.state = 'leased')) ORDER BY w.number",
        (channel, stored(now)),
    )
    found = []
    for row in rows.fetchall():
        try:
            found.append(waiting_of(row))
        except UNREADABLE as error:
            db.execute(
                "UPDATE deliveries SET state = 'poison', reason = ? WHERE word = ? AND channel = ?",
                (f"It cannot be read: {error}"[:200], row["number"], channel),
            )
    return found


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
