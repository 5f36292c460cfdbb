"""The alerts of a home: taken in by the outbox, sent through its channels. Dagster is not needed for it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from crypto_bt.alerts.apprise import AppriseChannel
from crypto_bt.alerts.channel import Channel
from crypto_bt.alerts.console import ConsoleChannel
from crypto_bt.alerts.delivery import Deliveries, deliver
from crypto_bt.alerts.history import History
from crypto_bt.alerts.log_channel import LogChannel
from crypto_bt.alerts.log_file import AlertLog
from crypto_bt.alerts.outbox import Outbox, Report
from crypto_bt.alerts.telegram import TelegramChannel
from crypto_bt.core.alert_routing import Lane
from crypto_bt.core.alert_wiring import Wiring
from crypto_bt.core.alerts import Alert

OUTBOX: Final = "outbox.db"
LOG: Final = "alerts.log"


@dataclass(frozen=True, slots=True)
class AlertOffice:
    """What reports alerts and sends them; ``clock`` gives the time of both."""

    outbox: Outbox
    channels: Sequence[Channel]
    wiring: Wiring
    clock: Callable[[], datetime]

    @property
    def history(self) -> History:
        """What was told before, and what stands."""
        return History(self.outbox.database, self.outbox.policies)

    def send(self, alert: Alert, event: str = "") -> None:
        """Take in ``alert``, once for each ``event``; CryptoBtError when that cannot be."""
        self.outbox.report(alert, self.clock(), event)

    def send_all(self, reports: Sequence[Report], looked_at: Collection[str] = ()) -> int:
        """Take in all of ``reports`` or none; how many were new. See :meth:`Outbox.report_all`."""
        return self.outbox.report_all(reports, self.clock(), looked_at)

    def recent(self, since: datetime) -> list[Alert]:
        """What was told, or was to be, since then, in that order."""
        return [word.alert for word in reversed(self.history.words(since))]

    def deliver(self, lanes: Collection[Lane] = tuple(Lane)) -> Deliveries:
        """Send what is due; CryptoBtError when the outbox cannot be used."""
        return deliver(self.outbox, self.channels, self.clock, self.wiring.ui_url, lanes)


def open_alerts(root: Path, wiring: Wiring, clock: Callable[[], datetime]) -> AlertOffice:
    """The alerts of the home in the folder ``root``; touches no file before it is used."""
    channels: list[Channel] = [LogChannel(AlertLog(root / LOG, clock))]
    telegram = telegram_channel(wiring)
    if telegram is not None:
        channels.append(telegram)
    if wiring.apprise:
        channels.append(AppriseChannel(wiring.apprise))
    if not any(channel.batched for channel in channels):
        channels.append(ConsoleChannel())
    policy = wiring.policy
    policies = {channel.name: policy if channel.batched else policy.direct for channel in channels}
    return AlertOffice(Outbox(root / OUTBOX, policies), channels, wiring, clock)


def telegram_channel(wiring: Wiring) -> TelegramChannel | None:
    """Telegram as ``wiring`` says; None where it is not set up."""
    if wiring.token is None or not wiring.has_telegram:
        return None
    chat = wiring.chat or next(iter(wiring.chats.values()))
    return TelegramChannel(wiring.token, chat, wiring.api_url, wiring.patience)


def deliver_critical(root: Path, wiring: Wiring, now: datetime) -> Deliveries:
    """Send what is CRITICAL and due in the home ``root``, from any process, beside Dagster or without it."""
    return open_alerts(root, wiring, lambda: now).deliver((Lane.URGENT,))
