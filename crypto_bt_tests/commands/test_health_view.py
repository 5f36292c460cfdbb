"""``crypto-bt status`` with the system's health, live too, and ``crypto-bt slo``."""

import json
import re
import signal
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from crypto_bt.cli import app
from crypto_bt.commands.health_view import headline, rendered
from crypto_bt.core.disk_room import DiskRoom
from crypto_bt.core.errors import UsageError
from crypto_bt.core.health import decide
from crypto_bt.core.service_level import Change, State
from crypto_bt.core.vital_signs import HealthLimits, ProcessSeen, Readings, Serving
from crypto_bt.runtime.home import Home
from crypto_bt.settings import render_example
from crypto_bt.store.uptime_ledger import KEPT, begin, read_changes, record_change
from crypto_bt_tests.command_line import start

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Home(tmp_path / "home").prepare(render_example(), {"DISK_MINIMUM_SHARE": "0"})
    return tmp_path / "home"


def test_live_view_shows_processes_and_reasons() -> None:
    parts = (
        ProcessSeen("supervisor", "11:1:boot", age=4_000.0, silent=20.0, memory_mb=50.0),
        ProcessSeen("daemon"),
    )
    readings = Readings(
        Serving.UP, parts, {"SENSOR": 25.0}, 700.0, 2, 12.5, "", DiskRoom(50 << 30, 100 << 30)
    )
    found = decide(readings, [], HealthLimits(), NOW)
    console = Console(file=StringIO(), width=120)
    console.print(rendered(found, readings, [found.sample], {"11:1:boot": 0.31}, NOW, ""))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for words in (
        "Health: DEAD",
        "31%",
        "1:06:40",
        "gone",
        "The process daemon does not run",
        "SENSOR 25 s",
        "■",
    ):
        assert words in text
    idle = Readings(Serving.NOTHING, (), {}, 0.0, 0, None, "", DiskRoom(50 << 30, 100 << 30))
    assert "crypto-bt up --home x" in headline(decide(idle, [], HealthLimits(), NOW), idle, " --home x")


def test_status_of_a_home_whose_supervisor_was_killed_is_dead(home: Path) -> None:
    (home / "service.lock.holder").write_text("crypto-bt up (process 999999999)")
    done = CliRunner().invoke(app, ["status", "--json", "--home", str(home)])
    told = json.loads(done.stdout)["health"]
    assert done.exit_code == 3
    assert (told["status"], told["serving"]) == ("dead", "died")


def test_watch_is_no_json(home: Path) -> None:
    done = CliRunner().invoke(app, ["status", "--watch", "--json", "--home", str(home)])
    assert isinstance(done.exception, UsageError)


def test_ctrl_c_ends_the_live_view_quietly(home: Path) -> None:
    with start("status", "--watch", "--home", str(home)) as process:
        assert process.stdout is not None
        assert "Health: HEALTHY; nothing is running" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


def test_slo_tells_uptime_and_nights_and_whether_the_promise_was_kept(home: Path) -> None:
    runner, now = CliRunner(), datetime.now(UTC)
    empty = runner.invoke(app, ["slo", "--home", str(home)])
    assert empty.exit_code == 3
    assert "No uptime is recorded" in empty.stdout
    record_change(home, Change(now - timedelta(hours=1), State.UP))
    (home / "supervisor.json").write_text(json.dumps({"beat": now.isoformat()}))
    told = json.loads(runner.invoke(app, ["slo", "--json", "--home", str(home)]).stdout)
    values = {each["name"]: each["value"] for each in told["promises"]}
    assert (values["uptime"], values["recovery"], values["restore"]) == (1.0, None, None)
    record_change(home, Change(now - timedelta(minutes=30), State.DOWN))
    done = runner.invoke(app, ["slo", "--home", str(home)])
    assert done.exit_code == 3
    [line] = [line for line in done.stdout.splitlines() if line.startswith("back at work within")]
    assert re.search(r"18\d\d s at most, 18\d\d s median of 1", line)
    assert line.endswith("NOT KEPT")


def test_supervisor_that_begins_notes_that_the_one_before_was_killed(home: Path) -> None:
    long_ago = NOW - KEPT - timedelta(days=3)
    for days in (0, 1):
        record_change(home, Change(long_ago + timedelta(days=days), State.UP))
    record_change(home, Change(NOW - timedelta(hours=5), State.UP))
    with (home / "uptime.jsonl").open("a") as file:
        file.write('{"time": "2026-')
    begin(home, NOW - timedelta(hours=2), NOW)
    record_change(home, Change(NOW + timedelta(seconds=20), State.UP))
    assert [(change.time, change.state) for change in read_changes(home)] == [
        (long_ago + timedelta(days=1), State.UP),
        (NOW - timedelta(hours=5), State.UP),
        (NOW - timedelta(hours=2), State.DOWN),
        (NOW, State.DOWN),
        (NOW + timedelta(seconds=20), State.UP),
    ]
