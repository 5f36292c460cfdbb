"""Objects: the rows of one dataset and month (or year) as Parquet bytes whose name is their sha256."""

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from crypto_bt.core.datasets import Dataset
from crypto_bt.core.errors import StoreCorrupt
from crypto_bt.store.documents import VERIFY, sha256_hex
from crypto_bt.store.durable import read_bytes, write_atomically
from crypto_bt.store.market_store import ObjectRef

FOLDER: Final = "objects"
#: Level 3 is within 6 % of level 9 in size, at half its CPU time (measured on a year of 60 symbols).
COMPRESSION_LEVEL: Final = 3
#: Rows that are passed over together when other symbols are read; their bounds are kept with them.
ROW_GROUP: Final = 8_192


class ObjectMissing(StoreCorrupt):
    """An object that a manifest lists is not on disk (it may have been collected with its snapshot)."""


def encode(frame: pl.DataFrame, labels: Mapping[str, str] | None = None) -> bytes:
    """Parquet bytes that depend on the rows (and ``labels``, the file's own metadata) alone.

    No column statistics: an object is read whole, so they would never be used.
    """
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(
        buffer,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        row_group_size=ROW_GROUP,
        statistics=True,
        metadata=dict(labels) if labels else None,
    )
    return buffer.getvalue()


def object_path(root: Path, sha256: str) -> Path:
    """Where the object with this checksum lies."""
    return root / FOLDER / f"{sha256}.parquet"


def write_object(root: Path, dataset: Dataset, month: str, frame: pl.DataFrame) -> ObjectRef:
    """Store ``frame`` (not empty, sorted by key, all of one month) and return its reference.

    The bytes are on disk afterwards; their name is durable after the folder was synced. An object that
    is there already is left alone, or healed if its bytes are damaged.
    """
    data = encode(frame)
    name = sha256_hex(data)
    path = object_path(root, name)
    if not _holds(path, data):
        write_atomically(path, data, sync=False)
    first, last = frame.select(first=pl.col(dataset.time).min(), last=pl.col(dataset.time).max()).row(0)
    return ObjectRef(name, dataset.name, month, frame.height, len(data), first, last)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


def read_verified(root: Path, ref: ObjectRef) -> bytes:
    """The bytes of an object, read once and hashed, so that what is parsed is what was verified."""
    path = object_path(root, ref.sha256)
    try:
        data = read_bytes(path)
    except FileNotFoundError:
        raise ObjectMissing(f"{path} is missing ({ref.dataset} of {ref.month}).", VERIFY) from None
    if sha256_hex(data) != ref.sha256:
        raise StoreCorrupt(
            f"{path} is corrupt ({ref.dataset} of {ref.month}): its bytes do not match its name.", VERIFY
        )
    return data


#: Objects read together where only some of their rows are kept.
_AT_ONCE: Final = 6


def read_frame(
    root: Path,
    refs: Sequence[ObjectRef],
    dataset: Dataset,
    columns: Sequence[str] | None = None,
    keep: Sequence[pl.Expr] = (),
) -> pl.DataFrame:
    """The rows of ``refs`` one after another that fulfil ``keep``, or the dataset's empty frame.

    A column that the dataset has gained since an object was written is null in its rows. Few objects are in
    memory at a time, so that a few symbols of a long history cost little. Raises :class:`StoreCorrupt` for
    damaged bytes and for an object that is not of the dataset's schema.
    """
    wanted = list(dataset.schema) if columns is None else list(columns)
    if not refs:
        return dataset.empty().select(wanted)
    at_once = _AT_ONCE if keep else len(refs)
    parts = [
        _read_some(root, refs[first : first + at_once], dataset, wanted, keep)
        for first in range(0, len(refs), at_once)
    ]
    return parts[0] if len(parts) == 1 else pl.concat(parts)


def _read_some(
    root: Path, refs: Sequence[ObjectRef], dataset: Dataset, wanted: list[str], keep: Sequence[pl.Expr]
) -> pl.DataFrame:
    blobs: list[io.BytesIO] = [io.BytesIO(read_verified(root, ref)) for ref in refs]
    try:
        frame = (
            pl.scan_parquet(
                blobs,  # type: ignore[arg-type]
                schema=dataset.schema,
                missing_columns="insert",
            )
            .filter(*keep)
            .select(wanted)
            .collect()
        )
    except pl.exceptions.PolarsError as error:
        raise StoreCorrupt(
            f"The objects of {dataset.name} do not have its columns: {error}.", VERIFY
        ) from error
    lost = any(frame[name].null_count() for name in dataset.key if name in wanted)
    if lost or dict(frame.schema) != {name: dataset.schema[name] for name in wanted}:
        raise StoreCorrupt(f"The objects of {dataset.name} do not have its types: {frame.schema}.", VERIFY)
    return frame


def stored(root: Path) -> dict[str, int]:
    """Size of every object on disk, by sha256."""
    try:
        entries = list(os.scandir(root / FOLDER))
    except FileNotFoundError:
        return {}
    suffix = ".parquet"
    return {
        entry.name.removesuffix(suffix): entry.stat().st_size
        for entry in entries
        if entry.name.endswith(suffix) and not entry.name.startswith(".")
    }
