"""Settings: documented, refused with name and value, the home's file before the environment."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from crypto_bt.core.errors import SettingsError
from crypto_bt.core.universe import UNIVERSE
from crypto_bt.core.wholeness import AGE_LIMITS
from crypto_bt.settings import Settings, load_settings, render_example, settings_notices

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


@pytest.mark.parametrize("name", ["BINANCE_API_KEY", "BINANCE_API_SECRET", "EXCHANGE_SECRET"])
def test_load_settings_exchange_key_in_the_home_is_refused_and_not_repeated(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / ".env").write_text(f"{name}=canary-4711\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path)
    assert f"1 wrong setting:\n  {name}=(hidden): an exchange key is set; remove it" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_load_settings_exchange_key_meant_for_us_in_the_environment_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRYPTO_BT_BINANCE_API_KEY", "canary-4711")
    with pytest.raises(SettingsError, match=r"CRYPTO_BT_BINANCE_API_KEY=\(hidden\)"):
        load_settings(tmp_path)


def test_load_settings_exchange_key_of_the_live_trader_is_ignored_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", "canary-4711")
    monkeypatch.setenv("BINANCE_API_SECRET", "canary-4712")
    assert load_settings(tmp_path).BINANCE_API_KEY is None
    (notice,) = settings_notices(tmp_path)
    assert "BINANCE_API_KEY, BINANCE_API_SECRET" in notice
    assert "canary" not in notice


def test_settings_of_the_earlier_store_are_explained_and_refuse_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SQLITE_CACHE_SIZE=-64000\nSQLITE_MMAP_SIZE=1\n")
    assert load_settings(tmp_path).SYMBOLS == UNIVERSE
    (notice,) = settings_notices(tmp_path)
    assert notice.startswith("Without effect: SQLITE_CACHE_SIZE, SQLITE_MMAP_SIZE.")


def test_settings_by_default_are_those_of_the_desk(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.night_time == time(23, 30)
    assert settings.catch_up_window == "23:30-05:00"
    assert settings.age_limits == AGE_LIMITS
    assert (settings.BACKTEST_CAPITAL, settings.BACKTEST_LOOKBACK_CANDLES) == (10_000.0, 250)
    minutes = {
        job: settings.job_limit(job) // timedelta(minutes=1)
        for job in ("data_update", "data_validation", "sentiment_macro_update", "backup", "alert_digest")
    }
    assert list(minutes.values()) == [15, 5, 10, 20, 5]
    assert settings.job_limit("nightly_backtest") == timedelta(minutes=150)


def test_settings_start_hour_moves_the_night_and_its_window(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BACKTEST_START_HOUR=1\n")
    settings = load_settings(tmp_path)
    assert settings.night_time == time(1, 30)
    assert settings.catch_up_window == "01:30-07:00"
    (tmp_path / ".env").write_text("BACKTEST_START_HOUR=1\nBACKTEST_CATCHUP_WINDOW=02:00-03:00\n")
    assert load_settings(tmp_path).catch_up_window == "02:00-03:00"


def test_load_settings_fixed_now_is_utc(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FIXED_NOW=2025-12-01T01:00:00+01:00\n")
    assert datetime(2025, 12, 1, tzinfo=UTC) == load_settings(tmp_path).FIXED_NOW


def test_load_settings_symbol_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SYMBOLS=BTCUSDT,ETHUSDT,BTCUSDT\n")
    with pytest.raises(SettingsError, match="named twice: BTCUSDT"):
        load_settings(tmp_path)


def test_settings_of_telegram_act_under_the_names_of_the_desks_daemon(tmp_path: Path) -> None:
    lines = ["TELEGRAM_BOT_TOKEN=1:" + "x" * 30, "TELEGRAM_BACKTEST_CHANNEL=@desk_nights"]
    (tmp_path / ".env").write_text("\n".join([*lines, "TELEGRAM_CRITICAL_TIMEOUT=7"]))
    wiring = load_settings(tmp_path).alert_wiring
    assert wiring.has_telegram
    assert (wiring.chat, wiring.patience) == ("@desk_nights", 7.0)
    (tmp_path / ".env").write_text("\n".join([*lines, "TELEGRAM_CHAT_ID=42"]))
    assert load_settings(tmp_path).alert_wiring.chat == "42"
