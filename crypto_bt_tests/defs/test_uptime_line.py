"""The digest carries the uptime, once there is one."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crypto_bt.core.service_level import Change, State
from crypto_bt.defs.digest_facts import gather_digest
from crypto_bt.store.uptime_ledger import record_change
from crypto_bt_tests.defs.desk_home import desk_home

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_digest_tells_the_uptime_of_a_week(tmp_path: Path) -> None:
    with desk_home(tmp_path / "home", ("BTCUSDT",), NOW) as home:
        assert not any("Uptime" in line for line in gather_digest(home.desk, NOW).more)
        root = home.desk.home.root
        record_change(root, Change(NOW - 10 * HOUR, State.UP))
        record_change(root, Change(NOW - 2 * HOUR, State.DOWN))
        record_change(root, Change(NOW - HOUR, State.UP))
        (root / "supervisor.json").write_text(json.dumps({"beat": NOW.isoformat()}))
        [line] = [line for line in gather_digest(home.desk, NOW).more if "Uptime" in line]
    assert line == "Uptime of 7 days: 90.000% (promised 99.5%); nights: 0 of 1."
