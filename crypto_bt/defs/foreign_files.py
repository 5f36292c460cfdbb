"""Opening files that others made: CSV, zips of it, Parquet. Anything else is refused in one sentence."""

import hashlib
import io
import lzma
import re
import zipfile
import zlib
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from crypto_bt.core.archive_files import archived
from crypto_bt.core.archive_rows import FileRows, read_csv
from crypto_bt.core.datasets import DATASETS, dataset_named
from crypto_bt.core.errors import UsageError
from crypto_bt.core.exported_rows import SOURCE_LABEL, read_exported

#: Largest file, and largest text out of one: a year of one symbol's 15m candles has 5 MB.
FILE_LIMIT: Final = 512 * 1024**2
TEXT_LIMIT: Final = 64 * 1024**2
#: Most rows of one Parquet file: ten years of 1h candles of 110 symbols.
ROW_LIMIT: Final = 10_000_000
_LFS: Final = b"version https://git-lfs"
_ZIP: Final = b"PK\x03\x04"
_PARQUET: Final = b"PAR1"
_CHECKSUM: Final = re.compile(r"([0-9a-fA-F]{64})\s+\*?(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Hints:
    """What the owner of the files says of those whose names do not: a dataset and a symbol."""

    dataset: str | None = None
    symbol: str | None = None


def read_file(path: Path, hints: Hints, now: datetime) -> FileRows:
    """The rows of the file at ``path``, validated at ``now``; UsageError when it cannot be used."""
    data = _bytes_of(path)
    if data.startswith(_LFS):
        raise UsageError(
            f"{path.name} is a Git LFS pointer of {len(data)} bytes, not the data itself.",
            "Fetch the data where the file came from: git lfs pull",
        )
    verified = _verified(path, data)
    if data.startswith(_PARQUET):
        return _read_parquet(path, data, hints, now)
    if data.startswith(_ZIP):
        data = _unzipped(path, data)
    elif path.suffix.lower() != ".csv":
        raise UsageError(
            f"{path.name} is neither CSV, nor a zip of one, nor Parquet.",
            "Import CSV as in the exchange's archive, or what crypto-bt data export wrote.",
        )
    about = archived(path.absolute().parts, now, dataset=hints.dataset, symbol=hints.symbol)
    return read_csv(_text_of(path, data), about, now, name=path.name, proven=verified)


def _bytes_of(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a folder.", f"Name the files in it: {path}/*")
        if not path.is_file():
            raise UsageError(f"There is no file {path}.", "See its name.")
        size = path.stat().st_size
        if size > FILE_LIMIT:
            raise _too_large(path, size, FILE_LIMIT)
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror or error}.", "See its permissions.") from error


def _too_large(path: Path, size: int, limit: int) -> UsageError:
    return UsageError(
        f"{path.name} is too large: {size:,} bytes, limit {limit:,}.", "Split it by symbol or by month."
    )


def _verified(path: Path, data: bytes) -> bool:
    """Whether a checksum lies beside the file and is its own; UsageError if it is another's."""
    beside = path.with_name(path.name + ".CHECKSUM")
    if not beside.exists():
        return False
    found = _CHECKSUM.fullmatch(_bytes_of(beside)[:4096].decode("ascii", "replace"))
    if found is None or found[2] != path.name:
        raise UsageError(f"{beside.name} holds no checksum of {path.name}.", "Download both again.")
    if found[1].lower() != hashlib.sha256(data).hexdigest():
        raise UsageError(f"{path.name} is damaged: it does not match {beside.name}.", "Download both again.")
    return True


def _unzipped(path: Path, data: bytes) -> bytes:
    """The one CSV file in a zip, read into memory up to the limit, whatever the zip says of its size."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) != 1 or not entries[0].filename.lower().endswith(".csv"):
                raise UsageError(f"{path.name} holds {len(entries)} files, not one CSV.", "Zip one by one.")
            with archive.open(entries[0]) as file:
                text = file.read(TEXT_LIMIT + 1)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError) as error:
        raise UsageError(f"{path.name} is a damaged zip: {error}.", "Download it again.") from None
    except RuntimeError as error:
        # Encrypted, or compressed in a way that Python does not know.
        raise UsageError(f"{path.name} cannot be unzipped: {error}.", "Zip it again, plainly.") from None
    if len(text) > TEXT_LIMIT:
        raise _too_large(path, entries[0].file_size, TEXT_LIMIT)
    return text


def _text_of(path: Path, data: bytes) -> str:
    if len(data) > TEXT_LIMIT:
        raise _too_large(path, len(data), TEXT_LIMIT)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UsageError(f"{path.name} is not text.", "Save it as CSV in UTF-8.")
    return text


def _read_parquet(path: Path, data: bytes, hints: Hints, now: datetime) -> FileRows:
    name = hints.dataset or path.stem
    if name not in DATASETS:
        raise UsageError(
            f"The name {path.name} does not say what the file holds.",
            "Say it: --timeframe 1h, or --dataset with the name of a dataset.",
        )
    dataset = dataset_named(name)
    try:
        schema = pl.read_parquet_schema(io.BytesIO(data))
        frame = pl.DataFrame(schema=schema)
        if dict(schema) == dataset.schema:
            rows = pl.scan_parquet(io.BytesIO(data)).select(pl.len()).collect().item()
            if rows > ROW_LIMIT:
                raise UsageError(
                    f"{path.name} has too many rows: {rows:,}, limit {ROW_LIMIT:,}.", "Split it by year."
                )
            frame = pl.read_parquet(io.BytesIO(data))
        source = pl.read_parquet_metadata(io.BytesIO(data)).get(SOURCE_LABEL)
    except (KeyboardInterrupt, SystemExit, UsageError):
        raise
    except BaseException as error:  # noqa: BLE001
        # Damaged files make polars raise PanicException, which is no Exception.
        what = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UsageError(f"{path.name} is damaged Parquet: {what}.", "Make the file again.") from None
    return replace(read_exported(frame, dataset, now, name=path.name), source=source)
