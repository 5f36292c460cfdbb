"""Names of other programs' settings: which are keys, which are dropped, what is told."""

import pytest

from crypto_bt.core.foreign_settings import (
    drop_foreign_keys,
    foreign_keys,
    has_no_effect,
    is_exchange_key,
    notices,
)
from crypto_bt.settings import Settings


@pytest.mark.parametrize(
    "name",
    ["BINANCE_API_KEY", "BINANCE_API_SECRET", "binance_secret_key", "LIVE_BINANCE_FUTURES_API_KEY", "API_KEY",
     "API_SECRET", "OKX_PASSPHRASE", "BYBIT_SECRET", "EXCHANGE_API_KEY", "BINANCE_PRIVATE_KEY_FILE"],
)  # fmt: skip
def test_is_exchange_key_of_one(name: str) -> None:
    assert is_exchange_key(name)


@pytest.mark.parametrize(
    "name", ["FRED_API_KEY", "TELEGRAM_BOT_TOKEN", "BINANCE_URL", "PATH", "SSH_KEY", "EXCHANGE_URL", "KEYS"]
)
def test_is_exchange_key_of_none(name: str) -> None:
    assert not is_exchange_key(name)


def test_is_exchange_key_of_our_own_settings_is_only_the_one_that_must_stay_empty() -> None:
    assert [name for name in Settings.model_fields if is_exchange_key(name)] == ["BINANCE_API_KEY"]
    assert [name for name in Settings.model_fields if has_no_effect(name)] == []


def test_drop_foreign_keys_leaves_all_else() -> None:
    environment = {"PATH": "/bin", "BINANCE_API_KEY": "a", "OKX_SECRET": "b", "FRED_API_KEY": "c"}
    assert foreign_keys(environment) == ["BINANCE_API_KEY", "OKX_SECRET"]
    drop_foreign_keys(environment)
    assert environment == {"PATH": "/bin", "FRED_API_KEY": "c"}


def test_notices_name_no_value_and_are_silent_where_nothing_is_set() -> None:
    assert notices({"PATH": "/bin"}, {"SYMBOLS": "x"}) == []
    told = notices({"OKX_SECRET": "canary"}, {"SQLITE_WAL": "canary"})
    assert len(told) == 2
    assert "canary" not in "".join(told)
