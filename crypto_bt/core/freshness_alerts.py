"""From changes of an asset's freshness to what the digest counts."""

from collections.abc import Sequence
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


def decide(changes: Sequence[FreshnessChange]) -> list[tuple[Alert, str]]:
    """What each change means, with its event; an unknown state means nothing."""
    return [
        (_alert(change), f"freshness:{change.number}")
        for change in changes
        if change.state in ("pass", "warn", "fail")
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
