"""The file in which the processes of one home tell each other what they ask of the exchange.

One line each for a request that is reserved, its answer, a pause that the exchange has asked for, and a
session that has to wait. A line that cannot be read is ignored. Nothing here stops an update: without the
file a process is left to its own budget, and says so.
"""

import logging
import math
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from crypto_bt.sources.ledger_entry import KEPT_SECONDS, Entry, Moment, parse

#: A file above this size is looked at for lines that have become old.
_LARGE: Final = 256 * 1024
#: A holder of the lock keeps it for some microseconds, unless it was stopped or has no processor.
_PATIENCE_SECONDS: Final = 2.0
_LOCK_TICK: Final = 0.0002
_TRY_AGAIN_SECONDS: Final = 60.0
_LONGEST_LINE: Final = 200


class Ledger:
    """The file at ``path``, as one session sees it; ``now`` gives the moment.

    Whoever writes holds the file's lock from :meth:`begin` to :meth:`end` and has then read what all others
    have written. The system takes the lock from a process that dies. ``trouble`` says why the file cannot
    be used, empty while it can.
    """

    def __init__(self, path: Path, now: Callable[[], Moment]) -> None:
        self.trouble = ""
        self._path, self._now = path, now
        self._file: int | None = None
        self._held = False
        self._offset = 0
        self._rest = self._last = b""
        self._unwritten: list[bytes] = []
        self._not_before = -math.inf

    def begin(self) -> list[Entry]:
        """Take the lock; what was written since the last time. Nothing, where that is not possible."""
        if time.monotonic() < self._not_before:
            return []
        try:
            return self._read(self._lock())
        except (OSError, ImportError) as error:
            self._fail(error)
            return []

    def write(self, entry: Entry) -> None:
        """Have ``entry`` written at :meth:`end`, or as soon as the file can be used again."""
        self._unwritten.append(entry.line())

    def end(self) -> None:
        """Write, and give the lock back."""
        if self._file is None or not self._held:
            return
        try:
            self._flush(self._file)
            self._compact(self._file)
        except OSError as error:
            self._fail(error)
        finally:
            self._unlock()

    def close(self) -> None:
        """Close the file; the ledger can be used again."""
        if self._file is not None:
            os.close(self._file)
            self._file, self._held = None, False

    def _lock(self) -> int:
        import fcntl

        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            file = self._open() if self._file is None else self._file
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"its lock was not free for {_PATIENCE_SECONDS:g} s") from None
                time.sleep(_LOCK_TICK)
                continue
            # Whoever compacts puts a new file in the place of the old one.
            if self._is_current(file):
                self._held = True
                return file
            self.close()

    def _open(self) -> int:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._file, self._offset, self._rest = file, 0, b""
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError("it is no file")
        return file

    def _is_current(self, file: int) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(file)
        return (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev)

    def _unlock(self) -> None:
        import fcntl

        if self._file is not None and self._held:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._held = False

    def _read(self, file: int) -> list[Entry]:
        """What stands after what was read before."""
        first = self._offset == 0
        size = os.fstat(file).st_size
        if size < self._offset:
            self._offset, self._rest, first = 0, b"", True
        if size == self._offset:
            return []
        text = self._rest + os.pread(file, size - self._offset, self._offset)
        self._offset = size
        if first and self._last and (known := text.rfind(self._last)) >= 0:
            text = text[known + len(self._last) :]
        *lines, self._rest = text.split(b"\n")
        entries = [entry for line in lines if len(line) <= _LONGEST_LINE and (entry := parse(line))]
        if entries:
            self._last = entries[-1].line()
        now = self._now()
        return [entry for entry in entries if entry.alive(now)]

    def _flush(self, file: int) -> None:
        if not self._unwritten:
            return
        # Under the lock nobody is writing: an unfinished line is the last that a killed process wrote.
        text = (b"\n" if self._rest else b"") + b"".join(self._unwritten)
        written = os.write(file, text)
        if written != len(text):
            raise OSError(f"{written} of {len(text)} bytes written, the disk is full")
        self._offset += written
        self._rest, self._last = b"", self._unwritten[-1]
        self._unwritten.clear()

    def _compact(self, file: int) -> None:
        """Put a new file in place when this one is large and most of it old."""
        if self._offset < _LARGE:
            return
        now = self._now()
        oldest = parse(os.pread(file, _LONGEST_LINE, 0).partition(b"\n")[0])
        if oldest is not None and abs(oldest.age(now)) < 2 * KEPT_SECONDS:
            return
        lines = os.pread(file, self._offset, 0).splitlines(keepends=True)
        entries = [(line, parse(line)) for line in lines if len(line) <= _LONGEST_LINE]
        alive = b"".join(line for line, entry in entries if entry is not None and entry.alive(now))
        fresh = self._path.with_name(f"{self._path.name}.new")
        if _written(fresh, alive):
            fresh.replace(self._path)

    def _fail(self, error: Exception) -> None:
        """Leave the file alone for a while; the first time say why."""
        self._unlock()
        self.close()
        self._not_before = time.monotonic() + _TRY_AGAIN_SECONDS
        if not self.trouble:
            self.trouble = str(error)
            logging.getLogger(__name__).warning(
                "The ledger of requests %s cannot be used (%s): this process keeps to its budget and does "
                "not see what other processes ask. Make the file writable, or remove it.",
                self._path,
                error,
            )


def _written(path: Path, text: bytes) -> bool:
    """Write a new file; false, and no file, where not all of it fits on the disk."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            whole = os.write(file, text) == len(text)
        finally:
            os.close(file)
    except OSError:
        whole = False
    if not whole:
        path.unlink(missing_ok=True)
    return whole
