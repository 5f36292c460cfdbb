"""Faults at the n-th operation on the file system: an error, or the process killed."""

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

OPERATIONS = (
    "open",
    "write",
    "pwrite",
    "ftruncate",
    "fsync",
    "replace",
    "rename",
    "unlink",
    "mkdir",
    "rmdir",
)


class Countdown:
    """Counts operations; at number ``at`` it runs ``strike`` and notes that it fired.

    With ``torn``, a write that is struck has half of its bytes on disk before.
    """

    def __init__(self, at: int, strike: Callable[[], None], *, torn: bool = False) -> None:
        self.at, self.strike, self.torn = at, strike, torn
        self.seen: list[str] = []

    @property
    def fired(self) -> bool:
        """Whether the fault has happened."""
        return len(self.seen) >= self.at

    def wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """``real``, counted."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.seen.append(name)
            if len(self.seen) == self.at:
                if name == "write" and self.torn:
                    real(args[0], args[1][: len(args[1]) // 2])
                self.strike()
            return real(*args, **kwargs)

        return counted

    @contextmanager
    def installed(self) -> Iterator["Countdown"]:
        """Count the operations of this process while the block runs."""
        patches = [mock.patch.object(os, name, self.wrap(name, getattr(os, name))) for name in OPERATIONS]
        for patch in patches:
            patch.start()
        try:
            yield self
        finally:
            for patch in patches:
                patch.stop()


def kill_self() -> None:
    """kill -9 of this very process."""
    os.kill(os.getpid(), signal.SIGKILL)


def disk_full() -> None:
    """What the system says when the disk is full."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def disk_broken() -> None:
    """What the system says when the disk cannot be read or written any more."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))
