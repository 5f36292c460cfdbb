"""Settings: documented, refused with name and value, the home's file before the environment."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crypto_bt.core.errors import SettingsError
from crypto_bt.core.universe import UNIVERSE
from crypto_bt.settings import Settings, load_settings, render_example

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name, raising=False)


def test_env_example_equals_the_settings() -> None:
    text = (ROOT / ".env.example").read_text()
    assert text == render_example(), "write .env.example anew from crypto_bt.settings.render_example()"


def test_settings_every_field_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_load_settings_of_an_empty_home_gives_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.SYMBOLS == UNIVERSE
    assert tmp_path == settings.CRYPTO_BT_HOME
    assert settings.WEIGHT_SHARE_SCHEDULED == 0.2


def test_load_settings_example_uncommented_is_accepted(tmp_path: Path) -> None:
    lines = [
        line.removeprefix("#")
        for line in render_example().splitlines()
        if line.startswith("#") and "=" in line
    ]
    lines = [line for line in lines if not line.startswith(" ")]
    assert len(lines) == len(Settings.model_fields)
    (tmp_path / ".env").write_text("\n".join(lines))
    assert load_settings(tmp_path).SYMBOLS == UNIVERSE


def test_load_settings_line_in_the_file_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMISSION_BPS", "1")
    monkeypatch.setenv("SLIPPAGE_BPS", "1")
    (tmp_path / ".env").write_text("COMMISSION_BPS=3\n#SLIPPAGE_BPS=9\n")
    settings = load_settings(tmp_path)
    assert (settings.COMMISSION_BPS, settings.SLIPPAGE_BPS) == (3, 1)


def test_load_settings_all_wrong_ones_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "COVERAGE_MINIMUM=2\nSYMBOLS=BTCUSDT,x!\nCOMISSION_BPS=1\nEXCHANGE_URL=foo\n"
    )
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path)
    text = str(caught.value)
    assert "4 wrong settings" in text
    assert "COVERAGE_MINIMUM='2': Input should be less than 1" in text
    assert "'x!' is not a symbol" in text
    assert "COMISSION_BPS: there is no such setting. Did you mean COMMISSION_BPS?" in text
    assert "EXCHANGE_URL='foo'" in text


def test_load_settings_exchange_key_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", "canary-4711")
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path)
    assert "BINANCE_API_KEY=(hidden)" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_load_settings_fixed_now_is_utc(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FIXED_NOW=2025-12-01T01:00:00+01:00\n")
    assert datetime(2025, 12, 1, tzinfo=UTC) == load_settings(tmp_path).FIXED_NOW


def test_load_settings_symbol_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SYMBOLS=BTCUSDT,ETHUSDT,BTCUSDT\n")
    with pytest.raises(SettingsError, match="named twice: BTCUSDT"):
        load_settings(tmp_path)
