"""What every strategy must keep: a new file in strategies/ is tested here without being listed.

If your strategy fails: look back only with ``.over("symbol")``, look across only with ``.over("open_time")``,
never use a statistic of the whole column, and declare a ``warm_up`` that covers your longest window.
"""

import random

import polars as pl
import pytest

from crypto_bt.backtest import find_lookahead, targets
from crypto_bt.backtest.needs import needs_named
from crypto_bt.backtest.signals import bars_since_gap
from crypto_bt.strategies import build_strategy, strategy_names
from crypto_bt_tests.backtest.markets import (
    candles,
    funding,
    random_bars,
    random_funding,
    random_positioning,
    random_regime,
)
from crypto_bt_tests.recorded import RECORDED, needs_recorded

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")


def market(count: int, gaps: float = 0.004) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    rng = random.Random(17)
    bars = candles({symbol: random_bars(rng, count, gaps=gaps) for symbol in SYMBOLS})
    rates = funding([row for symbol in SYMBOLS for row in random_funding(rng, symbol, 4 * count)])
    return bars, {
        "funding_rates": rates,
        "market_regime": random_regime(rng, count),
        **random_positioning(rng, SYMBOLS, 4 * count),
    }


@pytest.mark.parametrize("name", strategy_names())
def test_strategy_is_deterministic_and_independent_of_row_order(name: str) -> None:
    bars, extras = market(500)
    first = targets(build_strategy(name), bars, extras)
    assert first.equals(targets(build_strategy(name), bars, extras))
    assert first.equals(
        targets(build_strategy(name), bars.sample(fraction=1.0, shuffle=True, seed=1), extras)
    )


@pytest.mark.parametrize("name", strategy_names())
def test_strategy_does_not_look_ahead(name: str) -> None:
    bars, extras = market(500)
    assert find_lookahead(build_strategy(name), bars, extras, cuts=10) is None


@needs_recorded
@pytest.mark.parametrize("name", strategy_names())
def test_strategy_does_not_look_ahead_on_recorded_candles(name: str) -> None:
    strategy = build_strategy(name)
    bars = pl.read_parquet(RECORDED / f"{strategy.timeframe.dataset}.parquet").drop("source")
    chosen = bars["symbol"].unique().sort()[::12].to_list()
    assert find_lookahead(strategy, bars.filter(pl.col("symbol").is_in(chosen)), cuts=4) is None


@pytest.mark.parametrize("name", strategy_names())
def test_strategy_is_flat_during_its_warm_up_and_trades_after_it(name: str) -> None:
    strategy = build_strategy(name)
    bars, extras = market(strategy.warm_up + 300)
    given = targets(strategy, bars, extras)
    cold = bars_since_gap(given, strategy.timeframe) < strategy.warm_up
    assert given.filter(cold)["target"].unique().to_list() in ([], [0])
    assert given.filter(~cold)["target"].abs().sum() > 0


@pytest.mark.parametrize("name", strategy_names())
def test_strategy_survives_less_history_than_its_warm_up(name: str) -> None:
    strategy = build_strategy(name)
    bars, extras = market(max(2, strategy.warm_up))
    assert targets(strategy, bars, extras)["target"].abs().sum() == 0 or strategy.warm_up == 0


@pytest.mark.parametrize("name", strategy_names())
def test_strategy_needs_exist_and_its_docstring_says_the_idea(name: str) -> None:
    strategy = build_strategy(name)
    assert needs_named(strategy.needs).keys() == set(strategy.needs)
    assert len((type(strategy).__doc__ or "").split()) >= 5
