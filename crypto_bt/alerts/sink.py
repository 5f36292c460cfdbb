"""What an alert channel is. Every channel passes ``crypto_bt_tests/alerts/test_alert_sink_contract.py``."""

from datetime import datetime
from typing import Protocol

from crypto_bt.core.alerts import Alert


class AlertSink(Protocol):
    """Takes alerts, and remembers what it took for a while."""

    def send(self, alert: Alert) -> None:
        """Take one alert for good, or raise CryptoBtError; never a part of it."""

    def recent(self, since: datetime) -> list[Alert]:
        """What was sent at or after ``since``, in the order of sending, repetitions included."""
