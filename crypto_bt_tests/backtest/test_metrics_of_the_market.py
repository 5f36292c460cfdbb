"""Alpha, beta and months by hand, and where they are not defined."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.backtest import market_factor
from crypto_bt.backtest.monthly import MONTHLY_SCHEMA, monthly_returns
from crypto_bt_tests.backtest.markets import START, candles

MARKET = np.cumprod([100.0, 1.02, 0.97, 1.05, 0.99, 1.01])


def compounded(returns: np.ndarray) -> np.ndarray:
    """Daily marks that begin with 1."""
    return np.cumprod(np.append(1.0, 1.0 + returns))


def test_twice_the_market_plus_a_tenth_of_a_percent_a_day_has_beta_two_and_that_alpha() -> None:
    curve = compounded(2.0 * (MARKET[1:] / MARKET[:-1] - 1.0) + 0.001)
    assert market_factor.beta(curve, MARKET) == pytest.approx(2.0)
    assert market_factor.alpha(curve, MARKET) == pytest.approx(1.001**365 - 1.0)


def test_days_without_a_market_price_are_left_out() -> None:
    curve = compounded(2.0 * (MARKET[1:] / MARKET[:-1] - 1.0))
    late = np.append(np.full(2, np.nan), MARKET[2:])
    curve[:2] = 5.0
    assert market_factor.beta(curve, late) == pytest.approx(2.0)


def test_alpha_and_beta_of_a_market_that_stands_still_or_is_not_known_are_undefined() -> None:
    for market in (np.full(6, 3.0), np.full(6, np.nan)):
        assert market_factor.beta(MARKET, market) is market_factor.alpha(MARKET, market) is None


def test_alpha_beyond_a_float_is_undefined() -> None:
    assert market_factor.alpha(compounded(np.array([9.0, 9.0, 9.5, 9.0, 9.0])), MARKET) is None


def test_market_marks_are_the_last_close_before_each_midnight() -> None:
    rows = [(1.0 + i, 90.0, 0.5, 10.0 + i) for i in range(12)]
    frame = candles({"BTCUSDT": [None] * 6 + rows, "ETHUSDT": [(5.0, 5.0, 5.0, 5.0)]})  # type: ignore[list-item]
    midnights = [START + timedelta(days=day) for day in range(6)]
    end_ms = np.array([int(moment.timestamp()) * 1_000 for moment in midnights])
    marks = market_factor.market_marks(frame, end_ms)
    assert np.isnan(marks[0])
    assert marks[1:].tolist() == [1.0, 15.0, 21.0, 21.0, 21.0]
    assert np.isnan(market_factor.market_marks(frame, end_ms, "XRPUSDT")).all()


def equity_frame(first: datetime, marks: list[float]) -> pl.DataFrame:
    """Daily marks from ``first`` on."""
    times = [first + timedelta(days=day) for day in range(len(marks))]
    return pl.DataFrame({"time": times, "equity": marks})


def test_mark_at_the_first_of_a_month_belongs_to_the_month_before() -> None:
    frame = equity_frame(datetime(2024, 12, 30, tzinfo=UTC), [1.0, 1.1, 1.2, 0.6])
    table = monthly_returns(frame)
    assert table.schema == pl.Schema(MONTHLY_SCHEMA)
    assert table.select("year", "month").rows() == [(2024, 12), (2025, 1)]
    assert table["return"].to_list() == pytest.approx([0.2, -0.5])


def test_months_after_everything_was_lost_return_nothing() -> None:
    table = monthly_returns(equity_frame(datetime(2025, 1, 30, tzinfo=UTC), [1.0, 0.5, 0.0, 0.0, 0.0]))
    assert table["return"].to_list() == [-1.0, 0.0]


def test_start_without_a_day_has_no_months() -> None:
    assert monthly_returns(equity_frame(START, [1.0])).is_empty()


@given(st.lists(st.floats(0.9, 1.1), min_size=1, max_size=120), st.integers(0, 400))
def test_months_multiply_to_the_whole_growth(steps: list[float], offset: int) -> None:
    marks = np.cumprod([1.0, *steps])
    table = monthly_returns(equity_frame(START + timedelta(days=offset), marks.tolist()))
    assert np.prod(1.0 + table["return"].to_numpy()) == pytest.approx(marks[-1])
