"""What every strategy must keep: a new file in strategies/ is tested here without being listed.

If your strategy fails: look back only with ``.over("symbol")``, look across only with ``.over("open_time")``
(not one inside the other: see FrameStrategy), never use a statistic of the whole column, and declare a
``warm_up`` that covers your longest window. Beside the defaults, two more members of each grid are tested.
"""

import polars as pl
import pytest

from crypto_bt.backtest import find_lookahead, targets
from crypto_bt.backtest.needs import needs_named
from crypto_bt.backtest.signals import bars_since_gap
from crypto_bt.strategies import Strategy, build_strategy, strategy_classes, strategy_names
from crypto_bt_tests.recorded import RECORDED, needs_recorded
from crypto_bt_tests.strategies.generic_market import market


def members() -> list[tuple[str, Strategy]]:
    """The defaults, the middle and the last of each grid, with a name for the report."""
    found = []
    for name, cls in strategy_classes().items():
        grid = cls.grid()
        for index in sorted({0, len(grid) // 2, len(grid) - 1}):
            found.append((f"{name}-{index}", grid[index]))
    return found


MEMBERS = [pytest.param(strategy, id=name) for name, strategy in members()]


@pytest.mark.parametrize("strategy", MEMBERS)
def test_strategy_is_deterministic_and_independent_of_row_order(strategy: Strategy) -> None:
    bars, extras = market(500)
    first = targets(strategy, bars, extras)
    assert first.equals(targets(strategy, bars, extras))
    assert first.equals(targets(strategy, bars.sample(fraction=1.0, shuffle=True, seed=1), extras))


@pytest.mark.parametrize("strategy", MEMBERS)
def test_strategy_does_not_look_ahead(strategy: Strategy) -> None:
    bars, extras = market(strategy.warm_up + 250)
    assert find_lookahead(strategy, bars, extras, cuts=6) is None


@needs_recorded
@pytest.mark.parametrize("name", strategy_names())
def test_strategy_does_not_look_ahead_on_recorded_candles(name: str) -> None:
    strategy = build_strategy(name)
    bars = pl.read_parquet(RECORDED / f"{strategy.timeframe.dataset}.parquet").drop("source")
    chosen = bars["symbol"].unique().sort()[::12].to_list()
    assert find_lookahead(strategy, bars.filter(pl.col("symbol").is_in(chosen)), cuts=4) is None


@pytest.mark.parametrize("strategy", MEMBERS)
def test_strategy_is_flat_during_its_warm_up(strategy: Strategy) -> None:
    bars, extras = market(strategy.warm_up + 100)
    given = targets(strategy, bars, extras)
    cold = bars_since_gap(given, strategy.timeframe) < strategy.warm_up
    assert given.filter(cold)["target"].unique().to_list() in ([], [0])


@pytest.mark.parametrize("name", strategy_names())
def test_strategy_trades_after_its_warm_up(name: str) -> None:
    strategy = build_strategy(name)
    bars, extras = market(strategy.warm_up + 300)
    given = targets(strategy, bars, extras)["target"]
    assert given.abs().sum() > 0
    assert given.is_between(-100, 100).all()


@pytest.mark.parametrize("strategy", MEMBERS)
def test_strategy_survives_less_history_than_its_warm_up(strategy: Strategy) -> None:
    bars, extras = market(max(2, strategy.warm_up))
    assert targets(strategy, bars, extras)["target"].abs().sum() == 0 or strategy.warm_up == 0


@pytest.mark.parametrize("strategy", MEMBERS)
def test_strategy_without_the_data_it_needs_does_not_fail(strategy: Strategy) -> None:
    bars, _ = market(strategy.warm_up + 50)
    assert targets(strategy, bars).height == bars.height


@pytest.mark.parametrize("name", strategy_names())
def test_strategy_grid_begins_with_the_defaults_and_repeats_nothing(name: str) -> None:
    cls = type(build_strategy(name))
    grid, exits = cls.grid(), cls.exit_grid()
    assert grid[0] == build_strategy(name)
    assert len(set(grid)) == len(grid) <= 32
    assert len(set(exits)) == len(exits)


@pytest.mark.parametrize("name", strategy_names())
def test_strategy_needs_exist_and_its_docstring_says_the_idea(name: str) -> None:
    strategy = build_strategy(name)
    assert needs_named(strategy.needs).keys() == set(strategy.needs)
    assert len((type(strategy).__doc__ or "").split()) >= 5
