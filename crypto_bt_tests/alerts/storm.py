"""A storm of failures in one minute: how many messages come, what they omit, how long the worst waits."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from crypto_bt.alerts import Report
from crypto_bt.core.alert_causes import CAUSES
from crypto_bt.core.alerts import AlertSeverity
from crypto_bt_tests.alerts.samples import NOON, Desk, alert, telegram_desk

TELLABLE = sorted(name for name, cause in CAUSES.items() if cause.severity is not AlertSeverity.INFO)
TICK = timedelta(seconds=20)


@dataclass(frozen=True)
class Aftermath:
    """What a storm left: the most non-critical ``messages`` of any hour, causes that no message named,
    seconds that each CRITICAL waited, bytes of the database before and after it was pruned."""

    reports: int
    critical: int
    most_messages_an_hour: int
    most_urgent_a_minute: int
    causes: int
    causes_not_named: tuple[str, ...]
    critical_not_sent: int
    critical_wait_seconds: tuple[float, ...]
    bytes_before: int
    bytes_after: int

    @property
    def p99_seconds(self) -> float:
        """What 99 % of the CRITICAL waited at most."""
        ordered = sorted(self.critical_wait_seconds)
        return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


def storm(root: Path, seed: str, reports: int = 1_000, hours: float = 2.0) -> Aftermath:
    """``reports`` troubles of all causes at as many places within a minute, then ``hours`` of deliveries."""
    chance = random.Random(seed)
    causes = [*TELLABLE, *(chance.choice(TELLABLE) for _ in range(reports - len(TELLABLE)))]
    chance.shuffle(causes)
    with telegram_desk(root) as desk:
        reported: dict[str, datetime] = {}
        for place, cause in enumerate(causes):
            desk.clock.now = NOON + timedelta(minutes=place / reports)
            told = alert(cause, f"place-{place}", CAUSES[cause].severity, what="x" * chance.randint(10, 400))
            desk.office.send_all([Report(told, f"storm:{place}")])
            reported[told.id] = desk.clock.now
            if place % max(reports // 3, 1) == 0:
                desk.office.deliver()
        end = desk.clock.now + timedelta(hours=hours)
        while desk.clock.now < end:
            desk.clock.now += TICK
            desk.office.deliver()
        return _aftermath(desk, root, causes, reported)


def _aftermath(desk: Desk, root: Path, causes: list[str], reported: dict[str, datetime]) -> Aftermath:
    database = root / "outbox.db"
    with desk.office.outbox.database.reading() as db:
        sent = db.execute(
            "SELECT w.id, m.at FROM words w JOIN deliveries d ON d.word = w.number "
            "JOIN messages m ON m.number = d.message "
            "WHERE d.channel = 'telegram' AND d.state = 'sent' AND m.lane = 'urgent'"
        ).fetchall()
        moments = {
            lane: [
                datetime.fromisoformat(row["at"])
                for row in db.execute(
                    "SELECT at FROM messages WHERE channel = 'telegram' AND lane = ? AND state = 'sent'",
                    (lane,),
                )
            ]
            for lane in ("urgent", "routine")
        }
    critical = [cause for cause in causes if CAUSES[cause].severity is AlertSeverity.CRITICAL]
    waits = [(datetime.fromisoformat(row["at"]) - reported[row["id"]]).total_seconds() for row in sent]
    texts = "\n".join(desk.texts)
    before = database.stat().st_size
    desk.office.history.prune(desk.clock.now)
    return Aftermath(
        reports=len(causes),
        critical=len(critical),
        most_messages_an_hour=_most(moments["routine"], timedelta(hours=1)),
        most_urgent_a_minute=_most(moments["urgent"], timedelta(minutes=1)),
        causes=len(set(causes)),
        causes_not_named=tuple(cause for cause in sorted(set(causes)) if f" {cause}" not in texts),
        critical_not_sent=len(critical) - len(sent),
        critical_wait_seconds=tuple(waits),
        bytes_before=before,
        bytes_after=sum(path.stat().st_size for path in root.glob("outbox.db*")),
    )


def _most(moments: list[datetime], span: timedelta) -> int:
    """The most of ``moments`` within any ``span``."""
    return max((sum(start <= other < start + span for other in moments) for start in moments), default=0)
