"""Raw candle rows in the exchange's wire shape, and the window they belong to."""

from datetime import UTC, datetime, timedelta

from crypto_bt.core.market import Timeframe, to_milliseconds

START = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = 48
END = START + timedelta(hours=HOURS)


def candle_row(index: int, timeframe: Timeframe = Timeframe.H1, **fields: object) -> list[object]:
    """The ``index``-th candle after START; ``fields`` by name replace what a good one would hold."""
    opened = to_milliseconds(START) + index * timeframe.milliseconds
    row = {
        "open_time": opened,
        "open": f"{100 + index}.5",
        "high": f"{110 + index}.25",
        "low": f"{90 + index}.125",
        "close": f"{101 + index}.0",
        "volume": f"{10 + index}.001",
        "close_time": opened + timeframe.milliseconds - 1,
        "quote_volume": f"{1000 + index}.5",
        "trades": 100 + index,
        "taker_buy_volume": f"{5 + index}.5",
        "taker_buy_quote_volume": "500.0",
        "ignore": "0",
    }
    return list({**row, **fields}.values())


def funding_row(index: int, **fields: object) -> dict[str, object]:
    """The ``index``-th eight-hourly settlement after START, seven milliseconds late."""
    time = to_milliseconds(START) + index * 8 * 3_600_000 + 7
    row = {"symbol": "BTCUSDT", "fundingTime": time, "fundingRate": "0.00010000", "markPrice": "100.5"}
    return {**row, **fields}
