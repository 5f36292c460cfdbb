"""What every alert channel does. A new one adds itself to SINKS and passes this file."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crypto_bt.alerts import AlertLog, AlertSink
from crypto_bt_tests.core.test_alerts import ALERT

Clock = Callable[[], datetime]
SINKS: dict[str, Callable[[Path, Clock], AlertSink]] = {
    "AlertLog": lambda root, clock: AlertLog(root / "alerts.log", clock),
}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Ticking:
    """A clock that is an hour later at each look."""

    def __init__(self) -> None:
        self.now = NOON - HOUR

    def __call__(self) -> datetime:
        """An hour after the last answer; NOON the first time."""
        self.now += HOUR
        return self.now


@pytest.fixture(params=sorted(SINKS))
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> AlertSink:
    return SINKS[request.param](tmp_path, Ticking())


def test_recent_nothing_sent_empty(sink: AlertSink) -> None:
    assert sink.recent(NOON) == []


def test_recent_gives_back_what_was_sent_in_order_with_repetitions(sink: AlertSink) -> None:
    for alert in (ALERT, ALERT.as_resolved(), ALERT):
        sink.send(alert)
    assert sink.recent(NOON) == [ALERT, ALERT.as_resolved(), ALERT]


def test_recent_counts_from_the_time_of_sending_not_of_the_trouble(sink: AlertSink) -> None:
    assert ALERT.since < NOON
    sink.send(ALERT)
    sink.send(ALERT.as_resolved())
    assert sink.recent(NOON + HOUR) == [ALERT.as_resolved()]
    assert sink.recent(NOON + 2 * HOUR) == []
