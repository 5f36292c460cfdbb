"""The page of measured numbers, from docs/evidence and the README's table."""

import json
from typing import Any, Final

from crypto_bt_tests.documents.pages import DOCS, ROOT, table

#: What was tried, by the file in docs/evidence; a file that is not named here shows its own name.
TRIED: Final = {
    "alert_path": "a failing check, from the request to the message in a chat",
    "drills": "restore drills on a year of 60 symbols",
    "fault_matrix": "faults of an exchange that fired, 46 kinds",
    "flips": "single flipped bits in data, headers, manifests, pointers, nights and backups",
    "fuzz": "bodies and updates that are not what was asked for",
    "kill9_backup": "`kill -9` in backup, pruning, restore, rollback, recovery and gc",
    "kill9_publish": "`kill -9` in a publish",
    "reference": "random markets, the kernel against a second simulator written from the rules alone",
    "shared_budget": "two updates, a backfill and a catch-up at once, beside a trader",
    "size": "386 days of 60 symbols, 48 h of snapshots, six local backups, on disk",
    "week": "weeks of schedules and sensors on a turned clock, the machine off four times in each",
}


def campaigns() -> str:
    """One row for each file of evidence."""
    rows = []
    for path in sorted((DOCS / "evidence").glob("*.json")):
        found = json.loads(path.read_text())
        tried = TRIED.get(path.stem, path.stem.replace("_", " "))
        link = f"[{path.stem}](evidence/{path.name})"
        rows.append([link, tried, _held(found), _bound(found), str(found.get("commit", "-"))[:8]])
    return table(["evidence", "what was tried", "held", "true rate of failure below", "commit"], rows)


def promises() -> str:
    """What was promised against what was measured."""
    drills, size, alert = evidence("drills"), evidence("size"), evidence("alert_path")
    budget = evidence("shared_budget")["figures"]
    usual = sorted(drills["seconds_each"].values())[-2]
    rows = [
        [
            "restore in 15 to 30 min",
            f"{drills['seconds_p50']:g} s (median of {drills['of']} drills), {usual:g} s at most where a "
            f"backup is left, {drills['seconds_max']:g} s from the exchange alone",
        ],
        [
            "1.2 GB for a year of 60 symbols with backups",
            f"{size['market_in_all_mb']:g} MB of candles, snapshots and {size['local_backups']} backups; "
            f"{size['folders_mb']['dagster']:g} MB of Dagster's own",
        ],
        [
            "CRITICAL within 2 min",
            f"{alert['seconds_from_the_request']:g} s from the start of a check to the message",
        ],
        [
            "20 % of the exchange's limit",
            f"{budget['most_of_ours_in_a_minute']} of 2,400 at most in a minute, while a backfill (allowed "
            "50 %) was at work; scheduled work stays within 20 %",
        ],
    ]
    return table(["promised", "measured"], rows)


def measured() -> str:
    """The README's table of measurements, which has the command for each."""
    text = (ROOT / "README.md").read_text()
    part = text.split("\n## Measured\n", 1)[1]
    rows = [line for line in part.split("\n\n") if line.startswith("| what | figure | how |")]
    return rows[0].strip()


def evidence(name: str) -> Any:
    """What a campaign wrote."""
    return json.loads((DOCS / "evidence" / f"{name}.json").read_text())


def _held(found: dict[str, Any]) -> str:
    parts = []
    if "n" in found:
        parts.append(f"{found['n']:,} of {max(found['n'], found.get('of', 0)):,}")
    elif "held" in found:
        parts.append("yes" if found["held"] else "NO")
    if "seconds_max" in found:
        parts.append(f"{found['seconds_p50']:g} s median, {found['seconds_max']:g} s at most")
    if "limit_seconds" in found:
        parts.append(f"{found['seconds_from_the_request']:g} s, limit {found['limit_seconds']:g} s")
    if "limit_mb" in found:
        parts.append(f"{found['market_in_all_mb']:g} MB, limit {found['limit_mb']:g} MB")
    return ", ".join(parts) or "-"


def _bound(found: dict[str, Any]) -> str:
    bound = next((value for name, value in found.items() if name.startswith("upper_bound")), None)
    return "-" if bound is None else f"{bound:.2%}"
