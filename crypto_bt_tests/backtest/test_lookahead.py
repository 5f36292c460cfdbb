"""Cheating strategies are caught, and the catch names the place."""

import random
from dataclasses import dataclass, field
from typing import ClassVar

import polars as pl
import pytest

from crypto_bt.backtest import find_lookahead
from crypto_bt.strategies import Strategy
from crypto_bt_tests.backtest.markets import (
    candles,
    funding,
    random_bars,
    random_funding,
    random_positioning,
    random_regime,
)


@dataclass(frozen=True)
class Suspect(Strategy):
    needs: ClassVar[tuple[str, ...]] = ("funding_rate", "funding_level", "long_short_ratio")
    expression: pl.Expr = field(kw_only=True)

    @property
    def warm_up(self) -> int:
        return 3

    def target(self) -> pl.Expr:
        return self.expression


CLOSE = pl.col("close")
CHEATS = {
    "tomorrow": (CLOSE.shift(-1).over("symbol") - CLOSE).sign(),
    "global_normalisation": (CLOSE - CLOSE.mean()).sign(),
    "mean_of_the_symbol": (CLOSE - CLOSE.mean().over("symbol")).sign(),
    "rank_over_time": (CLOSE.rank().over("symbol") / CLOSE.len().over("symbol") > 0.5).cast(pl.Int8),
    "backward_fill": pl.when(CLOSE.diff() > 0).then(1).otherwise(None).backward_fill().over("symbol"),
    "future_funding": (pl.col("funding_rate").shift(-3).over("symbol")).sign(),
    "future_regime": (pl.col("funding_level").shift(-2).over("symbol")).sign(),
    "future_positioning": (pl.col("long_short_ratio").shift(-1).over("symbol") - 5.0).sign(),
    "centred_window": (CLOSE - CLOSE.rolling_mean(5, center=True).over("symbol")).sign(),
}
HONEST = {
    "momentum": (CLOSE - CLOSE.shift(3)).sign().over("symbol"),
    "cross_section": (CLOSE - CLOSE.mean().over("open_time")).sign(),
    "funding": pl.col("funding_rate").sign(),
    "regime": pl.col("funding_level").sign(),
    "positioning": (pl.col("long_short_ratio") - 5.0).sign(),
    "expanding": (CLOSE - CLOSE.cum_max().over("symbol") * 0.9).sign(),
}


def market() -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    rng = random.Random(3)
    symbols = ["AAAUSDT", "BBBUSDT", "CCCUSDT"]
    bars = candles({symbol: random_bars(rng, 120, gaps=0.02, start=100.0) for symbol in symbols})
    rates = funding([row for symbol in symbols for row in random_funding(rng, symbol, 480)])
    return bars, {
        "funding_rates": rates,
        "market_regime": random_regime(rng, 120),
        **random_positioning(rng, symbols, 480),
    }


@pytest.mark.parametrize("name", CHEATS)
def test_find_lookahead_cheating_strategy_is_caught(name: str) -> None:
    bars, extras = market()
    leak = find_lookahead(Suspect(expression=CHEATS[name]), bars, extras)
    assert leak is not None
    assert leak.open_time <= leak.cut
    assert leak.full != leak.honest
    assert "looks ahead" in str(leak)
    assert leak.symbol in str(leak)


@pytest.mark.parametrize("name", HONEST)
def test_find_lookahead_honest_strategy_is_not_accused(name: str) -> None:
    bars, extras = market()
    assert find_lookahead(Suspect(expression=HONEST[name]), bars, extras, cuts=20) is None


def test_find_lookahead_same_seed_finds_the_same_leak() -> None:
    bars, extras = market()
    suspect = Suspect(expression=CHEATS["tomorrow"])
    assert find_lookahead(suspect, bars, extras, seed=5) == find_lookahead(suspect, bars, extras, seed=5)
