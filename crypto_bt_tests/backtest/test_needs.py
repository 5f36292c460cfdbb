"""Columns that strategies need, as known at each bar's close."""

import random
from datetime import timedelta

import polars as pl
import pytest

from crypto_bt.backtest.needs import NEEDS, join_needs
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import BacktestError
from crypto_bt_tests.backtest.markets import (
    H4,
    candles,
    random_bars,
    random_positioning,
    random_regime,
)

SYMBOLS = ("AAAUSDT", "BBBUSDT")


def bars(count: int) -> pl.DataFrame:
    """Bars of two symbols with their close times."""
    rng = random.Random(5)
    frame = candles({symbol: random_bars(rng, count) for symbol in SYMBOLS})
    return frame.with_columns(close_time=pl.col("open_time") + H4)


@pytest.mark.parametrize("name", NEEDS)
def test_need_names_columns_that_its_dataset_has(name: str) -> None:
    need = NEEDS[name]
    assert {need.known, need.column} <= DATASETS[need.dataset].schema.keys()


def test_join_needs_gives_the_market_s_regime_to_every_symbol_at_its_close() -> None:
    frame, regime = bars(40), random_regime(random.Random(6), 40)
    joined = join_needs(frame, ["volatility_regime"], {"market_regime": regime})
    assert joined.drop("volatility_regime").equals(frame), "rows and their order stay"
    expected = regime["volatility_regime"].cast(pl.Float64).to_list()
    for symbol in SYMBOLS:
        assert joined.filter(symbol=symbol)["volatility_regime"].to_list() == expected


def test_join_needs_regime_of_an_earlier_bar_holds_until_the_next_is_known() -> None:
    frame, regime = bars(10), random_regime(random.Random(6), 3)
    joined = join_needs(frame, ["vix"], {"market_regime": regime}).filter(symbol="AAAUSDT")
    assert joined["vix"].to_list() == [*regime["vix"].to_list(), *[regime["vix"][-1]] * 7]


def test_join_needs_positioning_is_the_newest_available_of_the_symbol_itself() -> None:
    frame, extras = bars(12), random_positioning(random.Random(7), SYMBOLS, 48)
    joined = join_needs(frame, ["long_short_ratio", "open_interest", "taker_buy_sell_ratio"], extras)
    for row in joined.iter_rows(named=True):
        newest = row["close_time"] - timedelta(hours=2)
        known = extras["long_short_ratio"].filter(symbol=row["symbol"], observed_at=newest)
        assert row["long_short_ratio"] == known["long_short_ratio"].item()


def test_join_needs_without_rows_gives_nulls() -> None:
    frame = bars(5)
    joined = join_needs(frame, ["fear_greed", "open_interest"], {})
    assert joined.select("fear_greed", "open_interest").null_count().row(0) == (10, 10)


def test_join_needs_unknown_column_is_refused_with_the_list() -> None:
    with pytest.raises(BacktestError, match=r"no column 'moon_phase' to need\. There are: funding_rate"):
        join_needs(bars(2), ["moon_phase"], {})
