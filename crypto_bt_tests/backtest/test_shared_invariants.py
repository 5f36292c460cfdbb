"""What must hold for every portfolio with shared capital, whatever the market and the targets."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.backtest.engine import record
from crypto_bt.backtest.portfolio_rules import PortfolioRules
from crypto_bt.backtest.rules import Distance, Exits, Rules, Sizing
from crypto_bt.backtest.shared_capital import SharedResult, simulate_shared
from crypto_bt.backtest.shared_engine import record_shared
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.nasty_markets import (
    Market,
    nastiness,
    nasty_market,
    nasty_rules,
)
from crypto_bt_tests.backtest.reference_shared_campaign import (
    SYMBOLS,
    arranged,
    lively_market,
    shared_market,
    shared_rules,
)

SEEDS = st.integers(0, 2**32 - 1)
H4 = Timeframe.H4.delta
ROUNDING = 1 + 1e-9
WITH_STOPS = Rules(exits=Exits(stop_loss=Distance(0.03)), sizing=Sizing(leverage=5.0))


def backtest(market: Market, rules: Rules, portfolio: PortfolioRules) -> SharedResult:
    return simulate_shared(
        market.candles, market.targets, timeframe=Timeframe.H4, rules=rules, portfolio=portfolio,
        funding_rates=market.funding_rates, mark_prices=market.mark_prices, finer=market.finer,
        contracts=market.contracts, initial_capital=market.capital,
    )  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_final_equity_is_the_capital_plus_the_net_results_of_all_trades(seed: int) -> None:
    market = shared_market(seed, nastiness(seed))
    result = backtest(market, *shared_rules(seed))
    trades = result.trades
    size = max([market.capital, *(trades["quantity"] * trades["entry_price"])])
    expected = market.capital + trades["net_pnl"].sum()
    assert result.bar_equity["equity"][-1] == pytest.approx(expected, abs=1e-9 * size)
    assert result.daily.portfolio[-1] == result.bar_equity["equity"][-1]


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_no_entry_is_beyond_a_limit_of_the_desk(seed: int) -> None:
    market = lively_market(seed)
    desk = PortfolioRules(max_positions=3, daily_drawdown=None, total_drawdown=None)
    trades = backtest(market, WITH_STOPS, desk).trades.with_columns(
        equity=pl.col("net_pnl") / pl.col("net_return"), notional=pl.col("quantity") * pl.col("entry_price")
    )
    assert not trades.is_empty()
    assert (trades["notional"] <= 0.4 * trades["equity"] * ROUNDING).all()
    assert (trades["notional"] * 0.03 <= 0.02 * trades["equity"] * ROUNDING).all()
    for row in trades.rows(named=True):
        held = trades.filter(
            pl.col("entry_time") <= row["entry_time"], pl.col("exit_time") > row["entry_time"]
        )
        assert len(held) <= 3
        assert held["symbol"].is_unique().all()
        assert held["notional"].sum() * 0.03 <= 0.06 * held["equity"].max() * ROUNDING


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_open_risk_is_within_the_limit_where_prices_alone_moved_it(seed: int) -> None:
    """At a fall the equity shrinks and the risk does not, so it is held against the highest equity so far."""
    market = lively_market(seed)
    result = backtest(market, WITH_STOPS, PortfolioRules(daily_drawdown=None, total_drawdown=None))
    books = result.bar_equity
    assert (books["open_risk"] <= 0.06 * books["equity"].cum_max() * 1.001).all()
    assert (books["positions"] <= 5).all()
    assert (books["cash"] >= 0.0).all()


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_nothing_is_traded_after_a_halt(seed: int) -> None:
    result = backtest(
        lively_market(seed), WITH_STOPS, PortfolioRules(total_drawdown=0.03, daily_drawdown=None)
    )
    halts = result.drawdown_stops
    assert len(halts) <= 1
    if len(halts):
        halted = halts["time"][0]
        assert (result.trades["entry_time"] < halted).all()
        assert (result.trades["exit_time"] <= halted).all()
        after = result.bar_equity.filter(pl.col("open_time") >= halted)
        assert after["equity"].n_unique() <= 1
        assert (after["positions"] == 0).all()


def test_both_drawdown_stops_fire_on_lively_markets() -> None:
    causes = {
        cause
        for seed in range(12)
        for cause in backtest(
            lively_market(seed), WITH_STOPS, PortfolioRules(daily_drawdown=0.02, total_drawdown=0.06)
        ).drawdown_stops["cause"]
    }
    assert causes == {"daily", "total"}


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_no_entry_is_made_in_the_day_after_a_daily_stop(seed: int) -> None:
    result = backtest(
        lively_market(seed), WITH_STOPS, PortfolioRules(daily_drawdown=0.01, total_drawdown=None)
    )
    for time in result.drawdown_stops["time"]:
        since = result.trades["entry_time"] - time
        assert not ((since >= pl.Series([0], dtype=since.dtype)[0]) & (since.dt.total_hours() < 24)).any()


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_the_order_of_the_rows_changes_nothing(seed: int) -> None:
    market, rules = shared_market(seed, nastiness(seed)), shared_rules(seed)
    frames = {
        name: frame.sample(fraction=1.0, shuffle=True, seed=seed)
        for name in ("candles", "targets", "funding_rates", "mark_prices", "finer")
        if (frame := getattr(market, name)) is not None
    }
    result, shuffled = backtest(market, *rules), backtest(replace(market, **frames), *rules)
    assert result.trades.equals(shuffled.trades)
    assert result.bar_equity.equals(shuffled.bar_equity)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_other_names_of_the_symbols_change_nothing_where_ranks_decide(seed: int) -> None:
    market = lively_market(seed)
    order = pl.col("symbol").replace_strict(
        dict(zip(SYMBOLS, range(5), strict=True)), return_dtype=pl.Float64
    )
    market = replace(market, targets=market.targets.with_columns(rank=order))
    names = dict(zip(SYMBOLS, reversed(SYMBOLS), strict=True))
    renamed = replace(
        market,
        contracts={names[symbol]: contract for symbol, contract in market.contracts.items()},
        **{
            name: frame.with_columns(pl.col("symbol").replace(names))
            for name in ("candles", "targets", "funding_rates")
            if (frame := getattr(market, name)) is not None
        },
    )
    portfolio = PortfolioRules(daily_drawdown=0.02, max_positions=2)
    one = backtest(market, WITH_STOPS, portfolio)
    other = backtest(renamed, WITH_STOPS, portfolio)
    times = ("entry_time", "exit_time", "exit_reason")
    mine = one.trades.with_columns(pl.col("symbol").replace(names)).sort("symbol", "entry_time")
    assert mine.select("symbol", *times).equals(other.trades.select("symbol", *times))
    assert one.bar_equity["equity"].to_list() == pytest.approx(other.bar_equity["equity"].to_list())


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, share=st.floats(0.1, 0.95))
def test_truncating_the_future_changes_nothing_before(seed: int, share: float) -> None:
    how = replace(nastiness(seed), bars=240, limit_moves=0.0)
    market, rules = shared_market(seed, how), shared_rules(seed)
    times = market.candles["open_time"].unique().sort()
    cut = times[int((len(times) - 1) * share)]
    last = times.filter(times < cut).max() if (times < cut).any() else None
    if last is None:
        return
    full = backtest(market, *rules)
    early = backtest(replace(market, candles=market.candles.filter(pl.col("open_time") < cut)), *rules)
    ended = pl.col("exit_time") < last + H4
    assert full.trades.filter(ended).equals(early.trades.filter(ended))
    known = pl.col("open_time") < last
    assert full.bar_equity.filter(known).equals(early.bar_equity.filter(known))
    stops = pl.col("time") < last + H4
    assert full.drawdown_stops.filter(stops).equals(early.drawdown_stops.filter(stops))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_a_portfolio_of_one_symbol_without_limits_is_the_separate_account(seed: int) -> None:
    market = nasty_market(seed, nastiness(seed), symbols=SYMBOLS[:1])
    rules = nasty_rules(seed)
    rules = replace(rules, sizing=replace(rules.sizing, risk_per_trade=None))
    free = PortfolioRules(
        risk_per_trade=None, total_risk=None, max_asset_share=None, max_leverage=125.0, max_correlation=None,
        daily_drawdown=None, total_drawdown=None,
    )  # fmt: skip
    bars, signals = arranged(market)
    alone = record(bars, signals, rules, capital=market.capital)
    shared = record_shared(bars, signals, rules, free, capital=market.capital)
    size = max([market.capital, *(alone.trades[:, 3] * alone.trades[:, 4])])
    if alone.equity.min() > 1e-6 * market.capital:
        assert shared.trades == pytest.approx(alone.trades, rel=1e-7, abs=1e-9 * size)
        assert shared.daily == pytest.approx(alone.daily[0], rel=1e-9, abs=1e-9 * size)
