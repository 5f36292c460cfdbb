"""Alerts, a clock that a test turns, and an office on a loopback Telegram."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from crypto_bt.alerts import AlertOffice, open_alerts
from crypto_bt.core.alert_routing import Policy
from crypto_bt.core.alert_wiring import Wiring
from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.simulator.telegram import LoopbackTelegram, running
from crypto_bt.simulator.telegram_faults import TelegramFault, TelegramFaultPlan

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TOKEN = "123456789:CANARY-aaaabbbbccccddddeeeeffffgggghhhh"
CHAT = "4711"


@dataclass
class Clock:
    """Shows ``now`` until a test changes it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def passes(self, **of: float) -> None:
        """Time goes by."""
        self.now += timedelta(**of)


def alert(
    cause: str = "coverage",
    where: str = "candles_1h",
    severity: AlertSeverity = AlertSeverity.WARNING,
    **rest: Any,
) -> Alert:
    """An alert with everything a person needs."""
    told = Alert(
        cause=cause,
        severity=severity,
        what="57 of 60 symbols are whole.",
        where=where,
        value="0.95",
        limit="over 0.95",
        since=NOON,
        command="crypto-bt data repair",
    )
    return replace(told, **rest)


def critical(where: str = "candles_1h", cause: str = "data_age", **rest: Any) -> Alert:
    """An alert that goes at once."""
    return alert(cause, where, AlertSeverity.CRITICAL, **rest)


@dataclass
class Desk:
    """An office, the Telegram it writes to, and the clock of both."""

    office: AlertOffice
    telegram: LoopbackTelegram
    clock: Clock

    @property
    def texts(self) -> list[str]:
        """What has arrived."""
        return [sent.text for sent in self.telegram.sent]

    def runs(self, minutes: float, step: timedelta = timedelta(seconds=20)) -> None:
        """Time passes with a delivery every ``step``."""
        end = self.clock.now + timedelta(minutes=minutes)
        while self.clock.now < end:
            self.clock.now += step
            self.office.deliver()


@contextmanager
def telegram_desk(
    root: Path, *faults: TelegramFault, policy: Policy | None = None, **wired: Any
) -> Iterator[Desk]:
    """A desk on the folder ``root`` whose Telegram shows ``faults``."""
    clock = Clock()
    server = LoopbackTelegram(TOKEN, lambda: clock.now.timestamp(), faults=TelegramFaultPlan(faults))
    with running(server):
        wiring = Wiring(
            token=SecretStr(TOKEN),
            chat=CHAT,
            api_url=server.url,
            ui_url="http://127.0.0.1:3000",
            policy=policy or Policy(),
            **wired,
        )
        yield Desk(open_alerts(root, wiring, clock), server, clock)
