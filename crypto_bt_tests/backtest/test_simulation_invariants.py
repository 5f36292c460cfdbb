"""What must hold for every market, every target and every rule."""

import hashlib
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.backtest import Costs, Result, Rules, simulate
from crypto_bt.backtest.bars import arrange_bars
from crypto_bt.backtest.engine import parameter_array, record, run
from crypto_bt.backtest.layout import STATISTICS
from crypto_bt.backtest.signals import signal_array
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.markets import (
    candles,
    funding,
    random_bars,
    random_funding,
    random_targets,
    wanted,
)

SEEDS = st.integers(0, 2**32 - 1)
SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
RULES = Rules(Costs(5.0, 3.0), stop_loss=0.03, take_profit=0.05, leverage=2.0)


def market(seed: int, count: int = 80, gaps: float = 0.03) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    rng = random.Random(seed)
    bars = candles({symbol: random_bars(rng, count, gaps=gaps) for symbol in SYMBOLS})
    wished = wanted({symbol: random_targets(rng, count) for symbol in SYMBOLS})
    rates = funding([row for symbol in SYMBOLS for row in random_funding(rng, symbol, 4 * count)])
    return bars, wished, rates


def backtest(
    bars: pl.DataFrame, wished: pl.DataFrame, rates: pl.DataFrame | None, rules: Rules = RULES
) -> Result:
    capital = 1_000.0 * bars["symbol"].n_unique()
    return simulate(
        bars, wished, timeframe=Timeframe.H4, rules=rules, funding_rates=rates, initial_capital=capital
    )


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_equity_is_the_capital_plus_the_net_results_of_all_trades(seed: int) -> None:
    result = backtest(*market(seed))
    final = result.bar_equity.group_by("symbol").last().sort("symbol")
    earned = result.trades.group_by("symbol").agg(pl.col("net_pnl").sum())
    joined = final.join(earned, on="symbol", how="left").fill_null(0.0).sort("symbol")
    assert joined["equity"].to_list() == pytest.approx((1_000.0 + joined["net_pnl"]).to_list(), abs=1e-6), (
        seed
    )
    parts = result.trades.select(
        net=pl.col("gross_pnl") - pl.col("commission") - pl.col("slippage") - pl.col("funding")
    )["net"]
    assert parts.to_list() == pytest.approx(result.trades["net_pnl"].to_list(), abs=1e-6), seed


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_buy_and_hold_without_costs_earns_the_price_return(seed: int) -> None:
    bars, _, _ = market(seed, gaps=0.0)
    always = bars.select("symbol", "open_time", target=pl.lit(1))
    result = backtest(bars, always, None, Rules(Costs(0.0, 0.0)))
    price = bars.group_by("symbol", maintain_order=True).agg(
        expected=pl.col("close").last() / pl.col("open").get(1) - 1.0
    )
    mine = result.metrics.filter(pl.col("symbol") != "ALL")
    assert mine["net_return"].to_list() == pytest.approx(price["expected"].to_list(), rel=1e-9, abs=1e-12), (
        seed
    )


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, commission=st.sampled_from([1.0, 20.0]), slippage=st.sampled_from([0.0, 10.0]))
def test_costs_never_raise_the_final_equity(seed: int, commission: float, slippage: float) -> None:
    bars, wished, _ = market(seed)
    free = backtest(bars, wished, None, Rules(Costs(0.0, 0.0), leverage=2.0))
    paid = backtest(bars, wished, None, Rules(Costs(commission, slippage), leverage=2.0))
    for before, after in zip(
        free.metrics.iter_rows(named=True), paid.metrics.iter_rows(named=True), strict=True
    ):
        assert after["net_return"] <= before["net_return"] + 1e-12, (seed, before["symbol"])


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_permuting_the_symbols_changes_nothing(seed: int) -> None:
    bars, wished, rates = market(seed)
    first = backtest(bars, wished, rates)
    rng = np.random.default_rng(seed)
    shuffled = [frame[rng.permutation(len(frame))] for frame in (bars, wished, rates)]
    again = backtest(shuffled[0], shuffled[1], shuffled[2])
    for name in ("trades", "equity", "metrics"):
        assert getattr(first, name).equals(getattr(again, name)), (name, seed)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_other_symbols_do_not_change_an_account(seed: int) -> None:
    bars, wished, rates = market(seed)
    together = backtest(bars, wished, rates).trades.filter(pl.col("symbol") == "BBBUSDT")
    alone = backtest(*(frame.filter(pl.col("symbol") == "BBBUSDT") for frame in (bars, wished, rates))).trades
    assert together.equals(alone), seed


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, share=st.floats(0.2, 0.95))
def test_truncating_the_future_changes_no_past_trade(seed: int, share: float) -> None:
    bars, wished, rates = market(seed)
    times = bars["open_time"].unique().sort()
    cut = times[int(len(times) * share)]
    past = bars.filter(pl.col("open_time") < cut)
    early = backtest(past, wished, rates).trades
    full = backtest(bars, wished, rates).trades
    ends = past.group_by("symbol").agg(end=pl.col("open_time").max() + Timeframe.H4.delta)

    def decided(trades: pl.DataFrame) -> pl.DataFrame:
        """Without positions held at the end of ``past``: open in one run, left at a gap in the other."""
        joined = trades.join(ends, on="symbol", how="inner", maintain_order="left")
        held = pl.col("exit_reason").is_in(["open", "gap"]) & (pl.col("exit_time") == pl.col("end"))
        return joined.filter(~held).drop("end")

    early, full = decided(early), decided(full)
    assert early.join(full, on=early.columns, how="anti").is_empty(), seed
    before = full.filter(pl.col("exit_time") < cut)
    assert before.join(early, on=early.columns, how="anti").is_empty(), seed


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, power=st.integers(-12, 12))
def test_scaling_all_prices_changes_nothing_but_quantities(seed: int, power: int) -> None:
    bars, wished, rates = market(seed)
    scaled = bars.with_columns(pl.col("open", "high", "low", "close") * 2.0**power)
    first, again = backtest(bars, wished, rates), backtest(scaled, wished, rates)
    assert first.equity.equals(again.equity), seed
    assert first.metrics.equals(again.metrics), seed
    assert first.trades["net_pnl"].equals(again.trades["net_pnl"]), seed


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, leverage=st.sampled_from([1.0, 10.0, 100.0]))
def test_no_account_goes_below_zero_and_none_returns_from_zero(seed: int, leverage: float) -> None:
    bars, wished, rates = market(seed)
    result = backtest(bars, wished, rates, Rules(Costs(5.0, 3.0), leverage=leverage))
    for _, equity in result.bar_equity.group_by("symbol", maintain_order=True):
        values = equity["equity"].to_numpy()
        assert (values >= 0.0).all(), seed
        gone = np.flatnonzero(values == 0.0)
        assert not len(gone) or (values[gone[0] :] == 0.0).all(), seed


def sweep_inputs(seed: int) -> tuple[object, np.ndarray, np.ndarray]:
    rng = random.Random(seed)
    bars, wished, rates = market(seed, count=400, gaps=0.01)
    arranged = arrange_bars(bars, Timeframe.H4, funding_rates=rates)
    sets = [signal_array(bars, wished)]
    sets += [
        signal_array(bars, wanted({symbol: random_targets(rng, 400) for symbol in SYMBOLS})) for _ in range(3)
    ]
    rules = [
        (
            number % 4,
            Rules(Costs(5.0, 2.0), 0.02 + number / 100, None if number % 3 else 0.05, 1.0 + number % 3),
        )
        for number in range(12)
    ]
    return arranged, np.stack(sets), parameter_array(rules)


def test_run_on_one_and_two_threads_gives_the_same_bytes() -> None:
    bars, signals, parameters = sweep_inputs(11)
    hashes = {
        hashlib.sha256(run(bars, signals, parameters, threads=threads).tobytes()).hexdigest()  # type: ignore[arg-type]
        for threads in (1, 2, 2, 1)
    }
    assert len(hashes) == 1


def test_record_and_run_give_the_same_statistics() -> None:
    bars, signals, _ = sweep_inputs(12)
    rules = Rules(Costs(5.0, 2.0), 0.03, 0.05, 2.0)
    swept = run(bars, signals, parameter_array([(2, rules)]), capital=50.0)  # type: ignore[arg-type]
    assert np.array_equal(record(bars, signals[2], rules, capital=50.0).statistics, swept[:, 0])  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_kernel_statistics_agree_with_the_tables(seed: int) -> None:
    bars, wished, rates = market(seed)
    arranged = arrange_bars(bars, Timeframe.H4, funding_rates=rates)
    recording = record(arranged, signal_array(bars, wished), RULES, capital=1_000.0)
    result = backtest(bars, wished, rates)
    for index, symbol in enumerate(SYMBOLS):
        figures = dict(zip(STATISTICS, recording.statistics[index], strict=True))
        curve = result.daily.account(index)
        returns = curve[1:] / curve[:-1] - 1.0
        trades = result.trades.filter(pl.col("symbol") == symbol)
        closed = trades.filter(pl.col("exit_reason") != "open")
        assert figures["return_sum"] == pytest.approx(returns.sum(), abs=1e-12), seed
        assert figures["return_square_sum"] == pytest.approx((returns**2).sum(), abs=1e-12), seed
        assert figures["downside_square_sum"] == pytest.approx((returns.clip(max=0) ** 2).sum(), abs=1e-12), (
            seed
        )
        assert figures["max_drawdown"] == pytest.approx(
            (curve / np.maximum.accumulate(curve) - 1.0).min(), abs=1e-12
        ), seed
        assert (figures["trades"], figures["closed_trades"]) == (len(trades), len(closed)), seed
        assert figures["wins"] == (closed["net_pnl"] > 0).sum(), seed
        assert figures["profit"] == pytest.approx(closed["net_pnl"].clip(lower_bound=0).sum(), abs=1e-9), seed
        assert figures["loss"] == pytest.approx(-closed["net_pnl"].clip(upper_bound=0).sum(), abs=1e-9), seed
        assert figures["commission"] == pytest.approx(trades["commission"].sum(), abs=1e-9), seed
        assert figures["funding"] == pytest.approx(trades["funding"].sum(), abs=1e-9), seed
        streak = longest = 0
        for net in closed["net_pnl"]:
            streak = 0 if net > 0 else streak + 1
            longest = max(longest, streak)
        assert figures["losing_streak"] == longest, seed
