"""Files of the public archive: a zip with one CSV of metrics, and its checksum. Nothing here is trusted."""

import csv
import io
import re
import struct
import zipfile
import zlib
from typing import Final

from crypto_bt.core.metrics_rows import COLUMNS, Line

#: A file of 288 rows has 30 KiB: what unpacks to more than this is not one.
LARGEST_TEXT: Final = 4 * 1024 * 1024
_CHECKSUM: Final = re.compile(rb"([0-9a-f]{64})\s+\*?(\S+)\s*")
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def read_digest(body: bytes, name: str) -> str | None:
    """The sha256 (hexadecimal) that ``body`` states for the file ``name``; None where it states none."""
    found = _CHECKSUM.fullmatch(body)
    return found[1].decode() if found and found[2] == name.encode() else None


def read_zip(body: bytes) -> bytes | None:
    """``body`` where it begins as a zip does; a page that says something else is None."""
    return body if body.startswith(b"PK") else None


def unpacked(content: bytes, member: str) -> list[Line] | str:
    """The lines after the header of ``member``, the only file in a zip; or what is wrong with it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = archive.infolist()
            if [file.filename for file in files] != [member]:
                names = ", ".join(file.filename for file in files[:3])
                return f"the zip holds {names[:200] or 'nothing'} instead of {member}"
            if files[0].compress_type not in _METHODS:
                return f"{member} is packed by method {files[0].compress_type}"
            with archive.open(member) as file:
                text = file.read(LARGEST_TEXT + 1)
        if len(text) > LARGEST_TEXT:
            return f"{member} unpacks to more than {LARGEST_TEXT} bytes"
        lines = list(csv.reader(io.StringIO(text.decode("utf-8-sig"), newline="")))
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError) as error:
        return f"the zip with {member} cannot be unpacked ({type(error).__name__})"
    except (csv.Error, ValueError) as error:
        return f"{member} is no CSV ({type(error).__name__})"
    if not lines or tuple(lines[0]) != COLUMNS:
        return f"{member} has the header {','.join(lines[0])[:200] if lines else 'of an empty file'}"
    return [line for line in lines[1:] if line]
