"""Files that the desk's other programs read: the latest night as JSON, the current signals as Parquet."""

import io
import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from crypto_bt.backtest.results import backtest_results, signals_validated
from crypto_bt.store import NightResult, write_atomically

LATEST: Final = "backtest_results.json"
SIGNALS: Final = "signals_validated.parquet"
ARCHIVE: Final = "archive"


def publish_files(root: Path, result: NightResult) -> None:
    """Write the night's JSON, and the latest JSON and signals unless a later night has written them."""
    payload = backtest_results(result.frame("metrics"), result.stamp)
    text = _encode({**payload, "stale": None})
    (root / ARCHIVE).mkdir(mode=0o700, exist_ok=True)
    write_atomically(root / ARCHIVE / f"backtest_results_{result.night}.json", text)
    latest = read_latest(root)
    if latest is None or date.fromisoformat(latest["night"]) <= result.night:
        buffer = io.BytesIO()
        signals_validated(result.frame("signals"), result.stamp).write_parquet(buffer)
        write_atomically(root / SIGNALS, buffer.getvalue())
        write_atomically(root / LATEST, text)


def mark_stale(root: Path, night: date, reason: str, now: datetime) -> None:
    """Mark the latest JSON with its age and why ``night`` did not replace it; the figures stay.

    A failed night that is older than the latest result says nothing about it.
    """
    latest = read_latest(root)
    if latest is None or night < date.fromisoformat(latest["night"]):
        return
    earlier = latest["stale"] or {}
    if earlier.get("night") == night.isoformat() and reason not in earlier["reason"]:
        reason = f"{earlier['reason']} {reason}"
    age = now - datetime.fromisoformat(latest["stamp"]["cutoff"])
    latest["stale"] = {
        "night": night.isoformat(),
        "since": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "age_hours": round(age / timedelta(hours=1), 1),
        "reason": reason,
    }
    write_atomically(root / LATEST, _encode(latest))


def read_latest(root: Path) -> dict[str, Any] | None:
    """The latest JSON; None before the first night, or when the file is none of ours."""
    try:
        content = json.loads((root / LATEST).read_text())
        date.fromisoformat(content["night"])
        datetime.fromisoformat(content["stamp"]["cutoff"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return dict(content)


def _encode(payload: Mapping[str, Any]) -> bytes:
    return (json.dumps(payload, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()
