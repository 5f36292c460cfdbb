"""Logs of jobs: JSON lines in a home's ``logs/``, one file a job, written by as many processes as there are.

::

    logs/data_update.jsonl     the newest; grows at its end only
    logs/data_update.jsonl.1   what came before it, up to .10
    logs/daemon.log            what a part of crypto-bt up printed, plain text
"""

import errno
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from crypto_bt.core.errors import UsageError
from crypto_bt.core.log_text import presentable

SIZE_LIMIT: Final = 50_000_000
KEPT: Final = 10
SUFFIX: Final = ".jsonl"
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_FILE_MODE: Final = 0o600
_POLL_SECONDS: Final = 0.5


class JobLogs:
    """The logs in ``folder``. None of ``secrets`` is ever written; a file that reaches ``size_limit`` bytes
    is put aside, ``kept`` of which stay."""

    def __init__(
        self, folder: Path, secrets: Collection[str] = (), size_limit: int = SIZE_LIMIT, kept: int = KEPT
    ) -> None:
        self.folder = folder
        self._processors = _processors(frozenset(secrets))
        self._size_limit = size_limit
        self._kept = kept

    def write(self, job: str, level: str, event: str, **more: object) -> None:
        """Append one line to the log of ``job``: the time (UTC), ``level``, ``event`` and whatever ``more``.

        Raises OSError when the disk does not take it.
        """
        told: Any = {"time": "", "level": level, "job": job, "event": event, **more}
        for processor in self._processors:
            told = processor(None, level, told)
        line = bytes(told) + b"\n"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / (_file_name(job) + SUFFIX)
        with _held(path, self._size_limit - len(line), self._kept) as descriptor:
            size = os.fstat(descriptor).st_size
            if os.write(descriptor, line) != len(line):
                os.ftruncate(descriptor, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def log_names(folder: Path) -> list[str]:
    """The jobs and parts that have a log."""
    found = {path.stem for pattern in (f"*{SUFFIX}", "*.log") for path in folder.glob(pattern)}
    return sorted(found)


def log_path(folder: Path, name: str) -> Path:
    """The log of a job or a part; raises UsageError naming those there are."""
    for suffix in (SUFFIX, ".log"):
        path = folder / f"{name}{suffix}"
        if _NAME.fullmatch(name) and path.is_file():
            return path
    there = ", ".join(log_names(folder)) or "none yet"
    raise UsageError(f"There is no log of {name!r} in {folder}.", f"Those there are: {there}.")


def last_lines(path: Path, count: int) -> list[str]:
    """The last ``count`` lines of a log, also of the files that were put aside; the oldest first."""
    found: list[str] = []
    for number in range(KEPT + 1):
        file = _aside(path, number) if number else path
        if len(found) >= count or not file.is_file():
            break
        found = _tail(file, count - len(found)) + found
    return found


def follow(
    path: Path, sleep: Callable[[float], None] = time.sleep, start: int | None = None
) -> Iterator[str]:
    """Lines as they are appended from now on (or from the byte ``start`` on), over changes of the file;
    never ends."""
    handle = path.open("rb")
    handle.seek(*((0, os.SEEK_END) if start is None else (start, os.SEEK_SET)))
    rest = b""
    try:
        while True:
            # Asked first: what was written before the file was put aside is still read.
            replaced = path.exists() and _is_another(path, handle.fileno())
            *lines, rest = (rest + handle.read()).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
            if replaced:
                handle.close()
                handle, rest = path.open("rb"), b""
            elif os.fstat(handle.fileno()).st_size < handle.tell():
                handle.seek(0)
            else:
                sleep(_POLL_SECONDS)
    finally:
        handle.close()


def rotate_held_open(path: Path, size_limit: int = SIZE_LIMIT, kept: int = KEPT) -> bool:
    """Put aside what a process that keeps ``path`` open at its end has printed, once it is too long: it is
    copied, then cut to nothing."""
    if not path.is_file() or path.stat().st_size < size_limit:
        return False
    _shift(path, kept)
    fresh = _aside(path, 1)
    fresh.touch(mode=_FILE_MODE)
    shutil.copyfile(path, fresh)
    os.truncate(path, 0)
    return True


@contextmanager
def _held(path: Path, room: int, kept: int) -> Iterator[int]:
    """The file's descriptor, alone at its end; a new file where the present one has no room left."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_another(path, descriptor):
                continue
            if 0 < os.fstat(descriptor).st_size > room:
                _shift(path, kept)
                path.replace(_aside(path, 1))
                continue
            yield descriptor
            return
        finally:
            os.close(descriptor)


def _shift(path: Path, kept: int) -> None:
    """Make room for a first file aside."""
    for number in range(kept - 1, 0, -1):
        if _aside(path, number).exists():
            _aside(path, number).replace(_aside(path, number + 1))


def _is_another(path: Path, descriptor: int) -> bool:
    """Whether ``path`` has meanwhile become another file, or none."""
    try:
        return not os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return True


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _tail(file: Path, count: int, block: int = 65_536) -> list[str]:
    with file.open("rb") as handle:
        position, read = handle.seek(0, os.SEEK_END), b""
        while position > 0 and read.count(b"\n") <= count:
            step = min(block, position)
            position -= step
            handle.seek(position)
            read = handle.read(step) + read
    return [line.decode(errors="replace") for line in read.splitlines()[-count:]]


def _file_name(job: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", job)[:100] or "_"


def _processors(secrets: frozenset[str]) -> list[Callable[[Any, str, Any], Any]]:
    """What structlog does with each line: date it, hide and escape, write it as JSON."""
    import structlog

    def safe(logger: Any, level: str, told: Any) -> Any:
        return presentable(told, secrets)

    def to_bytes(told: Any, **options: Any) -> bytes:
        return json.dumps(told, ensure_ascii=False, **options).encode()

    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        safe,
        structlog.processors.JSONRenderer(serializer=to_bytes),
    ]
