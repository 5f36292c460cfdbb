"""The breaker: after the third crash of the nightly backtest within a day, nothing starts it any more."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from crypto_bt.core.alerts import Alert, AlertSeverity

CRASHES: Final = 3
WITHIN: Final = timedelta(hours=24)
BY: Final = "the breaker"


@dataclass(frozen=True, slots=True)
class Crash:
    """The night's process died, or was killed by a watchdog, at ``time``; ``what`` says how. A refusal, a
    failed check and the error of one strategy are no crashes."""

    time: datetime
    night: str
    what: str

    def to_json(self) -> str:
        """One line."""
        told = {"time": self.time.astimezone(UTC).isoformat(), "night": self.night, "what": self.what}
        return json.dumps(told, ensure_ascii=False)


def crash_from_json(line: str) -> Crash | None:
    """The crash in ``line``; None for a line that cannot be read (one that was being written at a crash)."""
    try:
        told = json.loads(line)
        time = datetime.fromisoformat(told["time"])
        return Crash(time, str(told["night"]), str(told["what"])) if time.tzinfo else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def opens(crashes: Sequence[Crash], resumed: datetime | None, now: datetime) -> Alert | None:
    """The alert with which the breaker opens: :data:`CRASHES` in the last 24 hours, all of them since it was
    last closed (``resumed``); else None."""
    recent = [
        crash
        for crash in crashes
        if now - WITHIN < crash.time <= now and (resumed is None or crash.time > resumed)
    ]
    if len(recent) < CRASHES:
        return None
    what = (
        f"The nightly backtest crashed {len(recent)} times in 24 hours and is not started any more; the "
        f"last time: {recent[-1].what}"
    )
    return breaker_alert(what, f"{len(recent)} crashes", recent[0].time)


def breaker_alert(what: str, value: str, since: datetime) -> Alert:
    """That the breaker opened, or, as resolved, that it was closed."""
    return Alert(
        cause="backtest_crashes",
        severity=AlertSeverity.CRITICAL,
        what=what,
        where="nightly_backtest",
        value=value,
        limit=f"{CRASHES} in 24 hours",
        since=since,
        command="Look at the last run's log, then: crypto-bt resume",
    )
