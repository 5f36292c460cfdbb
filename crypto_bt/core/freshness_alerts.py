"""From changes of an asset's freshness to what the digest counts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from crypto_bt.core.alert_causes import severity_of
from crypto_bt.core.alerts import Alert


@dataclass(frozen=True, slots=True)
class FreshnessChange:
    """Dagster's ``number``-th event: ``asset`` is now ``state``: pass, warn, fail or unknown."""

    number: int
    asset: str
    state: str
    at: datetime


def decide(changes: Sequence[FreshnessChange], off: Collection[str] = ()) -> list[tuple[Alert, str]]:
    """What each change means, with its event; an unknown state means nothing.

    Assets that are ``off`` are late because somebody wants it: only that they are fresh again is told.
    """
    return [
        (_alert(change), f"freshness:{change.number}")
        for change in changes
        if change.state == "pass" or (change.state in ("warn", "fail") and change.asset not in off)
    ]


def _alert(change: FreshnessChange) -> Alert:
    return Alert(
        cause="freshness",
        severity=severity_of("freshness"),
        what=f"{change.asset} was not updated as often as its freshness policy asks ({change.state}).",
        where=change.asset,
        value=change.state,
        limit="pass",
        since=change.at,
        command="crypto-bt status",
        resolved=change.state == "pass",
    )
