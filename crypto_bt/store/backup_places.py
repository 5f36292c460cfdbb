"""Where backups lie: a folder, on this disk or another, or any address that fsspec knows.

A place holds named pieces of bytes in folders one deep. A piece appears whole or not at all, and is never
changed: what is written anew replaces the old piece as a whole.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from crypto_bt.core.errors import StoreCorrupt, StoreError
from crypto_bt.store.durable import (
    TEMPORARY_PREFIX,
    make_folder,
    read_bytes,
    remove_quietly,
    sweep_temporaries,
    sync_folder,
    write_atomically,
)
from crypto_bt.store.locking import exclusive

_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]+://.+")


class BackupPlace(Protocol):
    """What a backup is written to and read from; every implementation passes ``test_backup_places.py``."""

    @property
    def address(self) -> str:
        """How a person names the place."""

    def names(self, folder: str) -> dict[str, int]:
        """Size in bytes of every piece in ``folder``; empty where the folder is not there.

        StoreError when the place cannot be reached: that is not an empty place.
        """

    def read(self, folder: str, name: str) -> bytes:
        """One piece. FileNotFoundError if it is not there, StoreError if it cannot be read."""

    def write(self, folder: str, name: str, data: bytes) -> None:
        """Put one piece: the old one or the new one is there, whatever happens. OSError if that failed."""

    def settle(self, folder: str) -> None:
        """Force the names of ``folder`` to disk: what was written survives a power cut from here on."""

    def remove(self, folder: str, name: str) -> None:
        """Remove one piece; nothing happens if it is gone."""

    def locked(self, who: str, now: datetime | None, timeout: float) -> Any:
        """A context in which nobody else writes here; StoreError names who does after ``timeout`` seconds."""


class FolderPlace:
    """A :class:`BackupPlace` in a folder of a file system. Links in it are not followed."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @property
    def address(self) -> str:
        """The folder."""
        return str(self.root)

    def names(self, folder: str) -> dict[str, int]:
        """See :meth:`BackupPlace.names`."""
        path = self._folder(folder)
        try:
            found = {item.name: item.lstat().st_size for item in path.iterdir()}
        except FileNotFoundError:
            if self.root.is_symlink() and not self.root.exists():
                raise _gone(self.address, "the link leads nowhere") from None
            return {}
        except OSError as error:
            raise _gone(self.address, error.strerror or str(error)) from error
        return {name: size for name, size in found.items() if not name.startswith(TEMPORARY_PREFIX)}

    def read(self, folder: str, name: str) -> bytes:
        """See :meth:`BackupPlace.read`."""
        path = self._folder(folder) / name
        if path.is_symlink():
            raise StoreCorrupt(f"{path} is a link, not a piece of a backup.", "Remove it.")
        return read_bytes(path)

    def write(self, folder: str, name: str, data: bytes) -> None:
        """See :meth:`BackupPlace.write`."""
        make_folder(self.root / folder)
        write_atomically(self._folder(folder) / name, data, sync=False)

    def settle(self, folder: str) -> None:
        """See :meth:`BackupPlace.settle`."""
        if (self.root / folder).is_dir():
            sync_folder(self.root / folder)

    def remove(self, folder: str, name: str) -> None:
        """See :meth:`BackupPlace.remove`."""
        remove_quietly(self._folder(folder) / name)

    @contextmanager
    def locked(self, who: str, now: datetime | None, timeout: float) -> Iterator[None]:
        """See :meth:`BackupPlace.locked`; sweeps what a killed writer left."""
        with exclusive(self.root, who=who, now=now, timeout=timeout):
            for folder in [self.root, *(item for item in self.root.iterdir() if item.is_dir())]:
                sweep_temporaries(folder)
            yield

    def _folder(self, folder: str) -> Path:
        path = self.root / folder
        if path.is_symlink():
            raise StoreCorrupt(f"{path} is a link, not a folder of backups.", "Remove it.")
        return path


class AddressPlace:
    """A :class:`BackupPlace` behind an fsspec address such as ``s3://desk/backups``.

    Object storage puts a piece whole or not at all. There is no lock across machines: pieces are named by
    their content, so two writers do each other no harm.
    """

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    @property
    def address(self) -> str:
        """The address."""
        return self._address

    def names(self, folder: str) -> dict[str, int]:
        """See :meth:`BackupPlace.names`."""
        system, root = self._open()
        try:
            listed = system.ls(f"{root}/{folder}", detail=True)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _gone(self.address, str(error)) from error
        return {str(item["name"]).rpartition("/")[2]: int(item["size"] or 0) for item in listed}

    def read(self, folder: str, name: str) -> bytes:
        """See :meth:`BackupPlace.read`."""
        system, root = self._open()
        try:
            return bytes(system.cat_file(f"{root}/{folder}/{name}"))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _gone(self.address, str(error)) from error

    def write(self, folder: str, name: str, data: bytes) -> None:
        """See :meth:`BackupPlace.write`."""
        system, root = self._open()
        system.makedirs(f"{root}/{folder}", exist_ok=True)
        system.pipe_file(f"{root}/{folder}/{name}", data)

    def settle(self, folder: str) -> None:
        """Object storage has answered only once a piece is safe."""

    def remove(self, folder: str, name: str) -> None:
        """See :meth:`BackupPlace.remove`."""
        system, root = self._open()
        try:
            system.rm_file(f"{root}/{folder}/{name}")
        except OSError:
            return

    @contextmanager
    def locked(self, who: str, now: datetime | None, timeout: float) -> Iterator[None]:
        """See :class:`AddressPlace`: nobody has to wait."""
        yield

    def _open(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        try:
            system, root = url_to_fs(self._address)
        except (ImportError, ValueError) as error:
            raise StoreError(
                f"{self._address} cannot be opened: {error}.",
                "Install the library that it names, or set BACKUP_OFFSITE_DIR to a folder.",
            ) from error
        return system, str(root).rstrip("/")


def place_at(address: str) -> BackupPlace:
    """The place that ``address`` names: a folder, or ``protocol://...`` through fsspec."""
    return AddressPlace(address) if _ADDRESS.fullmatch(address) else FolderPlace(Path(address).expanduser())


def _gone(address: str, why: str) -> StoreError:
    return StoreError(
        f"The backups at {address} cannot be reached: {why}.", "Mount it, or check its address."
    )
