"""What must hold for every market, every target and every rule."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from crypto_bt.backtest import Result, simulate
from crypto_bt.backtest.rules import Costs, Exits, Rules, Sizing
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.nasty_markets import (
    SYMBOLS,
    Market,
    Nastiness,
    nastiness,
    nasty_market,
    nasty_rules,
)

SEEDS = st.integers(0, 2**32 - 1)
H4 = Timeframe.H4.delta
FRAMES = ("candles", "targets", "funding_rates", "mark_prices", "finer")
FREE = Costs(taker_bps=0.0, maker_bps=0.0, slippage_bps=0.0)
#: Costs, funding and gaps, but no price filter, no tier and no limit move.
PLAIN = Nastiness(bars=80, gaps=0.03, funding=0.0003, atr_missing=0.05)


def nasty(seed: int) -> Market:
    return nasty_market(seed, nastiness(seed))


def backtest(market: Market, rules: Rules) -> Result:
    return simulate(
        market.candles, market.targets, timeframe=Timeframe.H4, rules=rules,
        funding_rates=market.funding_rates, mark_prices=market.mark_prices, finer=market.finer,
        contracts=market.contracts, initial_capital=market.capital * market.candles["symbol"].n_unique(),
    )  # fmt: skip


def on_frames(market: Market, change: "dict[str, pl.Expr] | None" = None, **frames: object) -> Market:
    """``market`` with expressions applied to the frames they are named for."""
    given_frames = {name: getattr(market, name) for name in FRAMES}
    for name, expression in (change or {}).items():
        if given_frames[name] is not None:
            given_frames[name] = given_frames[name].with_columns(expression)
    return replace(market, **given_frames | frames)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_final_equity_is_the_capital_plus_the_net_results_of_all_trades(seed: int) -> None:
    market = nasty(seed)
    result = backtest(market, nasty_rules(seed))
    size = _size(result, market)
    for symbol in SYMBOLS:
        trades = result.trades.filter(pl.col("symbol") == symbol)
        final = result.bar_equity.filter(pl.col("symbol") == symbol)["equity"][-1]
        assert final == pytest.approx(market.capital + trades["net_pnl"].sum(), abs=1e-9 * size)
    parts = result.trades.select(
        net=pl.col("gross_pnl") - pl.col("commission") - pl.col("slippage") - pl.col("funding")
    )["net"]
    assert parts.to_list() == pytest.approx(result.trades["net_pnl"].to_list(), abs=1e-9 * size)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_equity_is_cash_plus_position_at_every_bar(seed: int) -> None:
    """Recomputed from trades, candles and settlements; a scale-out is not in the trades, so there is none."""
    market = on_frames(nasty(seed), {"funding_rates": pl.col("mark_price").fill_null(100.0)})
    rules = nasty_rules(seed)
    rules = replace(rules, exits=replace(rules.exits, scale_out_at=None))
    result = backtest(market, rules)
    tolerance = 1e-9 * _size(result, market)
    for symbol in SYMBOLS:
        mine = pl.col("symbol") == symbol
        trades = result.trades.filter(mine).rows(named=True)
        closes = market.candles.filter(mine).sort("open_time").select("open_time", "close").rows()
        rates = [] if market.funding_rates is None else market.funding_rates.filter(mine).rows(named=True)
        curve = result.bar_equity.filter(mine)["equity"].to_list()
        for (time, close), equity in zip(closes, curve, strict=True):
            expected = _equities(market.capital, trades, time + H4, close, rates, rules)
            assert any(equity == pytest.approx(value, abs=tolerance) for value in expected), (symbol, time)


def _equities(
    capital: float,
    trades: list[dict[str, object]],
    end: datetime,
    close: float,
    rates: list[dict[str, object]],
    rules: Rules,
) -> set[float]:
    """Equity at a bar's close. A trade that left at ``end`` left in this bar or at the next open: both."""
    cash, position = capital, 0.0
    left_at_end = 0.0
    for trade in trades:
        if trade["entry_time"] >= end:
            continue
        paid = sum(
            rate["mark_price"] * rate["funding_rate"]
            for rate in rates
            if trade["entry_time"] < rate["funding_time"] < end and _in_a_bar(rate, trade)
        )
        held = trade["side"] * trade["quantity"] * (close - trade["entry_price"] - paid) - (
            trade["quantity"] * trade["entry_price"] * rules.costs.taker_bps / 10_000
        )
        if trade["exit_time"] < end or (
            trade["exit_time"] == end and trade["exit_reason"] in ("gap", "open")
        ):
            cash += trade["net_pnl"]
        elif trade["exit_time"] > end or trade["exit_reason"] in ("signal", "time"):
            position = held
        else:
            left_at_end, position = trade["net_pnl"], held
    return {cash + position, cash + (left_at_end or position)}


def _in_a_bar(rate: dict[str, object], trade: dict[str, object]) -> bool:
    """A position never spans a gap, so all settlements in its time lie in bars."""
    return rate["funding_time"] <= trade["exit_time"]


def _size(result: Result, market: Market) -> float:
    """The largest amount that results are differences of."""
    notional = (result.trades["quantity"] * result.trades["entry_price"]).to_list()
    return max([market.capital, *notional, *result.bar_equity["equity"].to_list()])


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, wild=st.sampled_from([0.002, 0.02]), limit_moves=st.sampled_from([0.0, 0.02]))
def test_buy_and_hold_without_costs_earns_the_price_return(
    seed: int, wild: float, limit_moves: float
) -> None:
    market = nasty_market(seed, Nastiness(bars=80, wild=wild, limit_moves=limit_moves, still=0.1))
    always = market.targets.with_columns(
        target=pl.lit(1.0), stop_price=pl.lit(None, pl.Float64), target_price=pl.lit(None, pl.Float64)
    )
    result = backtest(on_frames(market, targets=always), Rules(FREE))
    price = market.candles.group_by("symbol", maintain_order=True).agg(
        expected=pl.col("close").last() / pl.col("open").get(1)
    )
    final = result.bar_equity.group_by("symbol", maintain_order=True).agg(pl.col("equity").last())
    assert final["equity"].to_list() == pytest.approx(
        (market.capital * price["expected"]).to_list(), rel=1e-9
    )


@settings(max_examples=40, deadline=None)
@given(
    seed=SEEDS,
    exposure=st.sampled_from([0.5, 1.0, 3.0]),
    more=st.sampled_from(["taker_bps", "slippage_bps", "range_share"]),
    by=st.sampled_from([0.01, 0.5, 20.0]),
)
def test_higher_costs_never_raise_equity_where_only_targets_trade(
    seed: int, exposure: float, more: str, by: float
) -> None:
    """True for market orders on the same changes of sign, without liquidation and impact: exits hang on the
    entry fill and impact on the quantity, so with these a dearer fill can lead to a better trade."""
    market = nasty_market(seed, replace(PLAIN, wild=0.002, funding=0.0, weights=True))
    costs = Costs(taker_bps=2.0, slippage_bps=1.0, range_share=0.01)
    dearer = replace(costs, **{more: getattr(costs, more) + (by / 100 if more == "range_share" else by)})
    cheap, dear = (backtest(market, Rules(one, Exits(), Sizing(exposure))) for one in (costs, dearer))
    assume("liquidation" not in {*cheap.trades["exit_reason"], *dear.trades["exit_reason"]})
    assert cheap.trades["entry_time"].equals(dear.trades["entry_time"])
    for before, after in zip(cheap.bar_equity["equity"], dear.bar_equity["equity"], strict=True):
        assert after <= before * (1 + 1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_permuting_the_rows_changes_nothing(seed: int) -> None:
    market, rules = nasty(seed), nasty_rules(seed)
    rng = np.random.default_rng(seed)
    shuffled = {
        name: frame[rng.permutation(len(frame))]
        for name in FRAMES
        if (frame := getattr(market, name)) is not None
    }
    contracts = dict(reversed(market.contracts.items()))
    first, again = backtest(market, rules), backtest(replace(market, **shuffled, contracts=contracts), rules)
    assert _same(first, again)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_other_symbols_do_not_change_an_account(seed: int) -> None:
    market, rules = nasty(seed), nasty_rules(seed)
    mine = pl.col("symbol") == SYMBOLS[1]
    alone = {name: frame.filter(mine) for name in FRAMES if (frame := getattr(market, name)) is not None}
    together, single = backtest(market, rules), backtest(replace(market, **alone), rules)
    for name in ("trades", "bar_equity"):
        assert getattr(together, name).filter(mine).equals(getattr(single, name)), name


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, share=st.floats(0.2, 0.95))
@example(seed=0, share=0.6875)  # a day that is quiet up to the cut, and is not afterwards
def test_truncating_the_future_changes_nothing_before(seed: int, share: float) -> None:
    market, rules = nasty(seed), nasty_rules(seed)
    times = market.candles["open_time"].unique().sort()
    cut = times[int(len(times) * share)]
    past = market.candles.filter(pl.col("open_time") < cut)
    assume(past["symbol"].n_unique() == len(SYMBOLS))
    full, early = backtest(market, rules), backtest(replace(market, candles=past), rules)
    ends = past.group_by("symbol").agg(end=pl.col("open_time").max() + H4)

    def decided(trades: pl.DataFrame) -> pl.DataFrame:
        """Without positions held at the end of ``past``: open in one run, left at a gap in the other."""
        joined = trades.join(ends, on="symbol", how="inner", maintain_order="left")
        held = pl.col("exit_reason").is_in(["open", "gap"]) & (pl.col("exit_time") == pl.col("end"))
        at_gap = (pl.col("exit_reason") == "liquidation") & (pl.col("exit_time") == pl.col("end"))
        return joined.filter(~held & ~at_gap).drop("end")

    before = decided(full.trades.filter(pl.col("exit_time") < cut))
    known = decided(early.trades)
    assert known.join(full.trades, on=known.columns, how="anti").is_empty()
    assert before.join(early.trades, on=before.columns, how="anti").is_empty()
    curves = full.bar_equity.join(ends, on="symbol", maintain_order="left").filter(
        pl.col("open_time") + H4 < pl.col("end")
    )
    both = curves.join(early.bar_equity, on=["symbol", "open_time"], how="left", maintain_order="left")
    assert both["equity"].equals(both["equity_right"])


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, price=st.integers(-12, 12), money=st.integers(-6, 20))
def test_scaling_prices_and_capital_changes_nothing_but_the_units(seed: int, price: int, money: int) -> None:
    how = replace(nastiness(seed), filters="none", tiers=False)
    market, rules = nasty_market(seed, how), nasty_rules(seed)
    dearer, richer = 2.0**price, 2.0**money
    bar = pl.col("open", "high", "low", "close") * dearer
    scaled = on_frames(
        market,
        {
            "candles": bar, "finer": bar, "mark_prices": bar, "funding_rates": pl.col("mark_price") * dearer,
            "targets": pl.col("stop_price", "target_price", "atr") * dearer,
        },
        capital=market.capital * richer,
    )  # fmt: skip
    scaled = on_frames(scaled, {"candles": pl.col("volume") * richer / dearer})
    first, again = backtest(market, rules), backtest(scaled, rules)
    assert (first.bar_equity["equity"] * richer).equals(again.bar_equity["equity"])
    units = {"entry_price": dearer, "exit_price": dearer, "quantity": richer / dearer}
    units |= dict.fromkeys(["gross_pnl", "commission", "slippage", "funding", "net_pnl"], richer)
    expected = first.trades.with_columns(pl.col(name) * unit for name, unit in units.items())
    assert expected.equals(again.trades)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_a_liquidated_position_never_loses_more_than_its_margin(seed: int) -> None:
    """Its margin at entry, and the commission of the entry, which the cash paid."""
    market, rules = nasty(seed), nasty_rules(seed)
    result = backtest(market, rules)
    gone = result.trades.filter(pl.col("exit_reason") == "liquidation")
    leverage = rules.sizing.leverage or max(1.0, rules.sizing.exposure)
    notional = pl.col("quantity") * pl.col("entry_price")
    most = notional * (1 / leverage + rules.costs.taker_bps / 10_000)
    assert gone.filter(pl.col("net_pnl") < -most * (1 + 1e-9)).is_empty()


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_no_account_goes_below_zero_and_none_returns_from_zero(seed: int) -> None:
    """Where liquidation goes by the candles: a calmer mark can put it off until after a bar's close."""
    market = replace(nasty(seed), mark_prices=None)
    result = backtest(market, nasty_rules(seed))
    for symbol in SYMBOLS:
        values = result.bar_equity.filter(pl.col("symbol") == symbol)["equity"].to_numpy()
        assert (values >= -1e-9 * _size(result, market)).all()
        gone = np.flatnonzero(values == 0.0)
        assert not len(gone) or (values[gone[0] :] == 0.0).all()


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_daily_equity_is_the_sum_of_the_last_closes(seed: int) -> None:
    market = nasty(seed)
    result = backtest(market, nasty_rules(seed))
    total = market.capital * len(SYMBOLS)
    for time, equity in result.equity.select("time", "equity").rows():
        marks = [
            result.bar_equity.filter((pl.col("symbol") == symbol) & (pl.col("open_time") < time))["equity"]
            for symbol in SYMBOLS
        ]
        expected = sum(mark[-1] if len(mark) else market.capital for mark in marks)
        assert equity == pytest.approx(expected / total, rel=1e-12, abs=1e-12)


def _same(first: Result, again: Result) -> bool:
    return all(
        getattr(first, name).equals(getattr(again, name))
        for name in ("trades", "equity", "metrics", "bar_equity")
    )
