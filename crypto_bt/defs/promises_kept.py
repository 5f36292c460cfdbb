"""What was promised of the service, measured from what a home has recorded."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from crypto_bt.alerts.records import Word
from crypto_bt.core.alert_troubles import Kind
from crypto_bt.core.alerts import AlertSeverity
from crypto_bt.core.promises import (
    Promise,
    Told,
    covered,
    false_alerts,
    nights_done,
    processor,
    restored,
    up,
)
from crypto_bt.core.service_level import Nights
from crypto_bt.defs.digest_facts import candle_lines
from crypto_bt.defs.execute import open_instance
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.uptime import uptime_and_nights
from crypto_bt.store.health_ledger import read_looks

#: More alerts of a week than are counted one by one.
_MOST_WORDS = 5_000


def promises(desk: Desk, now: datetime, days: float) -> tuple[list[Promise], Nights]:
    """Each promise beside what the last ``days`` were like, and the nights behind it."""
    found, due = uptime_and_nights(desk, now, days)
    since = now - timedelta(days=days)
    whole = {line.timeframe: (line.whole, line.symbols) for line in candle_lines(desk, now)}
    looks = [look for look in read_looks(desk.home.root) if look.time >= since]
    told = _stood(desk.alerts.history.words(since, most=_MOST_WORDS))
    return [
        *up(found),
        nights_done(due),
        *covered(whole, desk.settings.COVERAGE_MINIMUM),
        processor(looks),
        false_alerts(told, days),
        restored(*_last_drill(desk), now),
    ], due


def _stood(words: list[Word]) -> list[Told]:
    """Alerts that a person was told of at once or in a batch; ``words`` are the newest first."""
    ended: dict[str, datetime] = {}
    found = []
    for word in words:
        if word.alert.severity is AlertSeverity.INFO:
            continue
        if word.kind is Kind.RESOLVED:
            ended[word.alert.id] = word.created_at
        elif word.kind is Kind.RAISED:
            end = ended.pop(word.alert.id, None)
            found.append(Told(word.created_at, end - word.created_at if end else None))
    return found


def _last_drill(desk: Desk) -> tuple[float | None, datetime | None]:
    with open_instance(desk.home) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("restore_drill"))
    if event is None or event.asset_materialization is None:
        return None, None
    seconds = event.asset_materialization.metadata.get("restore_seconds")
    at = datetime.fromtimestamp(event.timestamp, UTC)
    return (float(str(seconds.value)), at) if seconds else (None, None)
