"""What the supervisor tells without Dagster: in a thread, so that no network keeps it from its work."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import typer

from crypto_bt.alerts import AlertOffice
from crypto_bt.core.alert_routing import Lane
from crypto_bt.core.alerts import Alert

#: What is CRITICAL is sent so often, whoever has reported it.
EVERY_SECONDS: Final = 20.0
DEADMAN_EVERY_SECONDS: Final = 300.0
_DEADMAN_PATIENCE_SECONDS: Final = 120.0
#: Alerts that are kept while they cannot be taken in; beyond, the oldest are dropped.
_KEPT: Final = 1_000


class Courier:
    """Takes alerts in, and sends what is CRITICAL, beside Dagster or without it.

    ``deadman`` is the command that calls the dead-man's switch, every five minutes; None where there is none.
    """

    def __init__(
        self, office: AlertOffice, clock: Callable[[], datetime], deadman: Sequence[str] | None = None
    ) -> None:
        self._office, self._clock, self._deadman = office, clock, deadman
        self._waiting: queue.SimpleQueue[Alert | None] = queue.SimpleQueue()
        self._unsent: deque[Alert] = deque(maxlen=_KEPT)
        self._thread = threading.Thread(target=self._work, name="courier", daemon=True)
        self._called: datetime | None = None

    def start(self) -> "Courier":
        """Begin to work."""
        self._called = self._clock()
        self._thread.start()
        return self

    def tell(self, alerts: Sequence[Alert]) -> None:
        """Have ``alerts`` taken in and sent; returns at once."""
        for alert in alerts:
            self._waiting.put(alert)

    def stop(self, patience: float = 10.0) -> None:
        """Send what waits, for ``patience`` seconds at most."""
        self._waiting.put(None)
        self._thread.join(patience)

    def _work(self) -> None:
        more = True
        while more:
            more = self._collect()
            try:
                self._send()
                if more:
                    self._call_deadman()
            except Exception as error:  # noqa: BLE001 - whatever befalls one round, the next one has to come
                self._complain(error)

    def _collect(self) -> bool:
        """Take what waits, or wait for it; False once there will be no more."""
        try:
            alerts = [self._waiting.get(timeout=EVERY_SECONDS)]
        except queue.Empty:
            return True
        while not self._waiting.empty():
            alerts.append(self._waiting.get())
        self._unsent.extend(alert for alert in alerts if alert is not None)
        return None not in alerts

    def _send(self) -> None:
        """Have the office take in all that is unsent, in order; what it refuses is kept for later."""
        try:
            while self._unsent:
                self._office.send(self._unsent[0])
                self._unsent.popleft()
        finally:
            self._office.deliver((Lane.URGENT,))

    def _complain(self, error: Exception) -> None:
        """Whoever reads this log has to learn of it, if nobody else can be told."""
        with contextlib.suppress(OSError):
            typer.echo(" ".join([*(alert.what for alert in self._unsent), str(error)]), err=True)

    def _call_deadman(self) -> None:
        now = self._clock()
        if self._deadman is None or self._called is None:
            return
        if (now - self._called).total_seconds() < DEADMAN_EVERY_SECONDS:
            return
        self._called = now
        try:
            subprocess.run(
                [sys.executable, "-m", "crypto_bt", *self._deadman],
                stdin=subprocess.DEVNULL,
                timeout=_DEADMAN_PATIENCE_SECONDS,
                preexec_fn=_nice,
                check=False,
            )
        except subprocess.TimeoutExpired:
            typer.echo(f"crypto-bt deadman took over {_DEADMAN_PATIENCE_SECONDS:.0f} s.", err=True)


def _nice() -> None:
    os.nice(10)
