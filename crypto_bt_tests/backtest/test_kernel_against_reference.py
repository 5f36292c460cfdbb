"""The kernel and a slow simulator written from the text agree, on invented markets and on real ones."""

import random
from dataclasses import astuple
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.backtest import Costs, Result, Rules, simulate, targets
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import CANDLE_SCHEMA, FUNDING_SCHEMA
from crypto_bt.strategies import build_strategy
from crypto_bt_tests.backtest.markets import (
    START,
    candles,
    funding,
    random_bars,
    random_funding,
    random_targets,
    wanted,
)
from crypto_bt_tests.backtest.reference import Account, Candle
from crypto_bt_tests.recorded import RECORDED, needs_recorded

RULES = st.builds(
    Rules,
    costs=st.builds(Costs, st.sampled_from([0.0, 5.0, 30.0]), st.sampled_from([0.0, 2.0, 40.0])),
    stop_loss=st.sampled_from([None, 0.004, 0.03, 0.2]),
    take_profit=st.sampled_from([None, 0.006, 0.04, 0.3]),
    leverage=st.sampled_from([0.5, 1.0, 3.0, 20.0, 75.0]),
)


def reference_accounts(
    bars: pl.DataFrame,
    wished: pl.DataFrame,
    rules: Rules,
    rates: pl.DataFrame,
    marks: pl.DataFrame | None,
    capital: float,
) -> dict[str, Account]:
    """The slow simulator on each symbol of the frames; mark prices by rule 18."""
    length = Timeframe.H4.delta
    mark_of = (
        {(row[0], row[1]): row[2] for row in marks.select("symbol", "open_time", "open").rows()}
        if marks is not None
        else {}
    )
    by_symbol: dict[str, list[Candle]] = {}
    at: dict[tuple[str, datetime], Candle] = {}
    wish = {
        (symbol, time): value for symbol, time, value in wished.select("symbol", "open_time", "target").rows()
    }
    for symbol, time, *prices in bars.select("symbol", "open_time", "open", "high", "low", "close").rows():
        candle = Candle(time, *prices, target=wish.get((symbol, time), 0))
        by_symbol.setdefault(symbol, []).append(candle)
        at[symbol, time] = candle
    for symbol, time, rate, mark in rates.select(
        "symbol", "funding_time", "funding_rate", "mark_price"
    ).rows():
        candle = at.get((symbol, Timeframe.H4.floor(time)))
        if candle is not None:
            price = mark if mark is not None else mark_of.get((symbol, time), candle.open)
            candle.settlements.append((time, price, rate))
    accounts = {}
    for symbol, row in by_symbol.items():
        accounts[symbol] = Account(rules, capital, length)
        accounts[symbol].run(row)
    return accounts


def compare(result: Result, accounts: dict[str, Account], capital: float, note: str) -> int:
    """Assert equal trades, equity and exposure; returns the number of trades."""
    trades = 0
    for symbol, account in accounts.items():
        mine = result.trades.filter(pl.col("symbol") == symbol).drop("symbol").rows()
        theirs = [astuple(trade) for trade in account.trades]
        assert len(mine) == len(theirs), f"{symbol}: {len(mine)} trades, reference {len(theirs)} ({note})"
        for got, expected in zip(mine, theirs, strict=True):
            assert got[:3] == expected[:3], f"{symbol} {got} {expected} ({note})"
            assert got[-1] == expected[-1], f"{symbol} {got} {expected} ({note})"
            # results are differences of amounts as large as the notional, so rounding is relative to it
            scale = expected[3] * expected[5] + capital
            assert got[3:5] == pytest.approx(expected[3:5], rel=1e-9), f"{symbol} {got} {expected} ({note})"
            assert got[5:-1] == pytest.approx(expected[5:-1], rel=1e-9, abs=1e-9 * scale), (
                f"{got} {expected} ({note})"
            )
        curve = result.bar_equity.filter(pl.col("symbol") == symbol)["equity"].to_list()
        assert curve == pytest.approx(account.equity, rel=1e-9, abs=1e-9 * capital), f"{symbol} ({note})"
        row = result.metrics.filter(pl.col("symbol") == symbol).row(0, named=True)
        assert row["exposure"] == pytest.approx(account.bars_held / len(account.equity))
        trades += len(mine)
    return trades


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rules=RULES,
    wild=st.sampled_from([0.002, 0.02, 0.08]),
    gaps=st.sampled_from([0.0, 0.05]),
    change=st.sampled_from([0.03, 0.2, 0.8]),
)
def test_kernel_on_invented_markets_agrees_with_the_reference(
    seed: int, rules: Rules, wild: float, gaps: float, change: float
) -> None:
    rng = random.Random(seed)
    symbols = ["AAAUSDT", "BBBUSDT", "CCCUSDT"]
    bars = candles({symbol: random_bars(rng, rng.randint(2, 90), wild=wild, gaps=gaps) for symbol in symbols})
    wished = wanted({symbol: random_targets(rng, 90, change=change) for symbol in symbols})
    rates = funding([row for symbol in symbols[:2] for row in random_funding(rng, symbol, 360)])
    result = simulate(
        bars, wished, timeframe=Timeframe.H4, rules=rules, funding_rates=rates, initial_capital=3_000.0
    )
    accounts = reference_accounts(bars, wished, rules, rates, None, 1_000.0)
    compare(result, accounts, 1_000.0, f"seed {seed}")


@needs_recorded
@pytest.mark.parametrize(
    ("name", "parameters", "leverage"),
    [
        ("donchian_breakout", {"channel": 10}, 1.0),
        ("ema_cross", {"fast": 3, "slow": 9}, 3.0),
        ("rsi_reversion", {}, 10.0),
    ],
)
def test_kernel_on_recorded_markets_agrees_with_the_reference(
    name: str, parameters: dict[str, object], leverage: float
) -> None:
    bars = pl.read_parquet(RECORDED / "candles_4h.parquet").filter(
        pl.col("open_time") >= START - timedelta(days=360)
    )
    symbols = bars["symbol"].unique().sort()[::4].to_list()
    bars = bars.filter(pl.col("symbol").is_in(symbols)).with_columns(
        taker_buy_volume=pl.lit(None, pl.Float64)
    )
    bars = bars.select(*CANDLE_SCHEMA).sort("symbol", "open_time")
    rates = pl.read_parquet(RECORDED / "funding.parquet").filter(pl.col("symbol").is_in(symbols))
    rates = (
        rates.with_columns(funding_time="funding_slot").select(*FUNDING_SCHEMA).sort("symbol", "funding_time")
    )
    marks = pl.read_parquet(RECORDED / "mark_1h.parquet").filter(pl.col("symbol").is_in(symbols))
    wished = targets(build_strategy(name, parameters), bars)
    rules = Rules(Costs(5.0, 2.0), stop_loss=0.05, take_profit=0.12, leverage=leverage)
    result = simulate(
        bars, wished, timeframe=Timeframe.H4, rules=rules, funding_rates=rates, mark_prices=marks,
        initial_capital=1_000.0 * len(symbols),
    )  # fmt: skip
    trades = compare(result, reference_accounts(bars, wished, rules, rates, marks, 1_000.0), 1_000.0, name)
    assert trades > (300 if name == "rsi_reversion" else 1_000)
    assert result.funding.marks["mark_1h"] > 0
    assert result.trades["funding"].abs().sum() > 0.0
