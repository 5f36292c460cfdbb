"""The figures of trades by hand, and where they are not defined."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.backtest import trade_metrics
from crypto_bt.backtest.tables import TRADES_SCHEMA

START = datetime(2025, 1, 6, tzinfo=UTC)


def trade(net_pnl: float, *, end: int, symbol: str = "AAAUSDT", reason: str = "signal") -> dict[str, object]:
    """A long of 2 from 100 to 110 over four hours, ending at hour ``end``, that netted ``net_pnl``."""
    return {
        "symbol": symbol,
        "side": 1,
        "entry_time": START + timedelta(hours=end - 4),
        "exit_time": START + timedelta(hours=end),
        "entry_price": 100.0,
        "exit_price": 110.0,
        "quantity": 2.0,
        "gross_pnl": net_pnl + 0.6,
        "commission": 0.3,
        "slippage": 0.2,
        "funding": 0.1,
        "net_pnl": net_pnl,
        "net_return": net_pnl / 1_000.0,
        "exit_reason": reason,
    }


def frame(*rows: dict[str, object]) -> pl.DataFrame:
    """Trades in the schema of the results."""
    return pl.DataFrame(rows, schema_overrides=TRADES_SCHEMA) if rows else pl.DataFrame(schema=TRADES_SCHEMA)


def test_figures_of_five_trades_are_those_computed_by_hand() -> None:
    results = [10.0, -4.0, -2.0, 6.0]
    rows = [trade(value, end=4 * index) for index, value in enumerate(results)]
    figures = trade_metrics.trade_figures(frame(*rows, trade(99.0, end=40, reason="open")))
    assert figures["trades"] == 5
    assert figures["closed_trades"] == 4
    assert figures["win_rate"] == 0.5
    assert figures["profit_factor"] == pytest.approx(16.0 / 6.0)
    assert figures["expectancy"] == pytest.approx(2.5)
    assert figures["payoff"] == pytest.approx(8.0 / 3.0)
    assert figures["sqn"] == pytest.approx(2.0 * 2.5 / np.std(results, ddof=1))
    assert figures["losing_streak"] == 2
    assert figures["average_holding_hours"] == 4.0
    assert figures["traded_notional"] == pytest.approx(4 * 420.0 + 200.0)
    assert (figures["commission"], figures["slippage"]) == (pytest.approx(1.5), pytest.approx(1.0))
    assert (figures["funding"], figures["liquidations"]) == (pytest.approx(0.5), 0)


def test_figures_without_a_closed_trade_are_undefined_and_costs_are_counted() -> None:
    figures = trade_metrics.trade_figures(frame(trade(5.0, end=4, reason="open")))
    undefined = ("win_rate", "profit_factor", "expectancy", "payoff", "sqn", "average_holding_hours")
    assert [figures[name] for name in undefined] == [None] * len(undefined)
    assert (figures["trades"], figures["losing_streak"], figures["commission"]) == (1, 0, 0.3)


def test_figures_of_no_trades_at_all_are_zero_or_undefined() -> None:
    figures = trade_metrics.trade_figures(frame())
    assert {name for name, value in figures.items() if value is None} == {
        "win_rate", "profit_factor", "expectancy", "payoff", "sqn", "average_holding_hours",
    }  # fmt: skip
    assert sum(value for value in figures.values() if value is not None) == 0.0


def test_losing_streak_follows_the_exits_of_all_symbols_and_not_the_rows() -> None:
    rows = [trade(-1.0, end=4), trade(1.0, end=12), trade(-1.0, end=8, symbol="BBBUSDT"), trade(-1.0, end=16)]
    assert trade_metrics.trade_figures(frame(*rows))["losing_streak"] == 2


def test_a_trade_that_nets_nothing_is_lost_and_gives_no_payoff() -> None:
    results = np.array([0.0, 0.0, 3.0])
    assert trade_metrics.losing_streak(results) == 2
    assert trade_metrics.payoff(results) is None
    assert trade_metrics.trade_figures(frame(*(trade(value, end=4) for value in results)))[
        "profit_factor"
    ] is None  # fmt: skip


def test_system_quality_needs_two_trades_that_differ() -> None:
    assert trade_metrics.system_quality(np.array([1.0])) is None
    assert trade_metrics.system_quality(np.array([2.0, 2.0, 2.0])) is None


def test_liquidations_are_counted() -> None:
    rows = [trade(-9.0, end=4, reason="liquidation"), trade(1.0, end=8)]
    assert trade_metrics.trade_figures(frame(*rows))["liquidations"] == 1


amounts = st.just(0.0) | st.floats(1e-9, 1e6) | st.floats(-1e6, -1e-9)


@given(st.lists(st.tuples(amounts, st.sampled_from(["signal", "stop", "open"])), max_size=30))
def test_figures_are_finite_or_none_and_expectancy_follows_from_win_rate_and_payoff(
    rows: list[tuple[float, str]],
) -> None:
    figures = trade_metrics.trade_figures(frame(*(trade(net, end=4, reason=reason) for net, reason in rows)))
    assert all(value is None or math.isfinite(value) for value in figures.values()), figures
    wins, payoff = figures["win_rate"], figures["payoff"]
    lost = [net for net, reason in rows if reason != "open" and net <= 0.0]
    if wins is not None and payoff is not None:
        mean_loss = -sum(lost) / len(lost)
        assert figures["expectancy"] == pytest.approx(
            mean_loss * (wins * payoff - (1.0 - wins)), rel=1e-6, abs=1e-6
        )


def test_held_hours_count_each_moment_of_a_symbol_once_and_none_outside_the_span() -> None:
    rows = [trade(1.0, end=4), trade(1.0, end=6), trade(1.0, end=20), trade(1.0, end=6, symbol="BBBUSDT")]
    start = int(START.timestamp() * 1000)
    hour = 3_600_000
    assert trade_metrics.held_hours(frame(*rows), start, start + 24 * hour) == 6.0 + 4.0 + 4.0
    assert trade_metrics.held_hours(frame(*rows), start + hour, start + 18 * hour) == 5.0 + 2.0 + 4.0
    assert trade_metrics.held_hours(frame(), start, start + hour) == 0.0
