"""What of a home goes into a backup, and how its bytes are read so that they belong together.

Left out: ``.env`` (it may hold secrets), locks, logs, what is fetched again anyway, and the holds of the
present, which no restore may lift.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from crypto_bt.core.errors import StoreCorrupt
from crypto_bt.store import manifests, objects
from crypto_bt.store.backup_manifests import DAGSTER, MARKET, OTHER, RESULTS
from crypto_bt.store.databases import DOCTOR, copy_database, is_database
from crypto_bt.store.documents import sha256_hex
from crypto_bt.store.durable import TEMPORARY_PREFIX, read_bytes
from crypto_bt.store.results import NIGHTS, RUNS, ResultsStore

STORE_FOLDER: Final = "store"
RESULTS_FOLDER: Final = "results"
DAGSTER_FOLDER: Final = "dagster"
#: Files whose bytes are cut into pieces of this size: what did not change in them is not copied again.
PIECE: Final = 1_000_000
_OWN_FOLDERS: Final = frozenset(
    {STORE_FOLDER, RESULTS_FOLDER, DAGSTER_FOLDER, "backups", "aside", "pages", "logs", "work"}
)
_LEFT_OUT: Final = frozenset({".env", "requests.log", "holds.json"})
_PASSING: Final = (".lock", ".lock.holder", "-wal", "-shm", "-journal", ".new", ".tmp", ".sock", ".pid")
#: Of Dagster's home: what runs have printed, and its own logs.
_DAGSTER_OUT: Final = frozenset({"storage", "logs", ".telemetry", ".logs_queue"})


@dataclass(frozen=True, slots=True)
class Content:
    """One file to keep: where it lies and its path inside the home; ``sha256`` where it is known already."""

    path: str
    part: str
    file: Path
    sha256: str | None = None

    @property
    def packed(self) -> bool:
        """Whether it is worth packing: Parquet is packed already."""
        return not self.path.endswith(".parquet")


@dataclass(frozen=True, slots=True)
class MarketState:
    """The newest snapshot with the very bytes of CURRENT and its manifest."""

    snapshot: str
    source: str
    contents: tuple[Content, ...]
    documents: dict[str, bytes]


def market_state(root: Path) -> MarketState | None:
    """What CURRENT of the market store in the home ``root`` stands for; None for an empty store."""
    store = root / STORE_FOLDER
    while True:
        pointer = manifests.read_pointer(store)
        if pointer.snapshot is None:
            return None
        path = manifests.manifest_path(store, pointer.snapshot)
        try:
            manifest = read_bytes(path)
            snapshot = manifests.read_manifest(store, pointer.snapshot, pointer.manifest_sha256)
        except FileNotFoundError:
            if manifests.read_pointer(store) == pointer:
                raise StoreCorrupt(
                    f"{path} is missing, though CURRENT names it.", "crypto-bt doctor"
                ) from None
            continue  # collected between the two reads
        if sha256_hex(manifest) == pointer.manifest_sha256:
            break
    listed = tuple(
        Content(
            f"{STORE_FOLDER}/{objects.FOLDER}/{ref.sha256}.parquet",
            MARKET,
            objects.object_path(store, ref.sha256),
            ref.sha256,
        )
        for ref in snapshot.objects
    )
    documents = {
        f"{STORE_FOLDER}/{manifests.FOLDER}/{snapshot.id}.json": manifest,
        f"{STORE_FOLDER}/{manifests.CURRENT}": manifests.encode_pointer(pointer),
    }
    return MarketState(snapshot.id, snapshot.source, listed, documents)


def results_contents(root: Path) -> Iterator[Content]:
    """The files of the results store: every night with its run, and what lies beside them."""
    folder = root / RESULTS_FOLDER
    store = ResultsStore(folder)
    for night in store.nights():
        yield from _night_contents(folder, store, night)
    for file in _files(folder, skip={RUNS, NIGHTS}):
        yield Content(f"{RESULTS_FOLDER}/{file.relative_to(folder)}", RESULTS, file)


def _night_contents(folder: Path, store: ResultsStore, night: date) -> Iterator[Content]:
    result = store.night(night)
    if result is None:
        return
    pointer = folder / NIGHTS / f"{night.isoformat()}.json"
    yield Content(f"{RESULTS_FOLDER}/{NIGHTS}/{pointer.name}", RESULTS, pointer)
    for item in result.files:
        path = f"{RESULTS_FOLDER}/{RUNS}/{result.path.name}/{item.name}"
        yield Content(path, RESULTS, result.path / item.name, item.sha256)


def dagster_contents(root: Path) -> Iterator[Content]:
    """The files of Dagster's home: its settings and its databases."""
    folder = root / DAGSTER_FOLDER
    for file in _files(folder, skip=_DAGSTER_OUT):
        yield Content(f"{DAGSTER_FOLDER}/{file.relative_to(folder)}", DAGSTER, file)


def other_contents(root: Path) -> Iterator[Content]:
    """Outbox, ledgers and whatever else lies in the home."""
    for file in _files(root, skip=_OWN_FOLDERS):
        if file.name not in _LEFT_OUT:
            yield Content(str(file.relative_to(root)), OTHER, file)


def _files(folder: Path, skip: frozenset[str] | set[str]) -> Iterator[Path]:
    """Regular files below ``folder``, sorted; no links, nothing of ``skip`` at the top, nothing passing."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_symlink() or entry.name in skip or entry.name.startswith(TEMPORARY_PREFIX):
            continue
        if entry.is_dir():
            yield from _files(Path(entry.path), frozenset())
        elif entry.is_file() and not entry.name.endswith(_PASSING):
            yield Path(entry.path)


def pieces_of(content: Content) -> Iterator[bytes]:
    """The bytes of one file, piece by piece; of a database as SQLite's own backup gives them.

    Raises StoreCorrupt when a file with a known checksum, or a database, is damaged, and FileNotFoundError
    when it has gone meanwhile.
    """
    if content.sha256 is not None:
        data = read_bytes(content.file)
        if sha256_hex(data) != content.sha256:
            raise StoreCorrupt(f"{content.file} is corrupt: its bytes are not what was published.", DOCTOR)
        yield data
        return
    if not is_database(content.file):
        yield from _cut(content.file.read_bytes())
        return
    with tempfile.TemporaryDirectory(prefix="crypto_bt-backup-") as work:
        copy = Path(work) / "copy.db"
        copy_database(content.file, copy)
        with copy.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece


def _cut(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), PIECE):
        yield data[start : start + PIECE]
