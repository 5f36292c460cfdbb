"""``preflight`` and ``init``: what is in the way, line by line, each with what to do."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dagster._core.scheduler.instigation import InstigatorStatus
from typer.testing import CliRunner

from crypto_bt.cli import app
from crypto_bt.core.holds import NIGHT, Hold
from crypto_bt.defs import reaching
from crypto_bt.simulator.telegram import LoopbackTelegram, running
from crypto_bt.store.holds import place_hold
from crypto_bt_tests.alerts.samples import CHAT, TOKEN
from crypto_bt_tests.defs.desk_home import DeskHome, desk_home
from crypto_bt_tests.defs.test_catch_up import switch

NOW = datetime(2026, 3, 10, 0, 40, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DeskHome]:
    """Two days of two symbols, at a clock that stands still for commands too."""
    with (
        running(LoopbackTelegram(TOKEN, NOW.timestamp)) as telegram,
        desk_home(
            tmp_path / "home",
            ("BTCUSDT", "ETHUSDT"),
            NOW,
            TELEGRAM_BOT_TOKEN=TOKEN,
            TELEGRAM_CHAT_ID=CHAT,
            TELEGRAM_API_URL=telegram.url,
        ) as made,
    ):
        yield made


def preflight(home: DeskHome, code: int = 3) -> dict[str, dict[str, Any]]:
    """Its lines by what they are about."""
    result = CliRunner().invoke(app, ["preflight", "--json", "--home", str(home.desk.home.root)])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    told = json.loads(result.stdout)
    assert told["go"] == (code == 0)
    return {line["about"]: line for line in told["lines"]}


def test_empty_home_is_no_go_and_each_line_that_is_not_well_says_what_to_do(home: DeskHome) -> None:
    lines = preflight(home)
    assert lines["exchange"]["go"]
    assert "lists 2 of the 2 followed symbols" in lines["exchange"]["seen"]
    assert lines["Telegram"]["go"]
    assert "backfill" in lines["candles"]["command"]
    assert {about for about, line in lines.items() if not line["go"]} == {
        "candles", "last night", "daemons", "restore drill",
    }  # fmt: skip
    assert all(line["command"] for line in lines.values() if not line["go"])


def test_loaded_home_tells_age_and_coverage_and_what_a_person_stopped(home: DeskHome) -> None:
    assert home.update(days=40).success
    place_hold(home.desk.home.root, Hold(NIGHT, NOW, "anna", "deployment"))
    switch(home, "data_update", InstigatorStatus.STOPPED)
    lines = preflight(home)
    assert lines["candles 1h"]["go"]
    assert "2 of 2 symbols whole" in lines["candles 1h"]["seen"]
    assert "by anna: deployment" in lines["switched off"]["seen"]
    assert lines["schedules"]["seen"] == "switched off: data_update"
    assert not lines["schedules"]["go"]


def test_exchange_that_does_not_answer_is_told_within_its_patience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "PATIENCE_SECONDS", 0.5)
    root = tmp_path / "home"
    monkeypatch.setenv("EXCHANGE_URL", "http://127.0.0.1:9")
    result = CliRunner().invoke(app, ["init", "--home", str(root)])
    assert result.exit_code == 0
    assert "http://127.0.0.1:9 did not answer" in result.output
    assert "Telegram: not set up" in result.output
    assert "TELEGRAM_BOT_TOKEN" in result.output
    assert (root / ".env").exists()
