"""Looks after the live trader that runs beside the backtest: the process whose number its pid file holds."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from crypto_bt.runtime.processes import mark_of

#: In uninterruptible sleep for longer is a hang; a moment of it is an ordinary read from disk.
HANGS_AFTER_SECONDS = 5.0


@dataclass
class LiveTrader:
    """``pidfile`` is written by the trader; its first word is the process's number. ``fresh_seconds``: the
    file has to be touched that often (0: it need not be)."""

    pidfile: Path
    fresh_seconds: float = 0.0
    _mark: str = ""
    _asleep_since: float | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """Its number, or None where the pid file tells none."""
        try:
            return int(self.pidfile.read_text(encoding="utf-8").split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def trouble(self) -> str | None:
        """What is wrong with the trader in a sentence, or None. Who it is, is settled at the first look."""
        try:
            pid = int(self.pidfile.read_text(encoding="utf-8").split()[0])
            touched = self.pidfile.stat().st_mtime
        except FileNotFoundError:
            return f"The live trader is not running: there is no {self.pidfile}."
        except (OSError, ValueError, IndexError) as error:
            return f"The live trader's pid file {self.pidfile} cannot be read: {error}."
        try:
            process = psutil.Process(pid)
            born, status = process.create_time(), process.status()
        except psutil.Error:
            return f"The live trader is dead: process {pid} of {self.pidfile} does not exist."
        mark = mark_of(pid)
        if self._mark and mark and mark != self._mark:
            return f"The live trader is dead: its number {pid} now belongs to another process."
        if born > touched + 1.0:
            return f"The live trader is dead: process {pid} is younger than {self.pidfile}."
        self._mark = mark or self._mark
        return self._hanging(pid, status, touched)

    def _hanging(self, pid: int, status: str, touched: float) -> str | None:
        if status in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return f"The live trader is dead: process {pid} is a {status}."
        if status in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP):
            return f"The live trader hangs: process {pid} is {status}."
        if status != psutil.STATUS_DISK_SLEEP:
            self._asleep_since = None
        elif self._asleep_since is None:
            self._asleep_since = time.monotonic()
        elif time.monotonic() - self._asleep_since > HANGS_AFTER_SECONDS:
            return f"The live trader hangs: process {pid} waits for the disk without end."
        age = time.time() - touched
        if self.fresh_seconds and age > self.fresh_seconds:
            return (
                f"The live trader hangs: it last touched {self.pidfile} {age:.0f} s ago, "
                f"more than {self.fresh_seconds:.0f}."
            )
        return None
