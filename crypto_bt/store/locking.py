"""One writer at a time: an exclusive lock on a folder, freed by the system when its holder dies."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from crypto_bt.core.errors import StoreError
from crypto_bt.store.documents import moment_text
from crypto_bt.store.durable import FILE_MODE, make_folder

LOCK: Final = "writer.lock"


@contextmanager
def exclusive(folder: Path, *, who: str, now: datetime | None, timeout: float) -> Iterator[None]:
    """Hold the writer's lock of ``folder`` (created if need be).

    ``who`` and ``now`` are written into the lock file for whoever has to wait. After ``timeout`` seconds
    :class:`StoreError` says who holds it. Readers never take it.
    """
    since = f", since {moment_text(now)}" if now else ""
    holder = f"{who} (process {os.getpid()} on {socket.gethostname()}{since})".encode()

    def sign(descriptor: int) -> None:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder, 0)

    path = folder / LOCK
    try:
        make_folder(folder)
        lock = FileLock(path, timeout=timeout, mode=FILE_MODE, on_acquired=sign)
        lock.acquire()
    except Timeout:
        raise StoreError(
            f"{folder} is being written by {_holder(path)}; waited {timeout:g} s.",
            "Wait until it has ended, or end it.",
        ) from None
    except OSError as error:
        raise StoreError(
            f"Cannot write in {folder}: {error.strerror or error}.",
            "Choose a folder that this user may write to: --home DIR",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") or "another process"
    except OSError:
        return "another process"
