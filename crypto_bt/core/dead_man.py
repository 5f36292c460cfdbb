"""The dead-man's switch: what must be alive for silence to mean health."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from crypto_bt.core.alert_causes import severity_of
from crypto_bt.core.alerts import Alert

DAEMON: Final = "daemon_dead"
CANDLES: Final = "data_age"
BACKUP: Final = "backup"
#: The place of what the switch finds late, by itself or followed by a dataset.
SWITCH: Final = "dead-man's switch"


def silent_parts(
    heartbeats: Mapping[str, datetime],
    expected: Sequence[str],
    max_age: timedelta,
    now: datetime,
) -> list[str]:
    """Which parts are dead, a sentence each; empty while all are alive.

    ``heartbeats``: the last sign of life of each part; each ``expected`` one must have one that is at most
    ``max_age`` old.
    """
    found = []
    for part in expected:
        last = heartbeats.get(part)
        if last is None:
            found.append(f"{part} has never given a sign of life.")
        elif now - last > max_age:
            minutes = (now - last).total_seconds() / 60
            limit = max_age.total_seconds() / 60
            found.append(f"{part} gave its last sign of life {minutes:.0f} min ago, limit {limit:.0f} min.")
    return found


def switch_alerts(
    parts: Sequence[str], candles: Mapping[str, str], backup: str, now: datetime, option: str
) -> list[Alert]:
    """What the switch has to tell, each trouble with its own cause and place; empty while all is well.

    ``parts``: which of the daemon's are dead; ``candles``: what is wrong, by dataset; ``backup``: why it is
    late, empty where it is not. The daemon's place is the supervisor's, which knows when it is well; the
    others are this switch's own. ``option``: as in "crypto-bt status --home DIR".
    """

    def alert(cause: str, where: str, what: str, command: str, doing: str) -> Alert:
        severity = severity_of(cause)
        return Alert(cause, severity, what, where, "", "", now, f"{command}{option}", doing=doing)

    found = []
    if parts:
        doing = "The supervisor, if it runs, starts what is dead again."
        found.append(alert(DAEMON, "daemon", " ".join(parts), "crypto-bt status", doing))
    for name, what in candles.items():
        doing = "Catch-up, if the daemon runs, looks every 5 minutes for what is missing."
        found.append(alert(CANDLES, f"{SWITCH}: {name}", what, "crypto-bt data repair", doing))
    if backup:
        doing = "The next backup, if the daemon runs, is the next attempt."
        found.append(alert(BACKUP, SWITCH, backup, "crypto-bt backup create", doing))
    return found


def switch_ends(standing: Iterable[Alert], found: Sequence[Alert]) -> list[Alert]:
    """The ends of those of the switch's troubles that are ``standing`` and not ``found`` any more."""
    still = {alert.id for alert in found}
    return [
        replace(alert, what=f"The dead-man's switch finds it well: {alert.where}.", resolved=True, run="")
        for alert in standing
        if alert.id not in still and _is_own(alert)
    ]


def _is_own(alert: Alert) -> bool:
    daemon = (alert.cause, alert.where) == (DAEMON, "daemon")
    return daemon or (alert.cause in (CANDLES, BACKUP) and alert.where.startswith(SWITCH))
