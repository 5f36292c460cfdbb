"""What a backup is: a sealed list of files, each of them pieces named by the sha256 of their bytes.

::

    manifests/20261123T031500Z-000123.json   the files of one backup; written last
    objects/<sha256>                         one piece as it is
    objects/<sha256>.z                       one piece, packed
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final

from crypto_bt.core.errors import StoreCorrupt, StoreError, UsageError
from crypto_bt.store.backup_places import BackupPlace
from crypto_bt.store.documents import moment_of, moment_text, seal, sha256_hex, unseal

MANIFESTS: Final = "manifests"
OBJECTS: Final = "objects"
SCHEMA_VERSION: Final = 1
#: The parts of a backup: what ``restore`` puts back, and what only ``restore --all`` does.
MARKET: Final = "market"
RESULTS: Final = "results"
DAGSTER: Final = "dagster"
OTHER: Final = "other"
PARTS: Final = (MARKET, RESULTS, DAGSTER, OTHER)
LIST: Final = "See what there is: crypto-bt backup list"
_NAME: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9]{6,12}")
_SUFFIX: Final = ".json"


@dataclass(frozen=True, slots=True)
class BackupFile:
    """One file: its path inside the home, and its ``pieces`` one after another; ``packed`` ones are zlib."""

    path: str
    part: str
    bytes: int
    pieces: tuple[str, ...]
    packed: bool = False

    @property
    def stored(self) -> tuple[str, ...]:
        """Names of the pieces in the folder of objects."""
        return tuple(f"{piece}.z" if self.packed else piece for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup, complete. ``reference`` says which small backtest was run on it and what it gave."""

    name: str
    created_at: datetime
    reason: str
    program: str
    source: str | None
    snapshot: str | None
    files: tuple[BackupFile, ...]
    reference: dict[str, Any]

    def of(self, *parts: str) -> tuple[BackupFile, ...]:
        """The files of ``parts``."""
        return tuple(item for item in self.files if item.part in parts)

    def bytes(self, *parts: str) -> int:
        """Bytes of the files of ``parts`` (default: all) as they are in the home."""
        return sum(item.bytes for item in (self.of(*parts) if parts else self.files))


def backup_name(created_at: datetime, snapshot: str | None) -> str:
    """``20261123T031500Z-000123``: when it was made, and of which snapshot."""
    return f"{created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{snapshot or '000000'}"


def check_name(name: str) -> str:
    """``name`` if it is written as backups are named; UsageError for anything else, paths among them."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name[:80]!r} is not the name of a backup.", LIST)
    return name


def made_at(name: str) -> datetime:
    """When the backup of this name was made."""
    return datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def backup_names(place: BackupPlace) -> list[str]:
    """Names of the finished backups in ``place``, oldest first."""
    stems = [name.removesuffix(_SUFFIX) for name in place.names(MANIFESTS) if name.endswith(_SUFFIX)]
    return sorted(stem for stem in stems if _NAME.fullmatch(stem))


def write_manifest(place: BackupPlace, backup: Backup) -> None:
    """Name a backup whose pieces are all there; afterwards it is finished, and safe."""
    place.settle(OBJECTS)
    place.write(MANIFESTS, backup.name + _SUFFIX, encode_backup(backup))
    place.settle(MANIFESTS)


def remove_manifest(place: BackupPlace, name: str) -> None:
    """Unname a backup."""
    place.remove(MANIFESTS, check_name(name) + _SUFFIX)


def encode_backup(backup: Backup) -> bytes:
    """The bytes of a manifest."""
    return seal(
        {
            "created_at": moment_text(backup.created_at),
            "files": [
                {
                    "bytes": item.bytes,
                    "packed": item.packed,
                    "part": item.part,
                    "path": item.path,
                    "pieces": list(item.pieces),
                }
                for item in backup.files
            ],
            "name": backup.name,
            "program": backup.program,
            "reason": backup.reason,
            "reference": backup.reference,
            "schema_version": SCHEMA_VERSION,
            "snapshot": backup.snapshot,
            "source": backup.source,
        }
    )


def read_backup(place: BackupPlace, name: str) -> Backup:
    """The backup called ``name``.

    UsageError if there is none, StoreCorrupt if its manifest is damaged or names paths outside a home.
    """
    where = PurePosixPath(place.address) / MANIFESTS / (check_name(name) + _SUFFIX)
    try:
        data = place.read(MANIFESTS, name + _SUFFIX)
    except FileNotFoundError:
        raise UsageError(f"There is no backup {name} at {place.address}.", LIST) from None
    body = unseal(data, where)  # type: ignore[arg-type]
    if body["schema_version"] > SCHEMA_VERSION:
        raise StoreError(
            f"{where} has schema version {body['schema_version']}; this program knows {SCHEMA_VERSION}.",
            "Use the version of crypto-bt that wrote it, or a newer one.",
        )
    files = tuple(
        BackupFile(item["path"], item["part"], item["bytes"], tuple(item["pieces"]), item["packed"])
        for item in body["files"]
    )
    wrong = [item.path for item in files if not _is_inside(item.path) or item.part not in PARTS]
    if wrong or body["name"] != name:
        raise StoreCorrupt(f"{where} is not a backup of a home: {(wrong or [body['name']])[0]!r}.", LIST)
    return Backup(
        name=name,
        created_at=moment_of(body["created_at"]),
        reason=body["reason"],
        program=body["program"],
        source=body["source"],
        snapshot=body["snapshot"],
        files=files,
        reference=dict(body["reference"]),
    )


def pack(data: bytes, *, packed: bool) -> bytes:
    """A piece as it is stored."""
    return zlib.compress(data, 6) if packed else data


def read_pieces(place: BackupPlace, item: BackupFile) -> Iterator[bytes]:
    """The pieces of a file in order, each verified. StoreCorrupt for one that is missing or damaged."""
    for sha256, stored in zip(item.pieces, item.stored, strict=True):
        yield read_piece(place, sha256, stored)


def read_piece(place: BackupPlace, sha256: str, stored: str) -> bytes:
    """One piece, verified: StoreCorrupt if it is missing or its bytes are not what its name promises."""
    where = f"{place.address}/{OBJECTS}/{stored}"
    try:
        data = place.read(OBJECTS, stored)
        # No more is unpacked than a piece can be: a damaged one must not fill the memory.
        plain = zlib.decompressobj().decompress(data, _LARGEST) if stored.endswith(".z") else data
    except FileNotFoundError:
        raise StoreCorrupt(f"{where} is missing.", LIST) from None
    except zlib.error as error:
        raise StoreCorrupt(f"{where} is corrupt: {error}.", LIST) from None
    if sha256_hex(plain) != sha256:
        raise StoreCorrupt(f"{where} is corrupt: its bytes do not match its name.", LIST)
    return plain


_LARGEST: Final = 64_000_000


def _is_inside(path: str) -> bool:
    pure = PurePosixPath(path)
    plain = not pure.is_absolute() and ".." not in pure.parts and "\\" not in path and "\0" not in path
    return plain and str(pure) == path and bool(pure.parts)
