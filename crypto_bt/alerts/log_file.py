"""Alerts in a file, one JSON object a line: the channel that needs nothing else.

::

    alerts.log      the newest; grows at its end only
    alerts.log.1    what came before it

Several processes may append. A line that was damaged (a full disk, a crash in mid-write) is skipped and
counted; the next one starts on a line of its own.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from crypto_bt.core.alerts import Alert
from crypto_bt.core.errors import CryptoBtError, UsageError

SIZE_LIMIT: Final = 2_000_000
_FILE_MODE: Final = 0o600


class AlertLog:
    """Alerts in the file ``path``, of which it keeps at most two.

    ``clock`` tells when an alert was sent; ``size_limit`` (bytes) when a new file is begun.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime], size_limit: int = SIZE_LIMIT) -> None:
        self.path = path
        self._clock = clock
        self._size_limit = size_limit

    @property
    def older(self) -> Path:
        """The file before the present one."""
        return self.path.with_name(self.path.name + ".1")

    def send(self, alert: Alert) -> None:
        """Append ``alert`` and force it to the disk."""
        sent = {"sent_at": self._clock().astimezone(UTC).isoformat()}
        line = json.dumps(sent | json.loads(alert.to_json()), ensure_ascii=False).encode() + b"\n"
        try:
            with self._current(len(line)) as descriptor:
                size = os.fstat(descriptor).st_size
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                text = b"\n" + line if torn else line
                if os.write(descriptor, text) != len(text):
                    os.ftruncate(descriptor, size)
                    raise OSError(None, "the disk is full")
                os.fsync(descriptor)
        except OSError as error:
            raise CryptoBtError(
                f"{self.path} did not take an alert: {error.strerror or error}. The alert: {alert.what}",
                "Mend the disk (free space, permissions).",
            ) from error

    def recent(self, since: datetime) -> list[Alert]:
        """What was sent at or after ``since``; CryptoBtError when the files cannot be read."""
        return [alert for sent, alert in self._read()[0] if sent >= since]

    def damaged(self) -> int:
        """How many lines cannot be read."""
        return self._read()[1]

    @contextmanager
    def _current(self, coming: int) -> Iterator[int]:
        """The present file, locked; a new one where ``coming`` bytes would make it too large."""
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                # Another process may have begun a new file while this one waited.
                if self._is_present(descriptor):
                    size = os.fstat(descriptor).st_size
                    if not size or size + coming <= self._size_limit:
                        yield descriptor
                        return
                    self.path.replace(self.older)
            finally:
                os.close(descriptor)

    def _is_present(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def _read(self) -> tuple[list[tuple[datetime, Alert]], int]:
        found, damaged = [], 0
        for line in self._lines():
            try:
                sent = datetime.fromisoformat(json.loads(line)["sent_at"]).astimezone(UTC)
                found.append((sent, Alert.from_json(line)))
            except (UsageError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
                damaged += 1
        return found, damaged

    def _lines(self) -> list[str]:
        """The lines of both files, the older first; read again where a new file was begun meanwhile."""
        while True:
            before = _identity(self.older)
            texts = [_text(path) for path in (self.older, self.path)]
            if _identity(self.older) == before:
                return [line for text in texts for line in text.split("\n") if line.strip()]


def _identity(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise CryptoBtError(
            f"The alerts in {path} cannot be read: {error.strerror or error}.", "Check its permissions."
        ) from error
