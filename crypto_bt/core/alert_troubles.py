"""From what is reported to what is told: a trouble is told once, and once more when it is over."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from crypto_bt.core.alerts import Alert, AlertSeverity


class Kind(StrEnum):
    """What is told: that a trouble has come or gone, the digest, or the digest's picture."""

    RAISED = "raised"
    RESOLVED = "resolved"
    DIGEST = "digest"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble: the latest word on it, and how often it was reported since it was ``opened_at``.

    ``resolved_at`` is None while it stands.
    """

    alert: Alert
    count: int
    opened_at: datetime
    last_at: datetime
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Telling:
    """The trouble after a report; ``kind`` of what is to be told, None for nothing, and not before when."""

    trouble: Trouble | None
    kind: Kind | None = None
    not_before: datetime | None = None


def judge(
    trouble: Trouble | None, alert: Alert, now: datetime, cooldown: timedelta, held: datetime | None
) -> Telling:
    """What the report of ``alert`` at ``now`` means, given what is known of the same trouble.

    One that comes again within ``cooldown`` of its end is told only once that is over, unless it is
    CRITICAL; ``held``: until when such a word is being held back, None where none is. A worse word, or news,
    takes its place. An end that a clock which was since set back dates later than ``now`` counts as now.
    """
    critical = alert.severity is AlertSeverity.CRITICAL
    stands = trouble is not None and trouble.resolved_at is None
    if alert.resolved:
        if trouble is None or not stands:
            return Telling(trouble)
        over = replace(alert, since=trouble.alert.since, severity=trouble.alert.severity)
        closed = replace(trouble, alert=over, last_at=now, resolved_at=now)
        return Telling(closed, Kind.RESOLVED)
    if trouble is None or not stands:
        fresh = Trouble(alert, 1, now, now)
        ended = trouble.resolved_at if trouble else None
        calm = min(ended, now) + cooldown if ended and not critical else now
        return Telling(fresh, Kind.RAISED, calm if calm > now else None)
    worse = alert.severity.at_most(trouble.alert.severity) is not alert.severity
    latest = replace(alert, since=min(alert.since, trouble.alert.since))
    if not worse:
        latest = replace(latest, severity=trouble.alert.severity)
    again = replace(trouble, alert=latest, count=trouble.count + 1, last_at=now)
    if not (worse or alert.news):
        return Telling(again)
    return Telling(again, Kind.RAISED, None if critical else held)


def state_of_end(raised: Collection[str]) -> str:
    """What becomes, in a channel, of the word that a trouble is over, given what became of the words that it
    had come: ``held`` back, or any of the outbox's states.

    Nobody is told of the end who was not told of the beginning; whoever was, of any of it, is.
    """
    if not {"sent", "leased", "queued"}.isdisjoint(raised):
        return "queued"
    return next((state for state in ("held", "muted", "poison") if state in raised), "calmed").replace(
        "held", "calmed"
    )
