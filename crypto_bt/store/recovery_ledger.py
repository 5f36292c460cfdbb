"""The ledger of recoveries, ``recovery.jsonl`` in the home: what was done, and what is still to be fetched.

One line of JSON an event, forced to disk. A line that a power cut tore is passed over.
"""

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from crypto_bt.core.errors import StoreError
from crypto_bt.core.recovery import Lost
from crypto_bt.store.documents import moment_of, moment_text
from crypto_bt.store.durable import FILE_MODE

FILE: Final = "recovery.jsonl"
BEGAN: Final = "began"
DONE: Final = "done"
REFILLED: Final = "refilled"
RESOLVED: Final = "resolved"
RESET: Final = "reset"


@dataclass(frozen=True, slots=True)
class Refetch:
    """Rows of ``dataset`` in [start, end), UTC, that are to be fetched again; ``id`` names the need."""

    id: str
    dataset: str
    start: datetime
    end: datetime


class RecoveryLedger:
    """The ledger in ``home``."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE

    def note(self, event: str, now: datetime, **told: Any) -> None:
        """Append one event; StoreError if that cannot be written."""
        line = json.dumps({"at": moment_text(now), "event": event, **told}, ensure_ascii=False) + "\n"
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, FILE_MODE)
            try:
                size = os.fstat(descriptor).st_size
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                os.write(descriptor, b"\n" * torn + line.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be written: {error.strerror or error}.", "Mend the disk."
            ) from error

    def began(self) -> list[datetime]:
        """When recoveries were begun since the last reset."""
        found: list[datetime] = []
        for event in self._events():
            if event["event"] == RESET:
                found = []
            elif event["event"] == BEGAN:
                found.append(moment_of(event["at"]))
        return found

    def note_done(self, now: datetime, text: str, lost: tuple[Lost, ...]) -> None:
        """A recovery is done; the days of ``lost`` are to be fetched again."""
        body = [
            {
                "id": item.sha256[:12],
                "dataset": item.dataset,
                "start": moment_text(item.first),
                "end": moment_text(item.last),
            }
            for item in lost
        ]
        self.note(DONE, now, text=text, refetch=body)

    def pending(self) -> list[Refetch]:
        """What is still to be fetched again, the oldest first."""
        found: dict[str, Refetch] = {}
        for event in self._events():
            for item in event.get("refetch", ()):
                start, end = moment_of(item["start"]), moment_of(item["end"])
                found[item["id"]] = Refetch(item["id"], item["dataset"], start, end)
            if event["event"] == REFILLED:
                found.pop(event.get("id", ""), None)
        return list(found.values())

    def unresolved(self) -> bool:
        """Whether a recovery was begun and nobody was told yet that it is over."""
        last = [item["event"] for item in self._events() if item["event"] in (BEGAN, RESOLVED, RESET)]
        return bool(last) and last[-1] == BEGAN

    def _events(self) -> list[dict[str, Any]]:
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        events = []
        for line in lines:
            try:
                event = json.loads(line)
                moment_of(event["at"])
                events.append({**event, "event": str(event["event"])})
            except (ValueError, KeyError, TypeError):
                continue
        return events
