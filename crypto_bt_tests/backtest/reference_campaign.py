"""Sets :func:`simulate` against the slow simulator, market after market.

    python -m crypto_bt_tests.backtest.reference_campaign --markets 20000 --seed 1

Every market is made from its own seed; a disagreement names it, ``--seed`` with ``--markets 1`` repeats it.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import polars as pl
import pytest

from crypto_bt.backtest import Result, simulate
from crypto_bt.backtest.rules import Rules
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.nasty_markets import Market, nastiness, nasty_market, nasty_rules
from crypto_bt_tests.backtest.reference import Account
from crypto_bt_tests.backtest.reference_market import reference_accounts

RELATIVE = 1e-9
HIGHEST_LEVERAGE = 125.0
WORTHLESS = 1e-6
COUNTERS = ("refused", "decided_finer", "decided_by_stop")


def check_seed(seed: int) -> Counter[str]:
    """Market, targets and rules all from one seed."""
    return check_market(nasty_market(seed, nastiness(seed)), nasty_rules(seed), f"seed {seed}")


def check_market(
    market: Market,
    rules: Rules,
    note: str,
    timeframe: Timeframe = Timeframe.H4,
    target_timeframe: Timeframe | None = None,
) -> Counter[str]:
    """Assert that both simulators agree on ``market``; what happened in it, counted."""
    coarser = target_timeframe or timeframe
    symbols = market.candles["symbol"].n_unique()
    result = simulate(
        market.candles, market.targets, timeframe=timeframe, target_timeframe=coarser, rules=rules,
        funding_rates=market.funding_rates, mark_prices=market.mark_prices, finer=market.finer,
        contracts=market.contracts, initial_capital=market.capital * symbols,
    )  # fmt: skip
    accounts = reference_accounts(
        market.candles, market.targets, length=timeframe.delta, target_length=coarser.delta, rules=rules,
        capital=market.capital, funding_rates=market.funding_rates, mark_prices=market.mark_prices,
        finer=market.finer, contracts=market.contracts,
    )  # fmt: skip
    return compare(result, accounts, market.capital, note)


def compare(result: Result, accounts: Mapping[str, Account], capital: float, note: str) -> Counter[str]:
    """Assert equal trades, equity and counters; reasons of leaving and counters, added up."""
    seen: Counter[str] = Counter()
    for symbol, account in accounts.items():
        where = f"{note}, {symbol}"
        bars = result.bar_equity.filter(pl.col("symbol") == symbol)
        lost = ruined(account, bars["open_time"].to_list(), capital)
        mine = result.trades.filter((pl.col("symbol") == symbol) & (pl.col("entry_time") <= lost))
        expected = [trade for trade in account.trades if trade.entry_time <= lost]
        for got, trade in zip(mine.iter_rows(named=True), expected, strict=False):
            same_trade(got, asdict(trade), capital, where)
        assert len(mine) == len(expected), f"{where}: {len(mine)} trades, {len(expected)} in the reference"
        peak = max([capital, *account.equity, *(t.quantity * t.entry_price for t in expected)])
        curve = bars["equity"].to_list()
        assert curve == pytest.approx(account.equity, rel=RELATIVE, abs=RELATIVE * peak), where
        counts = {name: getattr(account, name) for name in COUNTERS}
        if lost == datetime.max.replace(tzinfo=UTC):
            row = result.metrics.filter(pl.col("symbol") == symbol).row(0, named=True)
            assert {name: row[name] for name in COUNTERS} == counts, where
            assert row["exposure"] == pytest.approx(account.bars_held / len(account.equity)), where
        seen.update(counts)
        seen.update(trade.exit_reason for trade in account.trades)
    return seen


def ruined(account: Account, times: Sequence[datetime], capital: float) -> datetime:
    """When the account holds hardly more than rounding, whose trades say nothing; far ahead if never."""
    worthless = (
        time for time, equity in zip(times, account.equity, strict=True) if equity < WORTHLESS * capital
    )
    return next(worthless, datetime.max.replace(tzinfo=UTC))


def same_trade(got: Mapping[str, object], expected: Mapping[str, object], capital: float, note: str) -> None:
    """Bars, side and reason equal; figures to 1e-9, results of the size of what they are differences of."""
    scale = max(capital, expected["quantity"] * expected["entry_price"])  # type: ignore[operator]
    for name, value in expected.items():
        message = f"{note}: {name} is {got[name]}, reference {value}\n{got}\n{expected}"
        if name in ("side", "entry_time", "exit_time", "exit_reason"):
            assert got[name] == value, message
        elif name in ("entry_price", "exit_price", "quantity"):
            assert got[name] == pytest.approx(value, rel=RELATIVE), message
        else:
            size = HIGHEST_LEVERAGE if name == "net_return" else scale
            assert got[name] == pytest.approx(value, rel=RELATIVE, abs=RELATIVE * size), message


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--markets", type=int, default=1_000)
    arguments.add_argument("--seed", type=int, default=1)
    chosen = arguments.parse_args()
    seen: Counter[str] = Counter()
    wrong = []
    for seed in range(chosen.seed, chosen.seed + chosen.markets):
        try:
            seen.update(check_seed(seed))
        except AssertionError as error:
            wrong.append(seed)
            sys.stdout.write(f"{error}\n\n")
    sys.stdout.write(f"seeds {chosen.seed} to {chosen.seed + chosen.markets - 1}: {dict(seen)}\n")
    sys.stdout.write(f"{len(wrong)} markets disagree: {wrong[:50]}\n")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
