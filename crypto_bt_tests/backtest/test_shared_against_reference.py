"""The portfolio and a slow one written from the text agree, on nasty invented markets and on real ones."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.backtest import targets
from crypto_bt.backtest.contracts import Contract, contract_tiers
from crypto_bt.backtest.portfolio_rules import PortfolioRules
from crypto_bt.backtest.rules import Costs, Distance, Exits, Rules, Sizing
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import CANDLE_SCHEMA, FUNDING_SCHEMA
from crypto_bt.strategies import build_strategy
from crypto_bt_tests.backtest.markets import START
from crypto_bt_tests.backtest.nasty_markets import Market, nastiness
from crypto_bt_tests.backtest.reference_shared_campaign import (
    assert_agrees,
    assert_seed_agrees,
    shared_market,
    shared_rules,
)
from crypto_bt_tests.recorded import RECORDED, needs_recorded

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=40, deadline=None)
@given(market=SEEDS, rules=SEEDS)
def test_portfolio_agrees_with_the_reference_on_nasty_markets(market: int, rules: int) -> None:
    note = f"market {market}, rules {rules}"
    assert_agrees(shared_market(market, nastiness(market)), *shared_rules(rules), note)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_portfolio_agrees_with_the_reference_on_targets_of_coarser_bars(seed: int) -> None:
    """Four-hourly targets, each tenth missing, on hourly bars."""
    how = replace(nastiness(seed), bars=120, finer_missing=None)
    market = shared_market(seed, how, Timeframe.H1)
    begins = pl.col("open_time").dt.hour() % 4 == 0
    coarse = market.targets.filter(begins).sample(fraction=0.9, seed=seed)
    rules = shared_rules(seed)
    assert_agrees(replace(market, targets=coarse), *rules, f"seed {seed}", Timeframe.H1, Timeframe.H4)


def test_a_sample_of_the_campaign_meets_everything_the_rules_know() -> None:
    seen: Counter[str] = Counter()
    for seed in range(1, 46):
        seen += assert_seed_agrees(seed)
    expected = {
        "signal", "stop", "target", "liquidation", "gap", "open", "time", "drawdown", "daily stop",
        "total stop", "refused waiting", "refused positions", "refused correlation", "refused volatility",
        "refused risk", "refused leverage", "refused cash", "refused order", "decided_finer",
        "decided_by_stop",
    }  # fmt: skip
    assert expected - seen.keys() == set()


RECORDED_RULES = {
    "desk": (
        Rules(exits=Exits(stop_loss=Distance(0.05), trail_after=Distance(0.04), trail_by=Distance(0.03))),
        PortfolioRules(),
    ),
    "never halted": (
        Rules(
            Costs(range_share=0.02, impact=0.01),
            Exits(stop_loss=Distance(0.03), take_profit=Distance(0.06), scale_out_at=Distance(0.02)),
            Sizing(leverage=5.0),
        ),
        PortfolioRules(max_correlation=0.7, daily_drawdown=0.02, total_drawdown=None, target_volatility=0.3),
    ),
    "without stops": (
        Rules(sizing=Sizing(exposure=2.0, leverage=8.0)),
        PortfolioRules(
            risk_per_trade=None, total_risk=0.5, max_positions=4, max_leverage=8.0, max_asset_share=1.5,
            daily_drawdown=0.04, total_drawdown=0.9,
        ),
    ),
}  # fmt: skip


@needs_recorded
@pytest.mark.parametrize(
    ("name", "met", "trades"),
    [
        ("desk", "total stop", 40),
        ("never halted", "refused correlation", 200),
        ("without stops", "daily stop", 150),
    ],
)
def test_portfolio_agrees_with_the_reference_on_recorded_markets(name: str, met: str, trades: int) -> None:
    seen = assert_agrees(recorded_market(), *RECORDED_RULES[name], name)
    ended = sum(seen[reason] for reason in ("signal", "stop", "target", "drawdown", "liquidation"))
    assert ended > trades, seen
    assert seen[met] > 0, seen


def recorded_market() -> Market:
    """180 days of every third symbol, with funding, mark prices, hourly candles and margin tiers."""
    bars = pl.read_parquet(RECORDED / "candles_4h.parquet").filter(
        pl.col("open_time").is_between(START - timedelta(days=240), START - timedelta(days=60))
    )
    symbols = bars["symbol"].unique().sort()[::3].to_list()
    mine = pl.col("symbol").is_in(symbols)
    bars = bars.filter(mine).with_columns(taker_buy_volume=pl.lit(None, pl.Float64)).select(*CANDLE_SCHEMA)
    span = pl.col("open_time").is_between(bars["open_time"].min(), bars["open_time"].max())
    rates = pl.read_parquet(RECORDED / "funding.parquet").filter(mine)
    rates = rates.with_columns(funding_time="funding_slot").select(*FUNDING_SCHEMA)
    return Market(
        candles=bars,
        targets=targets(build_strategy("donchian_breakout", {"channel": 10}), bars),
        funding_rates=rates,
        mark_prices=pl.read_parquet(RECORDED / "mark_1h.parquet").filter(mine & span),
        finer=pl.read_parquet(RECORDED / "candles_1h.parquet").filter(mine & span),
        contracts={
            symbol: Contract(lot=1e-3, liquidation_fee=0.0125, tiers=tiers)
            for symbol, tiers in contract_tiers(symbols).items()
        },
        capital=10_000.0,
    )
