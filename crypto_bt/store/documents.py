"""JSON documents that prove themselves: one way to write a value, and its own sha256 inside."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crypto_bt.core.errors import StoreCorrupt

VERIFY = "See what else is damaged: crypto-bt data verify. Mend it: crypto-bt doctor --mend"


def canonical(value: object) -> bytes:
    """The one JSON text of ``value``: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def sha256_hex(data: bytes) -> str:
    """The sha256 of ``data`` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def seal(body: Mapping[str, Any]) -> bytes:
    """The bytes of a document: ``body`` with the sha256 of its canonical text under ``sha256``."""
    return canonical({**body, "sha256": sha256_hex(canonical(body))}) + b"\n"


def unseal(data: bytes, path: Path) -> dict[str, Any]:
    """The body of a sealed document; :class:`StoreCorrupt`, naming ``path``, if any byte has changed."""
    try:
        body = json.loads(data)
        del body["sha256"]
        intact = seal(body) == data
    except (ValueError, KeyError, TypeError, RecursionError):
        intact = False
    if not intact:
        raise StoreCorrupt(f"{path} is corrupt: its bytes do not match its own sha256.", VERIFY)
    return dict(body)


def moment_text(moment: datetime) -> str:
    """``2026-11-21T23:30:00.000Z``; ``moment`` must carry a timezone."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    """The inverse of :func:`moment_text`."""
    return datetime.fromisoformat(text).astimezone(UTC)
