"""Alerts: written into an outbox, sent through channels, told once."""

from crypto_bt.alerts.channel import Channel, MessageRefused, NotDelivered
from crypto_bt.alerts.dead_man_call import ping
from crypto_bt.alerts.log_file import AlertLog
from crypto_bt.alerts.office import (
    AlertOffice,
    deliver_critical,
    open_alerts,
    telegram_channel,
)
from crypto_bt.alerts.outbox import Outbox, Report

__all__ = [
    "AlertLog",
    "AlertOffice",
    "Channel",
    "MessageRefused",
    "NotDelivered",
    "Outbox",
    "Report",
    "deliver_critical",
    "open_alerts",
    "ping",
    "telegram_channel",
]
