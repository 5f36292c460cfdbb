"""crypto-bt alerts and deadman, as a person or cron calls them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from dagster._daemon.types import DaemonHeartbeat
from typer.testing import CliRunner

from crypto_bt.alerts import AlertOffice, open_alerts
from crypto_bt.cli import app
from crypto_bt.commands.deadman import tell
from crypto_bt.core.dead_man import switch_alerts
from crypto_bt.core.errors import UsageError
from crypto_bt.core.supervision_alerts import part_alerts
from crypto_bt.defs.execute import open_instance
from crypto_bt.defs.heartbeats import DAEMONS
from crypto_bt.runtime.home import Home
from crypto_bt.settings import load_settings, render_example
from crypto_bt.simulator.telegram import LoopbackTelegram, running
from crypto_bt_tests.alerts.samples import CHAT, TOKEN, alert, critical

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class Called:
    """A home and the commands on it."""

    root: Path
    telegram: LoopbackTelegram

    @property
    def office(self) -> AlertOffice:
        """The home's."""
        return open_alerts(self.root, load_settings(self.root).alert_wiring, lambda: NOW)

    def call(self, *arguments: str, code: int = 0) -> str:
        """What a command prints."""
        result = CliRunner().invoke(app, [*arguments, "--home", str(self.root)])
        assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
        return result.output

    def call_json(self, *arguments: str, code: int = 0) -> Any:
        """The JSON object that it prints."""
        result = CliRunner().invoke(app, [*arguments, "--json", "--home", str(self.root)])
        assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
        return json.loads(result.stdout)

    def refused(self, *arguments: str) -> str:
        """The sentence with which it refuses."""
        result = CliRunner().invoke(app, [*arguments, "--home", str(self.root)])
        assert isinstance(result.exception, UsageError)
        return str(result.exception)


@contextmanager
def home_with(root: Path, **settings: str) -> Iterator[Called]:
    with running(LoopbackTelegram(TOKEN, lambda: 0.0)) as telegram:
        values = {
            "FIXED_NOW": NOW.isoformat(),
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_CHAT_ID": CHAT,
            "TELEGRAM_API_URL": telegram.url,
            **settings,
        }
        Home(root).prepare(render_example(), values)
        yield Called(root, telegram)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Called]:
    """A home with Telegram."""
    with home_with(tmp_path / "home") as made:
        yield made


def beat(root: Path, at: datetime) -> None:
    """Every daemon gives a sign of life."""
    with open_instance(Home(root)) as instance:
        for daemon in DAEMONS:
            instance.add_daemon_heartbeat(DaemonHeartbeat(at.timestamp(), daemon, "0" * 8, []))


def test_test_sends_through_every_channel(home: Called) -> None:
    told = home.call("alerts", "test")
    assert "telegram: sent 1" in told
    assert "log: sent" in told
    assert "This is a test" in home.telegram.sent[0].text


def test_test_says_what_failed_and_never_the_token(tmp_path: Path) -> None:
    with home_with(tmp_path, TELEGRAM_API_URL="http://127.0.0.1:1") as home:
        told = home.call("alerts", "test", code=3)
        assert "telegram: FAILED" in told
        assert TOKEN not in told


def test_test_without_telegram_says_how_to_set_it_up(tmp_path: Path) -> None:
    with home_with(tmp_path, TELEGRAM_BOT_TOKEN="") as home:
        assert "Set TELEGRAM_BOT_TOKEN" in home.call("alerts", "test", code=3)
        assert home.call_json("status", code=3)["telegram"] == "not set up"


def test_list_and_show_tell_everything(home: Called) -> None:
    home.office.send(critical())
    home.office.send(critical())
    home.office.deliver()
    listed = home.call_json("alerts", "list")
    [standing] = listed["standing"]
    assert (standing["id"], standing["count"]) == (critical().id, 2)
    assert listed["told"][0]["deliveries"] == {"log": "sent", "telegram": "sent"}
    assert critical().id in home.call("alerts", "list")
    told = home.call("alerts", "show", critical().id[:4])
    for expected in (
        "57 of 60 symbols",
        "crypto-bt data repair",
        "telegram: sent",
        "docs/alerts.md#data_age",
    ):
        assert expected in told


def test_show_unknown_is_refused_with_the_command(home: Called) -> None:
    assert "alerts list" in home.refused("alerts", "show", "nothing")


def test_mute_and_unmute(home: Called) -> None:
    assert "gap_not_fillet" in home.refused("alerts", "mute", "gap_not_fillet")
    home.call("alerts", "mute", "data_age", "--hours", "6")
    home.office.send(critical())
    home.office.deliver()
    assert home.telegram.sent == []
    assert "Muted: data_age" in home.call("alerts", "list")
    home.call("alerts", "unmute", "data_age")
    assert "not muted" in home.refused("alerts", "unmute", "data_age")
    home.office.deliver()
    assert len(home.telegram.sent) == 1


def test_resend(home: Called) -> None:
    home.office.send(critical())
    home.office.deliver()
    assert home.call_json("alerts", "resend", critical().id)["channels"] == 2


def test_status_tells_what_stands_and_that_nothing_arrives(tmp_path: Path) -> None:
    with home_with(tmp_path, TELEGRAM_API_URL="http://127.0.0.1:1") as home:
        for minutes in (0, 5, 10):
            now = NOW + timedelta(minutes=minutes)
            office = open_alerts(home.root, load_settings(home.root).alert_wiring, lambda now=now: now)
            office.send(critical())
            office.deliver()
        home.office.send(alert("freshness", "x", severity=alert().severity.INFO))
        told = home.call_json("status", code=3)
        assert [item["cause"] for item in told["alerts"]] == ["data_age"]
        assert any("Alerts do not arrive by telegram, 3 failures" in text for text in told["wrong"])


@contextmanager
def watcher(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """Whoever is called while all is alive."""
    calls: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/canary-secret", calls
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_deadman_alive_calls_the_address_dead_tells_a_person(tmp_path: Path) -> None:
    with watcher() as (url, calls), home_with(tmp_path, DEADMAN_URL=url) as home:
        beat(tmp_path, NOW - timedelta(seconds=601))
        told = home.call("deadman", "--max-age", "600", code=3)
        assert "SENSOR gave its last sign of life 10 min ago, limit 10 min." in told
        home.call("deadman", "--max-age", "600", code=3)
        assert calls == []
        assert len(home.telegram.sent) == 1, "without Dagster, at once, once"
        assert "CRITICAL daemon_dead" in home.telegram.sent[0].text
        beat(tmp_path, NOW - timedelta(seconds=600))
        assert "was called" in home.call("deadman", "--max-age", "600")
        assert calls == ["/canary-secret"]
        assert home.office.history.standing() == []


def test_deadman_each_trouble_has_its_own_cause_and_its_own_end(tmp_path: Path) -> None:
    with home_with(tmp_path) as home:
        office = home.office
        both = switch_alerts(["SENSOR is silent."], {"candles_1h": "Too old."}, "51 h old.", NOW, "")
        tell(office, both)
        assert [(t.alert.cause, t.alert.where) for t in office.history.standing()] == [
            (found.cause, found.where) for found in sorted(both, key=lambda found: found.id)
        ]
        assert len({found.where for found in both}) == 3
        office.send(alert("data_age"))
        [well, *_] = part_alerts("daemon", "well", "daemon runs and answers.", NOW, "log", "")
        office.send(well)
        assert {t.alert.cause for t in office.history.standing()} == {"backup", "data_age"}
        tell(office, both[2:])
        standing = [(t.alert.cause, t.alert.where) for t in office.history.standing()]
        assert sorted(standing) == [("backup", "dead-man's switch"), ("data_age", "candles_1h")]
        tell(office, [])
        assert [t.alert.cause for t in office.history.standing()] == ["data_age"]


def test_deadman_address_that_refuses_is_said_without_it(tmp_path: Path) -> None:
    with watcher(500) as (url, _), home_with(tmp_path, DEADMAN_URL=url) as home:
        beat(tmp_path, NOW)
        told = home.call("deadman", code=3)
        assert "Not called: DEADMAN_URL answered 500." in told
        assert "canary-secret" not in told
