"""The results store: the files of each night, immutable, found through one pointer a night.

::

    runs/<sha256>/            the files of one run; the name is computed from names and contents
    nights/2026-11-21.json    which run is that night's result, its files with sha256 and size, its stamp
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from crypto_bt.core.errors import StoreCorrupt, StoreError
from crypto_bt.store.documents import canonical, moment_of, moment_text, seal, sha256_hex, unseal
from crypto_bt.store.durable import (
    make_folder,
    read_bytes,
    remove_folder,
    sweep_temporaries,
    sync_folder,
    temporary_beside,
    write_atomically,
    write_new,
)
from crypto_bt.store.locking import exclusive

RUNS: Final = "runs"
NIGHTS: Final = "nights"
STAMP: Final = "stamp.json"
#: Tables of a night. Nights published before the walk-forward have equity, metrics, signals and trades alone;
#: ``market`` came last.
FRAMES: Final = ("equity", "market", "metrics", "parameter_sets", "signals", "targets", "trades", "windows")
AGAIN: Final = "Run the night again: crypto-bt backtest"


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One file of a run: its name, the checksum and the size in bytes of what was published."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class NightResult:
    """The result of one night; reading verifies each file against the checksum published with it.

    ``digest`` identifies what was computed: sha256 over the Parquet files. It does not depend on when or
    under which ids the night ran; equal inputs give equal digests. ``stamp`` says what it was computed from.
    """

    night: date
    digest: str
    path: Path
    files: tuple[ResultFile, ...]
    stamp: Mapping[str, Any]
    published_at: datetime

    def read(self, name: str) -> bytes:
        """The bytes of one file. :class:`StoreCorrupt` if they are not what was published."""
        found = next((item for item in self.files if item.name == name), None)
        if found is None:
            there = ", ".join(item.name for item in self.files)
            raise StoreError(f"The night of {self.night} has no file {name!r}.", f"It has: {there}.")
        try:
            data = read_bytes(self.path / name)
        except FileNotFoundError:
            raise StoreCorrupt(f"{self.path / name} is missing.", AGAIN) from None
        if sha256_hex(data) != found.sha256:
            raise StoreCorrupt(f"{self.path / name} is corrupt: its bytes are not what was published.", AGAIN)
        return data

    def frame(self, name: str) -> pl.DataFrame:
        """The table called ``name``, one of :data:`FRAMES`; :class:`StoreError` if the night has none."""
        return pl.read_parquet(io.BytesIO(self.read(f"{name}.parquet")))

    def frame_if_any(self, name: str) -> pl.DataFrame | None:
        """The table called ``name``; None in a night that was published before there was such a table."""
        has = any(item.name == f"{name}.parquet" for item in self.files)
        return self.frame(name) if has else None


class ResultsStore:
    """Results of nights in the folder ``root``; created by the first publish."""

    def __init__(self, root: Path, *, lock_timeout: float = 60.0) -> None:
        self.root = root.absolute()
        self._lock_timeout = lock_timeout

    def publish(self, night: date, folder: Path, *, now: datetime) -> NightResult:
        """Make the files in ``folder`` the result of ``night``, all or nothing; an earlier one is replaced.

        ``folder`` holds the :data:`FRAMES` as Parquet, stamp.json, and whatever else belongs to the run (no
        folders); it is copied, not moved. Raises :class:`StoreError` if one is missing.
        """
        contents = _contents(folder)
        files = tuple(ResultFile(name, sha256_hex(data), len(data)) for name, data in contents.items())
        address = _digest(files)
        result = NightResult(
            night=night,
            digest=_digest(tuple(item for item in files if item.name.endswith(".parquet"))),
            path=self.root / RUNS / address,
            files=files,
            stamp=_stamp(contents[STAMP], folder / STAMP),
            published_at=now,
        )
        with exclusive(self.root, who=f"the night of {night}", now=now, timeout=self._lock_timeout):
            try:
                for part in (RUNS, NIGHTS):
                    make_folder(self.root / part)
                    sweep_temporaries(self.root / part)
                _place_run(result, contents)
                write_atomically(self._pointer_path(night), _encode(result, address))
            except OSError as error:
                raise StoreError(
                    f"Could not publish the night of {night} to {self.root}: {error.strerror or error}.",
                    "What was published before is untouched; mend the disk and run the night again.",
                ) from error
        return result

    def night(self, night: date) -> NightResult | None:
        """The result of that night, or None."""
        path = self._pointer_path(night)
        try:
            body = unseal(read_bytes(path), path)
        except FileNotFoundError:
            return None
        if body["night"] != night.isoformat():
            raise StoreCorrupt(f"{path} is corrupt: it is the pointer of {body['night']}.", AGAIN)
        return NightResult(
            night=night,
            digest=body["digest"],
            path=self.root / RUNS / body["run"],
            files=tuple(ResultFile(**item) for item in body["files"]),
            stamp=body["stamp"],
            published_at=moment_of(body["published_at"]),
        )

    def nights(self) -> list[date]:
        """The nights that have a result, oldest first."""
        try:
            names = [path.stem for path in (self.root / NIGHTS).iterdir() if not path.name.startswith(".")]
        except FileNotFoundError:
            return []
        return sorted(date.fromisoformat(name) for name in names)

    def latest(self, before: date | None = None) -> NightResult | None:
        """The newest result, or the newest of a night before ``before``; None if there is none."""
        nights = [night for night in self.nights() if before is None or night < before]
        return self.night(nights[-1]) if nights else None

    def _pointer_path(self, night: date) -> Path:
        return self.root / NIGHTS / f"{night.isoformat()}.json"


def result_of_files(folder: Path, published_at: datetime) -> NightResult:
    """The run whose files lie in ``folder``, hashed anew; its ``path`` is named for what they hold."""
    contents = {path.name: read_bytes(path) for path in sorted(folder.iterdir())}
    files = tuple(ResultFile(name, sha256_hex(data), len(data)) for name, data in contents.items())
    stamp = _stamp(contents.get(STAMP, b""), folder / STAMP)
    return NightResult(
        night=date.fromisoformat(str(stamp.get("night"))),
        digest=_digest(tuple(item for item in files if item.name.endswith(".parquet"))),
        path=folder.parent / _digest(files),
        files=files,
        stamp=stamp,
        published_at=published_at,
    )


def _contents(folder: Path) -> dict[str, bytes]:
    contents = {path.name: read_bytes(path) for path in sorted(folder.iterdir())}
    missing = [name for name in (*(f"{frame}.parquet" for frame in FRAMES), STAMP) if name not in contents]
    if missing:
        raise StoreError(f"The run in {folder} has no {', '.join(missing)}; nothing was published.", AGAIN)
    return contents


def _stamp(data: bytes, path: Path) -> dict[str, Any]:
    try:
        stamp = json.loads(data)
        canonical(stamp)
    except ValueError as error:
        raise StoreError(f"{path} is not JSON: {error}; nothing was published.", AGAIN) from None
    if not isinstance(stamp, dict):
        raise StoreError(f"{path} is not a JSON object; nothing was published.", AGAIN)
    return stamp


def _digest(files: tuple[ResultFile, ...]) -> str:
    return sha256_hex(canonical([[item.name, item.sha256] for item in files]))


def _encode(result: NightResult, address: str) -> bytes:
    body = {
        "digest": result.digest,
        "files": [{"bytes": item.bytes, "name": item.name, "sha256": item.sha256} for item in result.files],
        "night": result.night.isoformat(),
        "published_at": moment_text(result.published_at),
        "run": address,
        "stamp": result.stamp,
    }
    return seal(body)


def _place_run(result: NightResult, contents: Mapping[str, bytes]) -> None:
    """Put a whole run folder in place by one rename; one that is there already stays unless it is damaged."""
    if result.path.exists():
        try:
            for item in result.files:
                result.read(item.name)
            return
        except StoreCorrupt:
            aside = temporary_beside(result.path)
            result.path.rename(aside)
            remove_folder(aside)
    temporary = temporary_beside(result.path)
    make_folder(temporary)
    for name, data in contents.items():
        write_new(temporary / name, data)
    sync_folder(temporary)
    temporary.rename(result.path)
    sync_folder(result.path.parent)
