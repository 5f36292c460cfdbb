"""Raw rows of the hourly positioning feeds, in the exchange's wire shape."""

from crypto_bt.core.market import to_milliseconds
from crypto_bt_tests.core.rows import START

HOUR = 3_600_000


def stamp(index: int) -> int:
    """The ``index``-th hour after START, ms."""
    return to_milliseconds(START) + index * HOUR


def open_interest_row(index: int, **fields: object) -> dict[str, object]:
    row = {
        "symbol": "BTCUSDT",
        "sumOpenInterest": "80485.61500000",
        "sumOpenInterestValue": "5419496040.18806500",
        "timestamp": stamp(index),
    }
    return {**row, **fields}


def long_short_row(index: int, **fields: object) -> dict[str, object]:
    row = {
        "symbol": "BTCUSDT",
        "longAccount": "0.7103",
        "longShortRatio": "2.4518",
        "shortAccount": "0.2897",
        "timestamp": stamp(index),
    }
    return {**row, **fields}


def taker_row(index: int, **fields: object) -> dict[str, object]:
    row = {
        "buySellRatio": "1.5586",
        "buyVol": "387.3300",
        "sellVol": "248.5030",
        "timestamp": stamp(index),
    }
    return {**row, **fields}
