"""Backups: made of a home that verifies, written beside, verified piece by piece, then named.

Only what the place lacks is copied. Whatever is killed in between leaves pieces without a name, which the
next backup uses or the next pruning removes.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from crypto_bt.core.errors import StoreCorrupt, StoreError
from crypto_bt.core.retention import BackupFact
from crypto_bt.store.backup_contents import (
    RESULTS_FOLDER,
    STORE_FOLDER,
    Content,
    dagster_contents,
    market_state,
    other_contents,
    pieces_of,
    results_contents,
)
from crypto_bt.store.backup_manifests import (
    MARKET,
    OBJECTS,
    Backup,
    BackupFile,
    backup_name,
    backup_names,
    made_at,
    pack,
    read_backup,
    read_piece,
    remove_manifest,
    write_manifest,
)
from crypto_bt.store.backup_places import BackupPlace
from crypto_bt.store.collecting import verify_store
from crypto_bt.store.databases import DOCTOR
from crypto_bt.store.documents import sha256_hex
from crypto_bt.store.results_care import verify_results

LOCK_PATIENCE: Final = 600.0


@dataclass(frozen=True, slots=True)
class Copied:
    """A finished backup, and what had to be copied for it."""

    backup: Backup
    pieces: int
    bytes: int


@dataclass(frozen=True, slots=True)
class BackupVerification:
    """``pieces`` of ``of`` are what their names promise; ``damaged`` names the rest, or the manifest."""

    name: str
    created_at: datetime
    snapshot: str | None
    pieces: int
    of: int
    bytes: int
    damaged: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Everything is there and as it was."""
        return not self.damaged

    @property
    def fact(self) -> BackupFact:
        """What retention has to know."""
        return BackupFact(self.name, self.created_at, self.ok)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What pruning removed; ``bytes`` is the room it gave back."""

    names: tuple[str, ...]
    pieces: int
    bytes: int


def check_whole(root: Path) -> None:
    """Raise StoreCorrupt, naming what is damaged, unless the stores of the home ``root`` verify."""
    market = verify_store(root / STORE_FOLDER)
    damaged = [*market.corrupt, *market.missing, *verify_results(root / RESULTS_FOLDER)]
    if damaged:
        shown = ", ".join(damaged[:3]) + (f" and {len(damaged) - 3} more" if len(damaged) > 3 else "")
        raise StoreCorrupt(f"{root} is damaged, so it was not backed up: {shown}.", DOCTOR)


def create_backup(
    place: BackupPlace,
    root: Path,
    *,
    now: datetime,
    reason: str,
    program: str,
    reference: Mapping[str, Any] | None = None,
    patience: float = LOCK_PATIENCE,
) -> Copied:
    """Back up the home ``root`` into ``place``.

    ``reference`` is kept with it: what a small backtest gave. Raises StoreCorrupt for a home that does not
    verify and StoreError when ``place`` does not take it; the backups that are there stay as they are.
    """
    with place.locked(f"backup ({reason})", now, patience):
        check_whole(root)
        try:
            return _create(place, root, now, reason, program, dict(reference or {}))
        except OSError as error:
            raise StoreError(
                f"Could not back up to {place.address}: {error.strerror or error}.",
                "Earlier backups are untouched. Mend the disk (free space, permissions) and try again.",
            ) from error


def _create(
    place: BackupPlace, root: Path, now: datetime, reason: str, program: str, reference: dict[str, Any]
) -> Copied:
    state = market_state(root)
    writer = _Writer(place)
    files = [
        writer.put_bytes(path, MARKET, data) for path, data in (state.documents if state else {}).items()
    ]
    listed: list[Iterable[Content]] = [
        state.contents if state else (),
        results_contents(root),
        dagster_contents(root),
        other_contents(root),
    ]
    for content in (item for some in listed for item in some):
        try:
            files.append(writer.put(content))
        except FileNotFoundError:
            if content.sha256 is not None:
                raise StoreCorrupt(f"{content.file} is missing.", DOCTOR) from None
            continue  # a file that nobody published has gone since the folder was listed
    backup = Backup(
        name=backup_name(now, state.snapshot if state else None),
        created_at=now.replace(microsecond=0),
        reason=reason,
        program=program,
        source=state.source if state else None,
        snapshot=state.snapshot if state else None,
        files=tuple(files),
        reference=reference,
    )
    write_manifest(place, backup)
    return Copied(backup, writer.copied, writer.copied_bytes)


class _Writer:
    """Puts pieces into a place: those it lacks, and those that it holds damaged; each is read back."""

    def __init__(self, place: BackupPlace) -> None:
        self._place = place
        self._sound: set[str] = set()
        self._there = place.names(OBJECTS)
        self.copied = 0
        self.copied_bytes = 0

    def put(self, content: Content) -> BackupFile:
        pieces, size = [], 0
        for data in pieces_of(content):
            size += len(data)
            pieces.append(self.put_piece(data, packed=content.packed))
        return BackupFile(content.path, content.part, size, tuple(pieces), content.packed)

    def put_bytes(self, path: str, part: str, data: bytes) -> BackupFile:
        return BackupFile(path, part, len(data), (self.put_piece(data, packed=True),), True)

    def put_piece(self, data: bytes, *, packed: bool) -> str:
        sha256 = sha256_hex(data)
        stored = f"{sha256}.z" if packed else sha256
        if stored in self._sound:
            return sha256
        if stored not in self._there or not is_sound(self._place, sha256, stored):
            content = pack(data, packed=packed)
            self._place.write(OBJECTS, stored, content)
            read_piece(self._place, sha256, stored)
            self.copied += 1
            self.copied_bytes += len(content)
        self._sound.add(stored)
        return sha256


def is_sound(place: BackupPlace, sha256: str, stored: str) -> bool:
    """Whether the piece is there and as it was."""
    try:
        read_piece(place, sha256, stored)
    except StoreCorrupt:
        return False
    return True


def copy_backup(source: BackupPlace, name: str, target: BackupPlace, *, now: datetime) -> Copied:
    """Copy a backup with what ``target`` lacks of it; each piece is verified here and there.

    StoreCorrupt if the backup is damaged, StoreError if ``target`` does not take it.
    """
    backup = read_backup(source, name)
    with target.locked(f"copy of {name}", now, LOCK_PATIENCE):
        writer = _Writer(target)
        try:
            for item in backup.files:
                for sha256, stored in zip(item.pieces, item.stored, strict=True):
                    writer.put_piece(read_piece(source, sha256, stored), packed=item.packed)
            write_manifest(target, backup)
        except OSError as error:
            raise StoreError(
                f"Could not copy {name} to {target.address}: {error.strerror or error}.",
                "The local backups are untouched. Mend the place and try again: crypto-bt backup create",
            ) from error
    return Copied(backup, writer.copied, writer.copied_bytes)


def verify_backups(place: BackupPlace, names: Collection[str] | None = None) -> list[BackupVerification]:
    """Hash every piece of the backups called ``names`` (default: all), oldest first; each piece once.

    Damage is reported, not raised; a place that cannot be reached raises StoreError.
    """
    found: list[BackupVerification] = []
    sizes: dict[str, int | None] = {}
    for name in backup_names(place):
        if names is not None and name not in names:
            continue
        try:
            backup = read_backup(place, name)
        except StoreCorrupt:
            found.append(BackupVerification(name, made_at(name), None, 0, 0, 0, (f"manifests/{name}.json",)))
            continue
        wanted = {
            stored: sha256
            for item in backup.files
            for sha256, stored in zip(item.pieces, item.stored, strict=True)
        }
        for stored, sha256 in wanted.items():
            if stored not in sizes:
                sizes[stored] = _size_if_sound(place, sha256, stored)
        damaged = tuple(f"{OBJECTS}/{stored}" for stored in wanted if sizes[stored] is None)
        read = sum(sizes[stored] or 0 for stored in wanted)
        sound = len(wanted) - len(damaged)
        found.append(
            BackupVerification(name, backup.created_at, backup.snapshot, sound, len(wanted), read, damaged)
        )
    return found


def _size_if_sound(place: BackupPlace, sha256: str, stored: str) -> int | None:
    try:
        return len(read_piece(place, sha256, stored))
    except StoreCorrupt:
        return None


def prune_backups(place: BackupPlace, keep: Collection[str], *, patience: float = LOCK_PATIENCE) -> Pruned:
    """Remove the backups not in ``keep``, then the pieces that no remaining one needs.

    Names go first, so that what is listed is always whole. While a remaining manifest cannot be read no
    piece is removed: what it needs is unknown.
    """
    with place.locked("pruning of backups", None, patience):
        dropped = [name for name in backup_names(place) if name not in keep]
        for name in dropped:
            remove_manifest(place, name)
        if dropped:
            place.settle("manifests")
        try:
            left = [read_backup(place, name) for name in backup_names(place)]
        except StoreCorrupt:
            return Pruned(tuple(dropped), 0, 0)
        needed = {stored for backup in left for item in backup.files for stored in item.stored}
        sweep = {name: size for name, size in place.names(OBJECTS).items() if name not in needed}
        for name in sweep:
            place.remove(OBJECTS, name)
        return Pruned(tuple(dropped), len(sweep), sum(sweep.values()))


def newest_good(place: BackupPlace, *, but: Collection[str] = ()) -> Backup | None:
    """The newest backup that verifies, and is not one of ``but``; None if there is none."""
    for name in reversed(backup_names(place)):
        if name not in but and all(item.ok for item in verify_backups(place, [name])):
            return read_backup(place, name)
    return None
