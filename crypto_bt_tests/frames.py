"""Frames for tests that need candles and do not care for their prices."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from crypto_bt.core.schemas import CANDLE_SCHEMA


def candle_frame(times: Sequence[datetime], symbol: str = "BTCUSDT", price: float = 1.0) -> pl.DataFrame:
    """Flat candles of ``symbol`` with these open times, sorted."""
    n = len(times)
    values = {name: [price] * n for name in ("open", "high", "low", "close", "volume")}
    nulls = {name: [None] * n for name in ("quote_volume", "trades", "taker_buy_volume")}
    frame = pl.DataFrame(
        {"symbol": [symbol] * n, "open_time": list(times), **values, **nulls}, schema=CANDLE_SCHEMA
    )
    return frame.sort("open_time")
