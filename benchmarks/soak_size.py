"""Campaign: what a year of 60 symbols takes on disk, with 48 h of snapshots and all local backups.

Fills a year, then lives for three weeks of daily updates and backups, the last two days with a publish
every two hours, and compacts. Writes docs/evidence/size.json; candles alone, and all feeds beside.
"""

import json
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.soak_publish import commit  # noqa: E402
from crypto_bt.core.universe import UNIVERSE  # noqa: E402
from crypto_bt.defs.backing_up import back_up, local_place, size_of  # noqa: E402
from crypto_bt.defs.compacting import compact  # noqa: E402
from crypto_bt.runtime.disk import folder_sizes  # noqa: E402
from crypto_bt.store import objects_stored, write_atomically  # noqa: E402
from crypto_bt.store.backup_manifests import MARKET, backup_names, read_backup  # noqa: E402
from crypto_bt_tests.defs.desk_home import DeskHome, desk_home  # noqa: E402

START = datetime(2026, 10, 31, 0, 30, tzinfo=UTC)
DAYS, WEEKS, HOURS = 365, 3, 48
CANDLES = ["candles_1h", "candles_4h", "candles_1d"]
LIMIT_MB = 250


def live(home: DeskHome) -> None:
    """Three weeks of updates and backups, ending with two days of a publish every two hours."""
    assert home.update(days=DAYS, assets=CANDLES).success
    for day in range(1, WEEKS * 7 + 1):
        last = day > WEEKS * 7 - HOURS // 24
        for hour in range(2, 25, 2) if last else (24,):
            home.clock.now = START + timedelta(days=day - 1, hours=hour)
            assets = CANDLES if hour == 24 else CANDLES[:2]
            assert home.update(days=2, assets=assets).success
        back_up(home.desk, "daily", home.clock.now)
        if home.clock.now.isoweekday() == 7:
            compact(home.desk, home.clock.now)
    compact(home.desk, home.clock.now)


def market_bytes_of_backups(home: DeskHome) -> int:
    """Bytes of the pieces that only the market part of the backups needs."""
    place = local_place(home.desk)
    sizes = place.names("objects")
    backups = [read_backup(place, name) for name in backup_names(place)]
    needed = {stored for backup in backups for item in backup.of(MARKET) for stored in item.stored}
    return sum(sizes[stored] for stored in needed)


def main() -> None:
    """Measure, and write the evidence."""
    with tempfile.TemporaryDirectory() as folder, desk_home(Path(folder) / "home", UNIVERSE, START) as home:
        live(home)
        desk = home.desk
        current = desk.store.current()
        assert current is not None
        stored = objects_stored(desk.store.root)
        datasets: Counter[str] = Counter()
        for ref in current.objects:
            datasets[ref.dataset] += ref.bytes
        store, backups = sum(stored.values()), market_bytes_of_backups(home)
        evidence = {
            "campaign": "size",
            "commit": commit(),
            "symbols": len(UNIVERSE),
            "days": DAYS + WEEKS * 7,
            "snapshots": len(desk.store.snapshots()),
            "objects": len(stored),
            "local_backups": len(backup_names(local_place(desk))),
            "newest_snapshot_mb": {name: round(size / 1e6, 2) for name, size in sorted(datasets.items())},
            "store_with_snapshots_mb": round(store / 1e6, 1),
            "market_in_backups_mb": round(backups / 1e6, 1),
            "market_in_all_mb": round((store + backups) / 1e6, 1),
            "limit_mb": LIMIT_MB,
            "all_backups_with_dagster_mb": round(size_of(local_place(desk)) / 1e6, 1),
            "folders_mb": {name: round(size / 1e6, 1) for name, size in folder_sizes(desk.home.root).items()},
        }
        write_atomically(ROOT / "docs/evidence/size.json", (json.dumps(evidence, indent=2) + "\n").encode())
        sys.stdout.write(json.dumps(evidence) + "\n")
        sys.exit(0 if store + backups <= LIMIT_MB * 1e6 else 1)


if __name__ == "__main__":
    main()
