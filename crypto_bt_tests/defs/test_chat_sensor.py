"""Questions in Telegram: answered in the allowed chats, once, and nowhere else."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crypto_bt.core.chat_commands import COMMANDS, command_in
from crypto_bt.defs.build import build_definitions
from crypto_bt_tests.defs.alert_watch import AlertWatch, alert_watch

NOW = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
MINE, STRANGE = 17, 18


def names(watch: AlertWatch) -> set[str]:
    return {sensor.name for sensor in build_definitions(watch.home.desk).sensors or []}


def test_questions_are_answered_in_allowed_chats_once(tmp_path: Path) -> None:
    with alert_watch(
        tmp_path, ("BTCUSDT",), NOW, TELEGRAM_COMMANDS="true", TELEGRAM_ALLOWED_CHAT_IDS=f"{MINE}, 99"
    ) as watch:
        for text in ("/status", "/score@desk_bot now", "hello", "/drop", ""):
            watch.telegram.write(MINE, text)
        watch.telegram.write(STRANGE, "/status")
        watch.tick("telegram_commands")
        assert [sent.chat for sent in watch.telegram.sent] == [str(MINE)] * 2
        assert "Nothing is loaded yet." in watch.texts[0]
        assert "No night yet" in watch.texts[1]
        watch.tick("telegram_commands")
        assert len(watch.telegram.sent) == 2
        watch.telegram.write(MINE, "/help")
        watch.telegram.write(MINE, "/data")
        watch.tick("telegram_commands")
        assert [f"/{name}: " in watch.texts[2] for name in COMMANDS] == [True] * 4
        assert watch.texts[3].startswith("Data")


def test_flood_of_questions_is_cut_short(tmp_path: Path) -> None:
    with alert_watch(
        tmp_path, ("BTCUSDT",), NOW, TELEGRAM_COMMANDS="true", TELEGRAM_ALLOWED_CHAT_IDS=str(MINE)
    ) as watch:
        for _ in range(50):
            watch.telegram.write(MINE, "/help")
        watch.tick("telegram_commands")
        watch.tick("telegram_commands")
        assert len(watch.telegram.sent) == 5


def test_sensor_is_off_by_default(tmp_path: Path) -> None:
    with alert_watch(tmp_path, ("BTCUSDT",), NOW) as watch:
        assert "telegram_commands" not in names(watch)
        assert "alert_outbox" in names(watch)


@pytest.mark.parametrize("text", ["status", "", "  ", "/", "/statu", "//status", "/status@", "/help@x y"])
def test_command_in_whatever_is_written(text: str) -> None:
    found = command_in(text)
    assert (found is not None) == (text in ("/status@", "/help@x y"))
