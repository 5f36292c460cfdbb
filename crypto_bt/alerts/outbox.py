"""The outbox: every alert is written here before anything is sent, and leaves it only when it was.

A word in it goes through each channel by itself: ``queued``, then ``leased`` to whoever sends it, then
``sent``; ``poison`` if the channel refuses it for good, ``muted`` while a person mutes its cause, ``calmed``
if the trouble went before its return was told, or a later word says more. A lease that nobody ends is free
again after 30 seconds.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from crypto_bt.alerts.database import Database, OutboxDamaged
from crypto_bt.alerts.leasing import (
    END_AFTER,
    Leased,
    apply_mutes,
    calm_orphans,
    calm_replaced,
    catch_up,
    due,
    end_lease,
    free_expired,
    free_misdated,
    lease,
)
from crypto_bt.alerts.records import kept, moment, stored, told_of, trouble_of
from crypto_bt.core.alert_routing import Lane, Policy, decide
from crypto_bt.core.alert_troubles import Kind, judge, state_of_end
from crypto_bt.core.alerts import Alert, AlertSeverity

#: Waits after the first, second ... failure in a row of a channel.
BACK_OFF: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 45, 60))
#: No channel rests longer, whatever it asks for.
LONGEST_REST: Final = timedelta(hours=1)
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Report:
    """An alert to take in; one with the same ``event`` as an earlier one is the same, taken in once."""

    alert: Alert
    event: str = ""


class Outbox:
    """The outbox in the file ``path``, from which ``policies`` (by channel) are served."""

    def __init__(self, path: Path, policies: Mapping[str, Policy]) -> None:
        self.database = Database(path)
        self.policies = policies

    def report(self, alert: Alert, now: datetime, event: str = "") -> None:
        """Take in ``alert`` for good; CryptoBtError when that cannot be."""
        self.report_all([Report(alert, event)], now)

    def report_all(self, reports: Iterable[Report], now: datetime, looked_at: Collection[str] = ()) -> int:
        """Take in all of ``reports`` or none; how many were new events.

        ``looked_at``: events of which whoever reports has made up its mind; all of them count as taken in
        from now on, and are remembered as long as new ones: they are forgotten together, never some of them.
        """
        given = list(reports)
        if not given and not looked_at:
            return 0
        try:
            return self._take_in(given, now, looked_at)
        except OutboxDamaged:
            # The damaged file is set aside by now: this begins a new one.
            return self._take_in(given, now, looked_at)

    def add_digest(self, alert: Alert, html: str, picture: bytes | None, now: datetime, event: str) -> bool:
        """Queue a digest for the channels that take messages, once for each ``event``; whether it was new."""
        with self.database.writing() as db:
            if not _is_new(db, event, now):
                return False
            for kind in (Kind.DIGEST, *([Kind.PICTURE] if picture else [])):
                number = _add_word(db, kind, kept(alert), now)
                content = (html, None) if kind is Kind.DIGEST else ("", picture)
                db.execute("UPDATE words SET html = ?, picture = ? WHERE number = ?", (*content, number))
                for name, policy in self.policies.items():
                    if policy.batched:
                        _add_delivery(db, number, name, "queued", None)
            return True

    def lease(
        self, channel: str, now: datetime, lanes: Collection[Lane] = tuple(Lane), at_most: int | None = None
    ) -> list[Leased]:
        """The messages to send through ``channel`` now; they are nobody else's for 30 seconds."""
        policy = self.policies[channel]
        self._tell_damage(now)
        with self.database.writing() as db:
            state = db.execute("SELECT not_before FROM channels WHERE name = ?", (channel,)).fetchone()
            # A rest that is longer than any is dated by a clock that was since set back.
            if state is not None and stored(now) < state["not_before"] <= stored(now + LONGEST_REST):
                return []
            free_expired(db, channel, now)
            catch_up(db, channel, policy)
            free_misdated(db, channel, now, self._cooldown)
            apply_mutes(db, channel, now)
            calm_replaced(db, channel, now, batched=policy.batched)
            calm_orphans(db, channel)
            told = db.execute(
                "SELECT * FROM messages WHERE channel = ? AND at > ? AND state != 'failed'",
                (channel, stored(now - _HOUR)),
            )
            lately = [one for one in map(told_of, told) if one is not None]
            batches = decide(due(db, channel, now), lately, policy, now)
            chosen = [batch for batch in batches if batch.lane in lanes]
            return [lease(db, channel, batch, now) for batch in chosen[:at_most]]

    def delivered(self, number: int, receipt: str, now: datetime) -> None:
        """The message ``number`` was taken by its channel."""
        with self.database.writing() as db:
            if (channel := end_lease(db, number, "sent", receipt)) is None:
                return
            db.execute("UPDATE deliveries SET state = 'sent' WHERE message = ?", (number,))
            db.execute(
                "INSERT INTO channels VALUES (?, '', 0, '', ?) ON CONFLICT (name) DO UPDATE SET "
                "not_before = '', failures = 0, error = '', sent_at = excluded.sent_at",
                (channel, stored(now)),
            )

    def failed(self, number: int, reason: str, now: datetime, wait: timedelta | None = None) -> None:
        """The message was not taken, perhaps later: the channel rests for ``wait``, or ever longer."""
        with self.database.writing() as db:
            if (channel := end_lease(db, number, "failed", reason)) is None:
                return
            db.execute(
                "UPDATE deliveries SET state = 'queued', reason = ? WHERE message = ?", (reason, number)
            )
            row = db.execute("SELECT failures FROM channels WHERE name = ?", (channel,)).fetchone()
            failures = row["failures"] if row else 0
            rest = BACK_OFF[min(failures, len(BACK_OFF) - 1)] if wait is None else min(wait, LONGEST_REST)
            db.execute(
                "INSERT INTO channels VALUES (?, ?, ?, ?, '') ON CONFLICT (name) DO UPDATE SET "
                "not_before = excluded.not_before, failures = excluded.failures, error = excluded.error",
                (channel, stored(now + rest), failures + 1, reason),
            )

    def refused(self, number: int, reason: str) -> None:
        """The channel will never take this message: its only word is set aside, several are tried singly."""
        with self.database.writing() as db:
            if end_lease(db, number, "failed", reason) is None:
                return
            [count] = db.execute("SELECT count(*) FROM deliveries WHERE message = ?", (number,)).fetchone()
            state, alone = ("poison", 0) if count == 1 else ("queued", 1)
            db.execute(
                "UPDATE deliveries SET state = ?, alone = ?, reason = ? WHERE message = ?",
                (state, alone, reason, number),
            )

    @property
    def _cooldown(self) -> timedelta:
        return max((policy.cooldown for policy in self.policies.values()), default=timedelta())

    def _tell_damage(self, now: datetime) -> None:
        """Report, once, that a damaged file was set aside, whoever found it."""
        try:
            event = f"damaged:{self.database.aside.stat().st_mtime_ns}"
        except FileNotFoundError:
            return
        with self.database.reading() as db:
            if db.execute("SELECT 1 FROM events WHERE key = ?", (event,)).fetchone():
                return
        told = Alert(
            cause="outbox_damaged",
            severity=AlertSeverity.CRITICAL,
            what="The alerts' own database was damaged. Alerts that waited in it may be lost.",
            where=self.database.aside.name,
            value="",
            limit="",
            since=now,
            command="crypto-bt alerts list",
            doing="The file was set aside and a new one begun; what stands is told by the next checks.",
        )
        self.report(told, now, event)

    def _take_in(self, reports: Sequence[Report], now: datetime, looked_at: Collection[str]) -> int:
        new = 0
        with self.database.writing() as db:
            for report in reports:
                if not report.event or _is_new(db, report.event, now):
                    new += 1
                    self._take_one(db, kept(report.alert), now)
            db.executemany(
                "INSERT OR REPLACE INTO events VALUES (?, ?)", [(event, stored(now)) for event in looked_at]
            )
        return new

    def _take_one(self, db: sqlite3.Connection, alert: Alert, now: datetime) -> None:
        row = db.execute("SELECT * FROM troubles WHERE id = ?", (alert.id,)).fetchone()
        raised = _raised(db, alert.id)
        latest = stored(now + self._cooldown)
        held = [
            one for one in raised if one["state"] == "queued" and stored(now) < one["not_before"] <= latest
        ]
        until = max((moment(told["not_before"]) for told in held), default=None)
        telling = judge(trouble_of(row), alert, now, self._cooldown, until)
        if (trouble := telling.trouble) is not None:
            ended = trouble.resolved_at
            db.execute(
                "INSERT OR REPLACE INTO troubles VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    alert.id,
                    alert.cause,
                    trouble.alert.to_json(),
                    trouble.count,
                    stored(trouble.opened_at),
                    stored(trouble.last_at),
                    stored(ended) if ended else None,
                ),
            )
        if telling.kind is None or trouble is None:
            return
        severity = trouble.alert.severity
        states = {name: "queued" for name, policy in self.policies.items() if policy.tells(severity)}
        if telling.kind is Kind.RESOLVED:
            db.executemany(
                "UPDATE deliveries SET state = 'calmed' WHERE word = ? AND channel = ?",
                [(told["number"], told["channel"]) for told in held],
            )
            for name in states:
                of = [told for told in raised if told["channel"] == name]
                states[name] = state_of_end(["held" if told in held else told["state"] for told in of])
            if set(states.values()) == {"calmed"}:
                return
        number = _add_word(db, telling.kind, trouble.alert, now)
        for name, state in states.items():
            _add_delivery(db, number, name, state, telling.not_before)


def _is_new(db: sqlite3.Connection, event: str, now: datetime) -> bool:
    return db.execute("INSERT OR IGNORE INTO events VALUES (?, ?)", (event, stored(now))).rowcount == 1


def _add_word(db: sqlite3.Connection, kind: Kind, alert: Alert, now: datetime) -> int:
    added = db.execute(
        "INSERT INTO words (id, cause, kind, alert, created_at) VALUES (?, ?, ?, ?, ?)",
        (alert.id, alert.cause, kind, alert.to_json(), stored(now)),
    )
    return int(added.lastrowid or 0)


def _add_delivery(
    db: sqlite3.Connection, word: int, channel: str, state: str, not_before: datetime | None
) -> None:
    db.execute(
        "INSERT INTO deliveries (word, channel, state, not_before) VALUES (?, ?, ?, ?)",
        (word, channel, state, stored(not_before) if not_before else ""),
    )


def _raised(db: sqlite3.Connection, trouble: str) -> list[sqlite3.Row]:
    """The words that this trouble has come, in each channel since the last that it was over."""
    return db.execute(
        f"SELECT w.number, d.channel, d.state, d.not_before FROM words w JOIN deliveries d "
        f"ON d.word = w.number WHERE w.id = ? AND w.kind = 'raised' AND NOT EXISTS ({END_AFTER})",
        (trouble,),
    ).fetchall()
