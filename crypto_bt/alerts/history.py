"""What a person asks of the outbox, and does with it: list, show, mute, send again, forget the old."""

import contextlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from crypto_bt.alerts.database import Database
from crypto_bt.alerts.leasing import queue_again
from crypto_bt.alerts.records import UNREADABLE, ChannelState, Word, channel_of, moment, stored, trouble_of
from crypto_bt.core.alert_routing import Policy
from crypto_bt.core.alert_troubles import Kind, Trouble
from crypto_bt.core.alerts import Alert
from crypto_bt.core.errors import UsageError

KEPT_DAYS: Final = 30
#: Most words that are kept once everybody has been told.
KEPT_WORDS: Final = 2_000
_UNDER_WAY: Final = "'queued', 'leased', 'muted'"


class History:
    """The past and present of the outbox in ``database``, served through ``policies`` (by channel)."""

    def __init__(self, database: Database, policies: Mapping[str, Policy]) -> None:
        self._database = database
        self._policies = policies

    def standing(self) -> list[Trouble]:
        """The troubles that are not over, the oldest first."""
        with self._database.reading() as db:
            rows = db.execute("SELECT * FROM troubles WHERE resolved_at IS NULL ORDER BY opened_at, id")
            return [found for row in rows if (found := trouble_of(row)) is not None]

    def trouble(self, identity: str) -> Trouble | None:
        """The trouble whose id begins with ``identity``; UsageError when several do."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT * FROM troubles WHERE substr(id, 1, length(?)) = ? LIMIT 2", (identity, identity)
            ).fetchall()
        if len(rows) > 1:
            raise UsageError(f"Several alerts begin with {identity}.", "Give more of its digits.")
        return trouble_of(rows[0]) if rows else None

    def words(self, since: datetime, identity: str = "", most: int = 500) -> list[Word]:
        """What was to be told since then, the newest first; of one trouble, where ``identity`` is given.

        A word that cannot be read is left out.
        """
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT * FROM words WHERE created_at >= ? AND ? IN ('', id) ORDER BY number DESC LIMIT ?",
                (stored(since), identity, most),
            ).fetchall()
            found = []
            for row in rows:
                fates = db.execute(
                    "SELECT channel, state, reason FROM deliveries WHERE word = ?", (row["number"],)
                )
                deliveries = {fate["channel"]: (fate["state"], fate["reason"]) for fate in fates}
                with contextlib.suppress(*UNREADABLE):
                    alert, at = Alert.from_json(row["alert"]), moment(row["created_at"])
                    found.append(Word(row["number"], Kind(row["kind"]), alert, at, deliveries))
            return found

    def raised_by_cause(self, since: datetime) -> dict[str, int]:
        """How many troubles have come since then, by cause, the most frequent first."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT cause, count(*) AS n FROM words WHERE kind = 'raised' AND created_at >= ? "
                "GROUP BY cause ORDER BY n DESC, cause",
                (stored(since),),
            )
            return {row["cause"]: row["n"] for row in rows}

    def channels(self) -> list[ChannelState]:
        """How each channel that was used fares."""
        with self._database.reading() as db:
            return [channel_of(row) for row in db.execute("SELECT * FROM channels ORDER BY name")]

    def queued(self) -> int:
        """How many deliveries wait or are under way."""
        with self._database.reading() as db:
            rows = db.execute("SELECT count(*) FROM deliveries WHERE state IN ('queued', 'leased')")
            return int(rows.fetchone()[0])

    def known(self, events: Collection[str]) -> set[str]:
        """Those of ``events`` that were taken in before."""
        with self._database.reading() as db:
            return {
                event
                for event in events
                if db.execute("SELECT 1 FROM events WHERE key = ?", (event,)).fetchone()
            }

    def mute(self, cause: str, until: datetime) -> None:
        """Tell nobody of ``cause`` until then; what still stands by then is told."""
        with self._database.writing() as db:
            db.execute("INSERT OR REPLACE INTO mutes VALUES (?, ?)", (cause, stored(until)))

    def unmute(self, cause: str) -> bool:
        """End the mute; false when there was none."""
        with self._database.writing() as db:
            return db.execute("DELETE FROM mutes WHERE cause = ?", (cause,)).rowcount > 0

    def mutes(self, now: datetime) -> dict[str, datetime]:
        """The muted causes, and until when."""
        with self._database.reading() as db:
            rows = db.execute("SELECT * FROM mutes WHERE until > ? ORDER BY cause", (stored(now),))
            return {row["cause"]: moment(row["until"]) for row in rows}

    def resend(self, identity: str) -> int:
        """Queue the last word on a trouble again in every channel that there is now; how many channels."""
        with self._database.writing() as db:
            return queue_again(db, identity, self._policies)

    def prune(self, now: datetime) -> None:
        """Forget what is over or was told long ago, and the oldest of too much; then give the room back."""
        old = stored(now - timedelta(days=KEPT_DAYS))
        with self._database.writing() as db:
            waiting = f"SELECT word FROM deliveries WHERE state IN ({_UNDER_WAY})"
            standing = "SELECT id FROM troubles WHERE resolved_at IS NULL"
            # It says which channels know of what stands.
            last = f"SELECT max(number) FROM words WHERE kind = 'raised' AND id IN ({standing}) GROUP BY id"
            db.execute(
                f"DELETE FROM words WHERE number NOT IN ({last}) AND ((number NOT IN ({waiting}) AND "
                "(created_at < ? OR number <= (SELECT max(number) FROM words) - ?)) "
                f"OR (created_at < ? AND id NOT IN ({standing})))",
                (old, KEPT_WORDS, old),
            )
            db.execute(f"UPDATE words SET picture = NULL WHERE number NOT IN ({waiting})")
            db.execute("DELETE FROM messages WHERE at < ? AND state != 'leased'", (old,))
            db.execute("DELETE FROM events WHERE at < ?", (old,))
            db.execute("DELETE FROM troubles WHERE resolved_at < ?", (old,))
            db.execute("DELETE FROM mutes WHERE until < ?", (stored(now),))
        self._database.shrink()
