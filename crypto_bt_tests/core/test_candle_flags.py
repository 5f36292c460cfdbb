"""Odd candles are reported, and stay."""

from datetime import timedelta

import numpy as np
import polars as pl

from crypto_bt.core.candle_flags import FLAG_SCHEMA, flag_candles
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.core.rows import START

SEED = 11


def market(hours=400, symbol="BTCUSDT"):
    moves = np.random.default_rng(SEED).normal(0, 0.002, hours)
    close = 100 * np.exp(np.cumsum(moves))
    return pl.DataFrame(
        {
            "symbol": [symbol] * hours,
            "open_time": [START + timedelta(hours=hour) for hour in range(hours)],
            "open": close,
            "high": close * 1.001,
            "low": close * 0.999,
            "close": close,
            "volume": np.arange(1.0, hours + 1),
        },
        schema_overrides={"open_time": pl.Datetime("ms", "UTC")},
    )


def changed(frame, rows, **values):
    here = pl.int_range(pl.len()).is_in(rows)
    return frame.with_columns(
        pl.when(here).then(value).otherwise(pl.col(name)).alias(name) for name, value in values.items()
    )


def flags(frame):
    return flag_candles(frame, Timeframe.H1).drop("value").rows()


def test_flag_candles_of_an_ordinary_market_are_none():
    found = flag_candles(market(), Timeframe.H1)

    assert dict(found.schema) == FLAG_SCHEMA
    assert found.is_empty(), f"seed {SEED}"


def test_flag_candles_three_equal_candles_with_volume_are_a_stale_run():
    same = {"open": 90.0, "high": 91.0, "low": 89.0, "close": 90.0, "volume": 5.0}
    calm = market(20)

    assert flags(changed(calm, [10, 11], **same)) == []
    assert flags(changed(calm, [10, 11, 12], **same)) == [
        ("BTCUSDT", START + timedelta(hours=10), "stale run")
    ]
    assert flags(changed(calm, [10, 11, 12], **{**same, "volume": 0.0})) == []


def test_flag_candles_stale_run_does_not_reach_into_the_next_symbol():
    same = {"open": 90.0, "high": 91.0, "low": 89.0, "close": 90.0, "volume": 5.0}
    first = changed(market(10, "AAUSDT"), [8, 9], **same)
    second = changed(market(10, "BBUSDT"), [0, 1], **same)

    assert flags(pl.concat([first, second])) == []


def test_flag_candles_jump_is_judged_by_what_was_before_it():
    frame = market()
    after = frame.with_columns(
        pl.when(pl.int_range(pl.len()) >= 300).then(pl.col("close") * 1.3).otherwise("close").alias("close")
    )

    found = flag_candles(after, Timeframe.H1)

    assert found.select("open_time", "flag").rows() == [(START + timedelta(hours=300), "jump")]
    assert abs(found["value"][0] - np.log(1.3)) < 0.02


def test_flag_candles_move_across_a_gap_is_no_jump():
    frame = market()
    jumped = pl.concat([frame[:300], frame[310:].with_columns(pl.col("close") * 1.5)])

    assert flags(jumped) == []
