"""What is told of the processes that ``crypto-bt up`` keeps running."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from crypto_bt.core.alert_causes import severity_of
from crypto_bt.core.alerts import Alert

#: The cause of the death of each part.
DEAD: Final = {"daemon": "daemon_dead", "webserver": "webserver_dead", "code_server": "code_server_dead"}
HUNG: Final = "hang_restarted"
GIVEN_UP: Final = "crash_loop"
WAS_DOWN: Final = "was_down"
DISK: Final = "disk"
_ALL: Final = "crypto-bt up"
_AGAIN: Final = "It is started again within a minute."


def part_alerts(part: str, kind: str, text: str, now: datetime, log: str, command: str) -> list[Alert]:
    """The alerts of one event of the supervisor; empty where nobody needs to know.

    ``kind``: the ``part`` has ended, hung, was restarted or given_up, or is well again; the supervisor's own
    state is unwritten, or written again. ``log``: where it writes. ``command`` starts everything anew.
    """

    def alert(cause: str, doing: str, command: str = "", *, resolved: bool = False) -> Alert:
        what = text if resolved else f"{text} Its log: {log}"
        return Alert(
            cause=cause,
            severity=severity_of(cause),
            what=what,
            where=part,
            value=kind,
            limit="running",
            since=now,
            command=command,
            resolved=resolved,
            doing=doing,
        )

    match kind:
        case "ended":
            return [alert(DEAD[part], _AGAIN)]
        case "hung":
            return [alert(HUNG, _AGAIN)]
        case "given_up":
            return [alert(GIVEN_UP, "Nothing more; the other processes go on.", command)]
        case "unwritten" | "written":
            mend = "" if kind == "written" else "crypto-bt data compact"
            return [alert(DISK, "It tries again every 30 s.", mend, resolved=kind == "written")]
        case "well":
            over = [alert(cause, "", resolved=True) for cause in (DEAD[part], HUNG, GIVEN_UP)]
            # The daemon is the last that is asked for: with it everything is back.
            back = [replace(alert(WAS_DOWN, "", resolved=True), where=_ALL)] if part == "daemon" else []
            return over + back
    return []


def down_alert(since: datetime, now: datetime) -> Alert:
    """The supervisor itself had gone without being stopped: nothing ran from ``since`` to ``now``."""
    minutes = (now - since).total_seconds() / 60
    return Alert(
        cause=WAS_DOWN,
        severity=severity_of(WAS_DOWN),
        what=f"Nothing ran from {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC for {minutes:.0f} min: "
        "the supervisor, or the machine, had ended without being stopped.",
        where=_ALL,
        value=f"{minutes:.0f} min",
        limit="0 min",
        since=since,
        command="",
        doing="Everything was started again; catch-up fetches what is missing.",
    )
