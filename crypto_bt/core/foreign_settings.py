"""Names that other programs' settings have: an exchange's keys, and what an SQLite store was tuned by."""

import re
from collections.abc import Collection, MutableMapping
from typing import Final

_EXCHANGES: Final = (
    "BINANCE|BITFINEX|BITGET|BITMEX|BYBIT|CCXT|COINBASE|DERIBIT|EXCHANGE|GATEIO|GATE_IO|HTX|HUOBI|"
    "HYPERLIQUID|KRAKEN|KUCOIN|MEXC|OKEX|OKX"
)
_SECRET: Final = "API_?KEY|APIKEY|KEY|SECRET|PASSPHRASE|PASSWORD|PRIVATE_KEY|TOKEN"
#: An exchange somewhere in the name and a secret's word at its end; or the bare words that ccxt uses.
_EXCHANGE_KEY: Final = re.compile(
    rf"(?:(?:.*_)?(?:{_EXCHANGES})_(?:.*_)?(?:{_SECRET})(?:_ID|_FILE)?|API_?KEY|API_?SECRET|SECRET_?KEY)",
    re.IGNORECASE,
)
#: Of the database that the desk's earlier backtest kept its candles in.
_WITHOUT_EFFECT: Final = re.compile(r"SQLITE_[A-Z0-9_]+")
#: What is meant for this program whatever the rest of the name says.
OURS: Final = "CRYPTO_BT_"


def is_exchange_key(name: str) -> bool:
    """Whether an environment variable of this name holds a key of an exchange's account."""
    return _EXCHANGE_KEY.fullmatch(name) is not None


def is_given_to_us(name: str) -> bool:
    """Whether a variable of the environment is a key that somebody meant for this very program."""
    return name.upper().startswith(OURS) and is_exchange_key(name[len(OURS) :])


def has_no_effect(name: str) -> bool:
    """Whether a setting is one of the desk's earlier store, which has nothing to act on here."""
    return _WITHOUT_EFFECT.fullmatch(name) is not None


def foreign_keys(environment: Collection[str]) -> list[str]:
    """Names in ``environment`` of exchange keys that are set for another program, such as the live trader."""
    return sorted(name for name in environment if is_exchange_key(name) and not is_given_to_us(name))


def drop_foreign_keys(environment: MutableMapping[str, str]) -> None:
    """Remove them, so that no child inherits one."""
    for name in foreign_keys(environment):
        del environment[name]


def notices(environment: Collection[str], file: Collection[str]) -> list[str]:
    """What is to be said of the names in the ``environment`` and in a home's settings ``file``."""
    said = []
    foreign = foreign_keys(environment)
    if foreign:
        said.append(
            f"Ignored, and passed on to no process: {', '.join(foreign)}. Market data needs no key; the live "
            "trader's stays its own."
        )
    named = {*environment, *file}
    idle = sorted(name for name in named if has_no_effect(name))
    if idle:
        said.append(
            f"Without effect: {', '.join(idle)}. There is no SQLite store of candles to tune: data lies in "
            "Parquet files that never change. The lines may be removed."
        )
    return said
