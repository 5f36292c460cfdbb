"""Files that survive a crash: written beside their place, forced to disk, renamed into it.

A reader sees the old bytes or the new bytes, never a mixture and never nothing. Files are for the
owner alone (0600), folders too (0700).
"""

import ctypes
import errno
import os
import secrets
import sys
from pathlib import Path
from typing import Final

from crypto_bt.core.errors import StoreError

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
TEMPORARY_PREFIX: Final = ".unfinished-"


def write_atomically(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Put ``data`` at ``path``: the old file or the new one, whatever happens in between.

    With ``sync=False`` the name is not yet forced to disk; the caller does so with
    :func:`sync_folder`, once for many files. Raises OSError, with nothing changed at ``path``.
    """
    temporary = temporary_beside(path)
    try:
        write_new(temporary, data)
        temporary.replace(path)
    except BaseException:
        remove_quietly(temporary)
        raise
    if sync:
        sync_folder(path.parent)


def temporary_beside(path: Path) -> Path:
    """A name in the folder of ``path`` that nobody uses and that :func:`sweep_temporaries` knows."""
    return path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}-{path.name}"


def write_new(path: Path, data: bytes) -> None:
    """Create ``path`` (it must not exist) with ``data``, forced to disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Force the names in ``folder`` to disk: a rename is durable only after this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exchange(one: Path, other: Path) -> bool:
    """Let two names on one file system change places, at once; False where the system cannot.

    OSError if one of them is not there.
    """
    if sys.platform != "linux":
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        return False
    if library.renameat2(here, os.fsencode(one), here, os.fsencode(other), swap) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL):
        return False
    raise OSError(number, os.strerror(number), str(one))


def make_folder(folder: Path) -> None:
    """Create ``folder`` and what is missing above it, each for the owner alone, durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(FOLDER_MODE)
    except FileExistsError:
        if not folder.is_dir():
            raise
    sync_folder(folder.parent)


def read_bytes(path: Path) -> bytes:
    """All bytes of ``path``. FileNotFoundError if it is not there; :class:`StoreError` if it cannot be read.

    What cannot be read (permissions, a failing disk) is never called corrupt: the bytes were not seen.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(
            f"Cannot read {path}: {error.strerror or error}.",
            "Run as the user who owns the folder, and check the disk.",
        ) from error


def remove_quietly(path: Path) -> None:
    """Remove a file if it can be removed; what stays is swept later."""
    try:
        path.unlink()
    except OSError:
        return


def sweep_temporaries(folder: Path) -> None:
    """Remove what a killed writer left in ``folder``. Only while no other writer can be at work there."""
    try:
        left = [path for path in folder.iterdir() if path.name.startswith(TEMPORARY_PREFIX)]
    except FileNotFoundError:
        return
    for path in left:
        if path.is_dir():
            remove_folder(path)
        else:
            remove_quietly(path)


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it; a link in it is removed, not followed."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            remove_folder(path)
        else:
            path.unlink()
    folder.rmdir()
