"""From what is reported to what is told: a trouble is told once, and once more when it is over."""

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
    """The trouble after a report; ``kind`` of what is to be told, None for nothing, and not before when.

    ``calmed``: it went while the word that it has come again was still held back; neither is told.
    """

    trouble: Trouble | None
    kind: Kind | None = None
    not_before: datetime | None = None
    calmed: bool = False


def judge(trouble: Trouble | None, alert: Alert, now: datetime, cooldown: timedelta, held: bool) -> Telling:
    """What the report of ``alert`` at ``now`` means, given what is known of the same trouble.

    One that comes again within ``cooldown`` of its end is told only once that is over, unless it is
    CRITICAL; ``held``: such a word is being held back.
    """
    stands = trouble is not None and trouble.resolved_at is None
    if alert.resolved:
        if trouble is None or not stands:
            return Telling(trouble)
        over = replace(alert, since=trouble.alert.since, severity=trouble.alert.severity)
        closed = replace(trouble, alert=over, last_at=now, resolved_at=now)
        return Telling(closed, calmed=True) if held else Telling(closed, Kind.RESOLVED)
    if trouble is None or not stands:
        fresh = Trouble(alert, 1, now, now)
        ended = trouble.resolved_at if trouble else None
        calm = ended + cooldown if ended and alert.severity is not AlertSeverity.CRITICAL else now
        return Telling(fresh, Kind.RAISED, calm if calm > now else None)
    worse = alert.severity.at_most(trouble.alert.severity) is not alert.severity
    latest = replace(alert, since=min(alert.since, trouble.alert.since))
    if not worse:
        latest = replace(latest, severity=trouble.alert.severity)
    again = replace(trouble, alert=latest, count=trouble.count + 1, last_at=now)
    return Telling(again, Kind.RAISED if worse or alert.news else None)
