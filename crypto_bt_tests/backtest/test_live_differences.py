"""What pairs differ by: market prices found again, honest ranges, and days at the edge of the comparison."""

import random
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from crypto_bt.backtest import Costs, Distance, Exits, Rules, simulate
from crypto_bt.backtest.live.compare import Comparison, Period, compare_strategy
from crypto_bt.backtest.live.differences import market_prices
from crypto_bt.backtest.live.listed_trades import LIVE_SCHEMA
from crypto_bt.backtest.live.round_trips import RoundTrip
from crypto_bt.backtest.live.summary import FEWEST_DAYS, mean_interval
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.live_log import BAR, BEGAN, Planned, planned_trades, trades_frame
from crypto_bt_tests.backtest.markets import candles, random_bars, random_targets, wanted

DAY = timedelta(days=1)
WHOLE = Period(BEGAN, BEGAN + 365 * DAY)


def test_the_market_price_of_every_entry_is_the_open_that_the_engine_filled_at() -> None:
    rng = random.Random(11)
    symbols = ("AAAUSDT", "BBBUSDT")
    market = candles({symbol: random_bars(rng, 300) for symbol in symbols})
    targets = wanted({symbol: random_targets(rng, 300) for symbol in symbols})
    rules = Rules(
        costs=Costs(slippage_bps=17.0), exits=Exits(stop_loss=Distance(0.04), take_profit=Distance(0.05))
    )
    trades = simulate(market, targets, timeframe=Timeframe.H4, rules=rules).trades
    opens = market.select("symbol", pl.col("open_time").alias("entry_time"), "open")
    found = market_prices(trades).join(opens, on=["symbol", "entry_time"])
    assert found.height == trades.height > 50
    assert {"signal", "stop", "target"} <= set(trades["exit_reason"])
    np.testing.assert_allclose(found["entry_market_price"], found["open"], rtol=1e-11)
    left = found.filter(pl.col("exit_reason") == "signal").join(
        opens, left_on=["symbol", "exit_time"], right_on=["symbol", "entry_time"]
    )
    np.testing.assert_allclose(left["exit_market_price"], left["open_right"], rtol=1e-11)


def test_both_market_prices_together_carry_the_whole_slippage() -> None:
    trades = trades_frame(planned_trades(["BTCUSDT"], 20, seed=2)).with_columns(pl.col("slippage") * 3.7)
    found = market_prices(trades)
    apart = (found["entry_price"] - found["entry_market_price"]).abs()
    apart += (found["exit_price"] - found["exit_market_price"]).abs()
    assert (apart * found["quantity"]).to_list() == pytest.approx(found["slippage"].to_list(), rel=1e-9)


def test_the_range_holds_the_true_mean_as_often_as_it_says() -> None:
    chance = np.random.default_rng(4)
    held = 0
    for number in range(200):
        days = np.repeat(np.arange(40), chance.integers(1, 8, 40))
        # Trades of one day share what the market did on it, and slippage is skewed.
        values = chance.exponential(3.0, 40)[days] + chance.exponential(1.0, len(days))
        interval = mean_interval(values, days, seed=number)
        assert interval is not None
        held += interval.low <= 4.0 <= interval.high
    assert 178 <= held <= 199


def test_the_range_of_equal_values_is_the_value_and_too_few_days_have_none() -> None:
    days = np.arange(FEWEST_DAYS)
    interval = mean_interval(np.full(len(days), 2.5), days, seed=1)
    assert interval is not None
    assert (interval.low, interval.high) == (2.5, 2.5)
    assert mean_interval(np.arange(99.0), np.arange(99) % (FEWEST_DAYS - 1), seed=1) is None


def trade(hour: int, side: int = 1, reason: str = "signal") -> Planned:
    """A trade of BTCUSDT over two bars, entered so many hours after the beginning."""
    entered = BEGAN + timedelta(hours=hour)
    return Planned("BTCUSDT", side, entered, entered + 2 * BAR, 100.0, 101.0, 1.0, reason, {})


def live_of(*trades: Planned, **values: object) -> pl.DataFrame:
    """The same trades as live ones, three seconds late, with ``values`` in every row."""
    late = timedelta(seconds=3)
    rows = [
        {
            "strategy": "s", "symbol": each.symbol, "side": each.side, "entry_time": each.entry_time + late,
            "exit_time": each.exit_time + late, "entry_price": 100.0, "exit_price": 101.0, "quantity": 1.0,
            **values,
        }
        for each in trades
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=LIVE_SCHEMA)


def compared(
    backtest: list[Planned], live: pl.DataFrame, period: Period = WHOLE, before: tuple[RoundTrip, ...] = ()
) -> Comparison:
    """Within one bar."""
    return compare_strategy("s", trades_frame(backtest), live, period, BAR, before)


def test_a_twin_just_outside_the_days_makes_no_trade_missed_or_extra() -> None:
    period = Period(BEGAN + DAY, BEGAN + 2 * DAY)
    late, early = trade(23), trade(49)
    live = live_of(trade(25), trade(47))
    found = compared([late, early], live, period)
    assert (found.pairs.height, found.missed.height, found.extra.height) == (2, 0, 0)


def test_a_pair_wholly_outside_the_days_is_no_pair() -> None:
    period = Period(BEGAN + DAY, BEGAN + 2 * DAY)
    found = compared([trade(22)], live_of(trade(22)), period)
    assert (found.pairs.height, found.outside) == (0, 1)


def test_trades_outside_the_days_are_counted_as_such() -> None:
    period = Period(BEGAN + DAY, BEGAN + 2 * DAY)
    found = compared([trade(0), trade(30), trade(90)], live_of(trade(0), trade(30), trade(60)), period)
    assert (found.pairs.height, found.missed.height, found.extra.height, found.outside) == (1, 0, 0, 2)


def test_a_trade_that_live_held_when_its_file_begins_is_not_missed() -> None:
    held = RoundTrip("s", "BTCUSDT", 1, BEGAN + timedelta(hours=6), opened_before=True)
    backtest = [trade(0), trade(40)]
    assert compared(backtest, live_of(trade(40))).missed.height == 1
    assert compared(backtest, live_of(trade(40)), before=(held,)).missed.height == 0
    held.side = -1
    assert compared(backtest, live_of(trade(40)), before=(held,)).missed.height == 1


def test_nothing_to_match_leaves_figures_undefined() -> None:
    found = compared([trade(0)], live_of())
    assert (found.pairs.height, found.missed.height, found.quantity_ratio) == (0, 1, None)


@pytest.mark.parametrize("reason", ["target", "liquidation", "open", "gap"])
def test_only_market_orders_measure_slippage_at_the_exit(reason: str) -> None:
    (pair,) = compared([trade(0, reason=reason)], live_of(trade(0))).pairs.to_dicts()
    assert pair["entry_market"]
    assert not pair["exit_market"]
    assert pair["same_exit"] == (reason != "open")


def test_a_limit_order_of_the_account_measures_no_slippage() -> None:
    live = live_of(trade(0), entry_maker=True, exit_maker=False)
    (pair,) = compared([trade(0)], live).pairs.to_dicts()
    assert (pair["entry_market"], pair["exit_market"]) == (False, True)


def test_costs_are_in_basis_points_of_the_accounts_own_notional() -> None:
    live = live_of(trade(0), quantity=0.5, commission=0.0402, funding=-0.01)
    (pair,) = compared([trade(0, reason="target")], live).pairs.to_dicts()
    assert pair["commission_live"] == pytest.approx(0.0402 / (0.5 * 201.0) * 10_000)
    assert pair["funding_live"] == pytest.approx(-2.0)
    assert pair["entry_live"] == pytest.approx(0.0)
    assert pair["entry_model"] == pytest.approx(2.0)
    assert pair["quantity_ratio"] == 0.5


def test_a_shorts_slippage_is_a_cost_when_it_sells_lower_and_buys_higher() -> None:
    live = live_of(trade(0, side=-1), entry_price=99.9, exit_price=101.101)
    (pair,) = compared([trade(0, side=-1)], live).pairs.to_dicts()
    assert pair["entry_live"] == pytest.approx(10.0)
    assert pair["exit_live"] == pytest.approx(10.0)
