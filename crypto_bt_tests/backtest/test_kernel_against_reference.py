"""The kernel and a slow simulator written from the text agree, on nasty invented markets and on real ones."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.backtest import simulate, targets
from crypto_bt.backtest.contracts import Contract, contract_tiers
from crypto_bt.backtest.rules import Costs, Distance, Exits, Rules, Sizing
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import CANDLE_SCHEMA, FUNDING_SCHEMA
from crypto_bt.strategies import build_strategy
from crypto_bt_tests.backtest.markets import START
from crypto_bt_tests.backtest.nasty_markets import Nastiness, nastiness, nasty_market, nasty_rules
from crypto_bt_tests.backtest.reference_campaign import check_market, check_seed, compare
from crypto_bt_tests.backtest.reference_market import reference_accounts
from crypto_bt_tests.recorded import RECORDED, needs_recorded

SEEDS = st.integers(0, 2**32 - 1)
TROUBLE = st.builds(
    Nastiness,
    bars=st.sampled_from([3, 20, 60, 120]),
    wild=st.sampled_from([0.001, 0.006, 0.02]),
    limit_moves=st.sampled_from([0.0, 0.004, 0.03]),
    gaps=st.sampled_from([0.0, 0.03, 0.2]),
    still=st.sampled_from([0.0, 0.1]),
    dry=st.sampled_from([0.0, 0.1]),
    funding=st.sampled_from([0.0, 0.0003, 0.002, 0.02]),
    marks_missing=st.sampled_from([None, 0.0, 0.1, 0.7]),
    finer_missing=st.sampled_from([None, 0.0, 0.05]),
    filters=st.sampled_from(["none", "fine", "coarse"]),
    tiers=st.booleans(),
    change=st.sampled_from([0.05, 0.3, 0.7]),
    weights=st.booleans(),
    own_levels=st.sampled_from([0.0, 0.5]),
    wrong_side=st.sampled_from([0.0, 0.2]),
    atr_missing=st.sampled_from([0.0, 0.3]),
)


@settings(max_examples=150, deadline=None)
@given(market=SEEDS, rules=SEEDS, how=TROUBLE)
def test_kernel_agrees_with_the_reference_on_nasty_markets(market: int, rules: int, how: Nastiness) -> None:
    note = f"market {market}, rules {rules}, {how}"
    assert check_market(nasty_market(market, how), nasty_rules(rules), note)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_kernel_agrees_with_the_reference_on_hourly_bars(seed: int) -> None:
    how = replace(nastiness(seed), finer_missing=None)
    market = nasty_market(seed, how, Timeframe.H1)
    assert check_market(market, nasty_rules(seed), f"seed {seed}", Timeframe.H1)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_kernel_agrees_with_the_reference_on_targets_of_coarser_bars(seed: int) -> None:
    """Four-hourly targets, each tenth missing, on hourly bars."""
    market = nasty_market(seed, replace(nastiness(seed), bars=120, finer_missing=None), Timeframe.H1)
    begins = pl.col("open_time").dt.hour() % 4 == 0
    coarse = market.targets.filter(begins).sample(fraction=0.9, seed=seed)
    assert check_market(
        replace(market, targets=coarse), nasty_rules(seed), f"seed {seed}", Timeframe.H1, Timeframe.H4
    )


def test_a_sample_of_the_campaign_meets_everything_the_rules_know() -> None:
    first = 20_000
    seen: Counter[str] = Counter()
    for seed in range(first, first + 120):
        seen += check_seed(seed)
    expected = {
        "signal", "stop", "target", "liquidation", "gap", "open", "time",
        "refused", "decided_finer", "decided_by_stop",
    }  # fmt: skip
    assert {name for name in expected if seen[name] >= 5} == expected, f"seeds from {first}: {seen}"


RECORDED_RULES = {
    "donchian_breakout": Rules(
        Costs(slippage_bps=2.0, range_share=0.02),
        Exits(stop_loss=Distance(0.05), trail_after=Distance(0.04), trail_by=Distance(0.03)),
    ),
    "ema_cross": Rules(
        exits=Exits(
            stop_loss=Distance(0.02), take_profit=Distance(0.03), scale_out_at=Distance(0.015), time_stop=30
        ),
        sizing=Sizing(exposure=3.0, risk_per_trade=0.02),
    ),
    "rsi_reversion": Rules(
        Costs(impact=0.01),
        Exits(take_profit=Distance(0.12), break_even_after=Distance(0.03)),
        Sizing(exposure=2.5, leverage=10.0),
    ),
}


@needs_recorded
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("donchian_breakout", {"channel": 10}),
        ("ema_cross", {"fast": 3, "slow": 9}),
        ("rsi_reversion", {}),
    ],
)
def test_kernel_agrees_with_the_reference_on_recorded_markets(
    name: str, parameters: dict[str, object]
) -> None:
    bars = pl.read_parquet(RECORDED / "candles_4h.parquet").filter(
        pl.col("open_time") >= START - timedelta(days=360)
    )
    symbols = bars["symbol"].unique().sort()[::6].to_list()
    bars = (
        bars.filter(pl.col("symbol").is_in(symbols))
        .with_columns(taker_buy_volume=pl.lit(None, pl.Float64))
        .select(*CANDLE_SCHEMA)
        .sort("symbol", "open_time")
    )
    rates = pl.read_parquet(RECORDED / "funding.parquet").filter(pl.col("symbol").is_in(symbols))
    rates = rates.with_columns(funding_time="funding_slot").select(*FUNDING_SCHEMA)
    marks = pl.read_parquet(RECORDED / "mark_1h.parquet").filter(pl.col("symbol").is_in(symbols))
    finer = pl.read_parquet(RECORDED / "candles_1h.parquet").filter(pl.col("symbol").is_in(symbols))
    wished = targets(build_strategy(name, parameters), bars)
    contracts = {
        symbol: Contract(lot=1e-3, liquidation_fee=0.0125, tiers=tiers)
        for symbol, tiers in contract_tiers(symbols).items()
    }
    given = {"funding_rates": rates, "mark_prices": marks, "finer": finer, "contracts": contracts}
    rules = RECORDED_RULES[name]
    result = simulate(
        bars, wished, timeframe=Timeframe.H4, rules=rules, initial_capital=1_000.0 * len(symbols), **given
    )
    accounts = reference_accounts(
        bars, wished, length=Timeframe.H4.delta, rules=rules, capital=1_000.0, **given
    )
    seen = compare(result, accounts, 1_000.0, name)
    assert len(result.trades) > (100 if name == "rsi_reversion" else 900)
    assert result.trades["funding"].abs().sum() > 0.0
    assert seen["liquidation"] > 0 or name != "rsi_reversion"
