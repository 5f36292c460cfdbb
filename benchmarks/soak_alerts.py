"""Alerts in full: kill -9, a storm, healthy days: python benchmarks/soak_alerts.py --kills 100 --seed 7

Writes docs/evidence/alerts.json after each part; a part of the same seed, length and commit that is in it
already is not repeated. Exits with 1 if anything was lost, told without cause, or told too often.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crypto_bt.defs.execute import run_job  # noqa: E402
from crypto_bt.store import write_atomically  # noqa: E402
from crypto_bt_tests.alerts.kill_campaign import Tally, run_round  # noqa: E402
from crypto_bt_tests.alerts.storm import storm  # noqa: E402
from crypto_bt_tests.defs.alert_watch import alert_watch  # noqa: E402
from crypto_bt_tests.defs.healthy_days import live  # noqa: E402

EVIDENCE = ROOT / "docs" / "evidence" / "alerts.json"
SYMBOLS = ("BTCUSDT", "ETHUSDT")
LOADED = datetime(2026, 3, 10, 0, 20, tzinfo=UTC)
KILLS_IN_A_ROUND = 10
#: Enough that the strategies can be judged: else a check rightly says that they cannot.
HISTORY_DAYS = 160


def main() -> None:
    """Run what is not yet in the evidence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    name = {"campaign": "alerts", "seed": options.seed, "commit": commit()}
    parts: dict[str, Any] = {}
    if EVIDENCE.exists():
        before = json.loads(EVIDENCE.read_text())
        parts = before["parts"] if all(before[key] == value for key, value in name.items()) else {}
    wanted: dict[str, Callable[[], dict[str, Any]]] = {
        f"kill -9 {options.kills} times": lambda: killed(options.kills, options.seed),
        "storm of 1,000 in a minute": lambda: stormed(options.seed),
        f"{options.days} healthy days": lambda: lived(options.days),
    }
    for part, run in wanted.items():
        if part in parts:
            continue
        began = time.monotonic()
        parts[part] = {**run(), "seconds": round(time.monotonic() - began, 1)}
        text = json.dumps({**name, "held": all(p["held"] for p in parts.values()), "parts": parts}, indent=1)
        EVIDENCE.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(EVIDENCE, f"{text}\n".encode())
        print(part, json.dumps(parts[part]))  # noqa: T201
    sys.exit(0 if all(part["held"] for part in parts.values()) else 1)


def killed(kills: int, seed: int) -> dict[str, Any]:
    """Children killed between event and delivery."""
    tally = Tally()
    while tally.kills < kills:
        with tempfile.TemporaryDirectory() as folder:
            some = min(KILLS_IN_A_ROUND, kills - tally.kills)
            run_round(Path(folder), some, f"{seed}/{tally.kills}", tally)
    held = not (tally.lost or tally.twice_without_cause or tally.stores_that_do_not_open)
    return {
        "held": held,
        "kills": tally.kills,
        "in_mid_work": tally.in_mid_work,
        "critical_acknowledged": tally.acknowledged,
        "lost": tally.lost,
        "sent_twice": tally.twice,
        "sent_twice_though_not_interrupted": tally.twice_without_cause,
        "outboxes_that_do_not_open": tally.stores_that_do_not_open,
        **tally.figures,
        "failures": tally.failures,
    }


def stormed(seed: int) -> dict[str, Any]:
    """A storm."""
    with tempfile.TemporaryDirectory() as folder:
        after = storm(Path(folder), str(seed))
    held = (
        after.most_messages_an_hour <= 10
        and not after.causes_not_named
        and after.critical_not_sent == 0
        and after.p99_seconds < 120
        and after.bytes_after < 5_000_000
    )
    return {
        "held": held,
        "reports": after.reports,
        "critical": after.critical,
        "causes": after.causes,
        "causes_not_named": after.causes_not_named,
        "most_messages_in_an_hour_beside_critical": after.most_messages_an_hour,
        "most_critical_messages_in_a_minute": after.most_urgent_a_minute,
        "critical_not_sent": after.critical_not_sent,
        "critical_wait_p99_seconds": after.p99_seconds,
        "critical_wait_max_seconds": max(after.critical_wait_seconds),
        "database_bytes": after.bytes_before,
        "database_bytes_pruned": after.bytes_after,
    }


def lived(days: int) -> dict[str, Any]:
    """Healthy days: nobody hears anything but the digest and its picture."""
    with (
        tempfile.TemporaryDirectory() as folder,
        alert_watch(Path(folder) / "home", SYMBOLS, LOADED, STRATEGIES="ema_cross,buy_and_hold") as watch,
    ):
        assert watch.home.update(days=HISTORY_DAYS).success
        assert run_job("sentiment_macro_update", watch.home.desk, partition="2026-03-09").success
        watch.tick()
        done = live(watch, days)
        pictures = sum(sent.picture is not None for sent in watch.telegram.sent)
        others = len(watch.telegram.sent) - done.digests - pictures
    told = [f"{alert.cause} {alert.where}: {alert.what}" for alert in done.alerts]
    return {
        "held": not (told or done.failed or others or done.caught_up) and done.digests == days,
        "days": days,
        "runs": done.runs,
        "runs_failed": done.failed,
        "runs_that_catch_up_asked_for": done.caught_up,
        "digests": done.digests,
        "pictures": pictures,
        "other_messages": others,
        "alerts": told,
    }


def commit() -> str:
    """The commit that is checked out, or ``none``; says so if files differ from it."""
    head = _git("rev-parse", "--verify", "--quiet", "HEAD") or "none"
    changed = _git("status", "--porcelain", "--", ".", ":!docs/evidence")
    return f"{head} with local changes" if changed else head


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
