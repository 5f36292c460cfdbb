"""Sets :func:`simulate_shared` against the slow portfolio, market after market.

python -m crypto_bt_tests.backtest.reference_shared_campaign --markets 2000 --seed 1
"""

import argparse
import random
import sys
from collections import Counter
from dataclasses import asdict, replace

import polars as pl
import pytest

from crypto_bt.backtest.bars import Bars, arrange_bars
from crypto_bt.backtest.engine import Signals
from crypto_bt.backtest.portfolio_rules import PortfolioRules
from crypto_bt.backtest.rules import Rules
from crypto_bt.backtest.shared_capital import SharedResult, simulate_shared
from crypto_bt.backtest.signal_arrays import signals_of
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.markets import START
from crypto_bt_tests.backtest.nasty_markets import Market, Nastiness, nastiness, nasty_market, nasty_rules
from crypto_bt_tests.backtest.reference_campaign import RELATIVE, WORTHLESS, same_trade
from crypto_bt_tests.backtest.reference_market import reference_candles
from crypto_bt_tests.backtest.reference_parts import Trade
from crypto_bt_tests.backtest.reference_shared import Portfolio

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT", "EEEUSDT")
COUNTERS = ("decided_finer", "decided_by_stop")
#: Signals that change often, prices that move a few percent a day, and otherwise little trouble.
LIVELY = Nastiness(bars=240, wild=0.006, gaps=0.002, funding=0.0003, change=0.15)


def shared_market(seed: int, how: Nastiness, timeframe: Timeframe = Timeframe.H4) -> Market:
    """A nasty market of up to five symbols, some listed late or delisted early, some with ranks."""
    rng = random.Random(seed)
    market = nasty_market(seed, how, timeframe, SYMBOLS[: rng.choice([2, 3, 5])])
    candles = market.candles
    for symbol in SYMBOLS:
        chance, at = rng.random(), START + timeframe.delta * rng.randrange(1, how.bars)
        own = pl.col("symbol") == symbol
        time = pl.col("open_time")
        kept = time < at if chance < 0.15 else time >= at if chance < 0.3 else pl.lit(True)
        if not candles.filter(own & kept).is_empty():
            candles = candles.filter(~own | kept)
    targets = market.targets
    if rng.random() < 0.4:
        ranks = [rng.choice([None, 0.0, 0.5, -1.0, rng.gauss(0.0, 1.0)]) for _ in range(len(targets))]
        targets = targets.with_columns(rank=pl.Series(ranks, dtype=pl.Float64))
    return replace(market, candles=candles, targets=targets)


def lively_market(seed: int) -> Market:
    """A tame market of five symbols in which much is traded."""
    return nasty_market(seed, LIVELY, symbols=SYMBOLS)


def arranged(market: Market) -> tuple[Bars, Signals]:
    """``market`` as the kernel's arrays."""
    candles = market.candles.sort("symbol", "open_time")
    bars = arrange_bars(
        candles, Timeframe.H4, funding_rates=market.funding_rates, mark_prices=market.mark_prices,
        finer=market.finer, contracts=market.contracts,
    )  # fmt: skip
    return bars, signals_of(candles, market.targets, Timeframe.H4)


def shared_rules(seed: int) -> tuple[Rules, PortfolioRules]:
    """Rules of trades and of the portfolio at random."""
    rng = random.Random(seed)
    rules = nasty_rules(seed)
    rules = replace(rules, sizing=replace(rules.sizing, risk_per_trade=None))
    highest = max(rules.sizing.leverage_used, rng.choice([1.0, 2.5, 10.0]))
    if rng.random() < 0.3:  # so that cash and leverage are what limits
        return rules, PortfolioRules(
            risk_per_trade=None, total_risk=None, max_asset_share=None, max_leverage=highest,
            max_correlation=None, daily_drawdown=None, total_drawdown=None,
        )  # fmt: skip
    return rules, PortfolioRules(
        risk_per_trade=rng.choice([None, 0.02, 0.1]),
        total_risk=rng.choice([None, 0.06, 0.3]),
        max_asset_share=rng.choice([None, 0.4, 2.0]),
        max_positions=rng.choice([1, 2, 3, 5]),
        max_leverage=highest,
        max_correlation=rng.choice([None, 0.8, 0.05, -0.1]),
        target_volatility=rng.choice([None, None, None, 0.3]),
        daily_drawdown=rng.choice([None, 0.05, 0.01]),
        total_drawdown=rng.choice([None, 0.15, 0.5]),
        wait_hours=rng.choice([24.0, 0.0, 5.0]),
    )


def assert_seed_agrees(seed: int) -> Counter[str]:
    """Market, targets and rules all from one seed."""
    how = nastiness(seed)
    rng = random.Random(seed)
    if rng.random() < 0.5:
        how = replace(how, bars=260, limit_moves=how.limit_moves / 10, finer_missing=None, gaps=how.gaps / 20)
    return assert_agrees(shared_market(seed, how), *shared_rules(seed), f"seed {seed}")


def assert_agrees(
    market: Market,
    rules: Rules,
    portfolio: PortfolioRules,
    note: str,
    timeframe: Timeframe = Timeframe.H4,
    target_timeframe: Timeframe | None = None,
) -> Counter[str]:
    """Assert that both portfolios agree on ``market``; what happened in it, counted."""
    coarser = target_timeframe or timeframe
    result = simulate_shared(
        market.candles, market.targets, timeframe=timeframe, target_timeframe=coarser, rules=rules,
        portfolio=portfolio, funding_rates=market.funding_rates, mark_prices=market.mark_prices,
        finer=market.finer, contracts=market.contracts, initial_capital=market.capital,
    )  # fmt: skip
    lines = reference_candles(
        market.candles, market.targets, length=timeframe.delta, target_length=coarser.delta,
        funding_rates=market.funding_rates, mark_prices=market.mark_prices, finer=market.finer,
    )  # fmt: skip
    slow = Portfolio(
        lines, rules=rules, portfolio=portfolio, contracts=market.contracts, length=timeframe.delta,
        capital=market.capital,
    )  # fmt: skip
    slow.run()
    return compare(result, slow, market.capital, note)


def compare(result: SharedResult, slow: Portfolio, capital: float, note: str) -> Counter[str]:
    """Assert equal trades, books at each close, refusals and stops; all of them counted."""
    ruined = next((close.time for close in slow.closes if close.equity < WORTHLESS * capital), None)
    expected = [(symbol, trade) for symbol, holder in slow.holders.items() for trade in holder.trades]
    if ruined:
        expected = [(symbol, trade) for symbol, trade in expected if trade.entry_time <= ruined]
    mine = result.trades if ruined is None else result.trades.filter(pl.col("entry_time") <= ruined)
    for got, (symbol, trade) in zip(mine.iter_rows(named=True), expected, strict=False):
        assert got["symbol"] == symbol, f"{note}: a trade of {got['symbol']}, reference {symbol}"
        same_trade(got, asdict(trade), capital, f"{note}, {symbol}")
    assert len(mine) == len(expected), f"{note}: {len(mine)} trades, {len(expected)} in the reference"
    same_books(result, slow, [trade for _, trade in expected], capital, note)
    seen = Counter({f"refused {cause}": count for cause, count in slow.refusals.items()})
    if ruined is None:
        assert {k: v for k, v in result.refusals.items() if v} == dict(slow.refusals), note
        for name in COUNTERS:
            total = sum(getattr(holder, name) for holder in slow.holders.values())
            assert result.metrics[name].item() == total, f"{note}: {name}"
            seen[name] += total
        assert result.metrics["refused"].item() == slow.refusals.total(), note
        stops = result.drawdown_stops.rows()
        assert [row[:2] for row in stops] == [stop[:2] for stop in slow.stops], note
        assert [row[2] for row in stops] == pytest.approx([stop[2] for stop in slow.stops], rel=1e-6), note
    seen.update(f"{cause} stop" for _, cause, _ in slow.stops)
    seen.update(trade.exit_reason for _, trade in expected)
    return seen


def same_books(result: SharedResult, slow: Portfolio, trades: list[Trade], capital: float, note: str) -> None:
    """Equity, cash, positions, risk and notional at each close."""
    books = result.bar_equity
    size = max(
        [capital, *(close.equity for close in slow.closes), *(t.quantity * t.entry_price for t in trades)]
    )
    assert books["open_time"].to_list() == [close.time for close in slow.closes], note
    for name in ("equity", "cash", "positions", "open_risk", "notional"):
        theirs = [getattr(close, name) for close in slow.closes]
        assert books[name].to_list() == pytest.approx(theirs, rel=RELATIVE, abs=RELATIVE * size), (
            f"{note}: {name}"
        )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--markets", type=int, default=1_000)
    arguments.add_argument("--seed", type=int, default=1)
    chosen = arguments.parse_args()
    seen: Counter[str] = Counter()
    wrong = []
    for seed in range(chosen.seed, chosen.seed + chosen.markets):
        try:
            seen.update(assert_seed_agrees(seed))
        except AssertionError as error:
            wrong.append(seed)
            sys.stdout.write(f"{error}\n\n")
    sys.stdout.write(f"seeds {chosen.seed} to {chosen.seed + chosen.markets - 1}: {dict(seen)}\n")
    sys.stdout.write(f"{len(wrong)} markets disagree: {wrong[:50]}\n")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
