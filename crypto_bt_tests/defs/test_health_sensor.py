"""The sensor health on a real home: what it sees, keeps, shows, ends and tells."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from crypto_bt.core.health import HealthStatus
from crypto_bt.core.health_history import to_json
from crypto_bt.core.holds import NIGHT, Hold
from crypto_bt.defs.execute import open_instance
from crypto_bt.defs.health_sensor import build_health_sensor
from crypto_bt.defs.night_watch import MARK
from crypto_bt.runtime.processes import mark_of
from crypto_bt.store.health_ledger import MOST, read_looks
from crypto_bt.store.holds import place_hold
from crypto_bt_tests.defs.desk_home import DeskHome, desk_home

START = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DeskHome]:
    with desk_home(tmp_path / "home", ("AAAUSDT",), START, DISK_MINIMUM_SHARE="0") as made:
        yield made


class Looking:
    """The sensor, tick by tick, with its cursor."""

    def __init__(self, home: DeskHome) -> None:
        self._home, self._cursor = home, None
        self.status, self.shown = "", []

    def look(self) -> str:
        """One tick; what it says."""
        with open_instance(self._home.desk.home) as instance:
            context: Any = dg.build_sensor_context(
                instance=instance, cursor=self._cursor, resources={"desk": self._home.desk}
            )
            done = build_health_sensor(60, running=True)(context)
        self._cursor = done.cursor
        self.shown += [dict(event.metadata) for event in done.asset_events]
        return str(done.skip_reason.skip_message)


def run_fails(home: DeskHome) -> None:
    @dg.op
    def breaks() -> None:
        raise ValueError("no")

    @dg.job
    def broken() -> None:
        breaks()

    with open_instance(home.desk.home) as instance:
        assert not broken.execute_in_process(instance=instance, raise_on_error=False).success


def test_home_at_rest_is_healthy_and_shown_once(home: DeskHome) -> None:
    looking = Looking(home)
    assert [looking.look() for _ in range(3)] == ["HEALTHY: All is well."] * 3
    [shown] = looking.shown
    assert shown["level"].value == 2
    assert shown["disk_free_gb"].value > 0
    assert [sample.status for sample in read_looks(home.desk.home.root)] == [HealthStatus.HEALTHY] * 3


def test_six_failed_runs_degrade_it_with_one_alert(home: DeskHome) -> None:
    looking = Looking(home)
    for _ in range(6):
        run_fails(home)
    for _ in range(2):
        assert "Many runs and steps failed in the last hour (6, limit 5)" in looking.look()
    assert [event["status"].value for event in looking.shown] == ["DEGRADED"]
    assert "| 6 | 5 |" in looking.shown[0]["reasons"].value
    [alert] = home.desk.alerts.recent(START - timedelta(days=1))
    assert alert.cause == "many_errors"


def test_store_that_does_not_open_is_dead_until_it_does(home: DeskHome) -> None:
    looking, current = Looking(home), home.desk.home.store / "CURRENT"
    current.write_bytes(b"\x00nonsense")
    assert looking.look().startswith("DEAD: The market store does not open")
    current.unlink()
    assert looking.look().startswith("HEALTHY")
    alerts = home.desk.alerts.recent(START - timedelta(days=1))
    assert [(alert.cause, alert.resolved) for alert in alerts] == [
        ("store_damaged", False),
        ("store_damaged", True),
    ]
    assert [event["level"].value for event in looking.shown] == [0, 2]


def test_supervisor_that_was_killed_is_seen_by_its_holder(home: DeskHome) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        holder = home.desk.home.root / "service.lock.holder"
        holder.write_text(f"crypto-bt up (process {process.pid})")
        looking = Looking(home)
        assert looking.look().startswith("HEALTHY")
        process.kill()
        process.wait()
        assert looking.look().startswith("DEAD: Nothing runs, though nobody stopped it")
        holder.unlink()
        assert looking.look().startswith("HEALTHY")


def test_paused_nights_are_noted_with_every_look(home: DeskHome) -> None:
    place_hold(home.desk.home.root, Hold(NIGHT, START, "anna", "holiday"))
    Looking(home).look()
    assert "by anna: holiday" in read_looks(home.desk.home.root)[-1].nights_off


def test_hung_run_worker_is_killed_with_its_night_and_the_next_look_is_well(
    home: DeskHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crypto_bt.core.health.STARTING_SECONDS", 0.0)
    root = home.desk.home.root
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    marked = {**os.environ, MARK: str(root)}
    with subprocess.Popen(sleep) as worker, subprocess.Popen(sleep, env=marked) as night:
        worker.send_signal(signal.SIGSTOP)
        now, told = datetime.now(UTC), {"worker": mark_of(worker.pid), "night": mark_of(night.pid)}
        beat = (now - timedelta(seconds=240)).isoformat()
        (root / "night.json").write_text(json.dumps({**told, "beat": beat, "heard": beat, "moved": beat}))
        looking = Looking(home)
        assert looking.look().startswith("HEALTHY"), "a single stale heartbeat may be a machine that slept"
        [first] = read_looks(root)
        past = replace(first, time=now - timedelta(seconds=60), silence={told["worker"]: 180.0})
        (root / "health.jsonl").write_text(to_json(past))
        assert "gives no sign of life" in looking.look()
        assert [process.wait(10) for process in (worker, night)] == [-signal.SIGKILL] * 2
    assert looking.look().startswith("HEALTHY")
    alerts = home.desk.alerts.recent(START - timedelta(days=1))
    assert {(alert.cause, alert.where) for alert in alerts} >= {("stalled", "run worker of the night")}
    assert alerts[-1].resolved


def test_history_is_thinned_out_before_it_grows_large(home: DeskHome) -> None:
    looking, ledger = Looking(home), home.desk.home.root / "health.jsonl"
    looking.look()
    line = ledger.read_text().strip()
    moments = [START - timedelta(minutes=minute) for minute in range(MOST + 5, 0, -1)]
    told = json.loads(line)
    ledger.write_text(
        "".join(json.dumps({**told, "time": at.isoformat()}) + "\n" for at in moments) + "{cut off"
    )
    looking.look()
    assert len(ledger.read_text().splitlines()) < 300
    assert looking.look().startswith("HEALTHY")
