"""The metrics by hand, and where they are not defined."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.backtest import metrics

CURVE = np.array([100.0, 110.0, 99.0, 108.9])
RETURNS = [0.1, -0.1, 0.1]


def test_metrics_of_a_small_curve_are_those_computed_by_hand() -> None:
    deviation = math.sqrt(sum((r - 0.1 / 3) ** 2 for r in RETURNS) / 2)
    assert metrics.net_return(CURVE) == pytest.approx(0.089)
    assert metrics.annual_return(CURVE) == pytest.approx(1.089 ** (365 / 3) - 1)
    assert metrics.volatility(CURVE) == pytest.approx(deviation * math.sqrt(365))
    assert metrics.sharpe(CURVE) == pytest.approx(0.1 / 3 / deviation * math.sqrt(365))
    assert metrics.sortino(CURVE) == pytest.approx(0.1 / 3 / math.sqrt(0.01 / 3) * math.sqrt(365))
    assert metrics.max_drawdown(CURVE) == pytest.approx(-0.1)
    assert metrics.calmar(CURVE) == pytest.approx((1.089 ** (365 / 3) - 1) / 0.1)


def test_metrics_of_a_flat_curve_are_undefined_not_infinite() -> None:
    flat = np.full(10, 5.0)
    assert metrics.sharpe(flat) is metrics.sortino(flat) is metrics.calmar(flat) is None
    assert metrics.volatility(flat) == metrics.net_return(flat) == metrics.max_drawdown(flat) == 0.0


def test_metrics_of_a_curve_that_only_rises_have_no_sortino_and_no_calmar() -> None:
    rising = np.array([1.0, 1.1, 1.3, 1.4])
    assert metrics.sortino(rising) is None
    assert metrics.calmar(rising) is None
    assert (metrics.sharpe(rising) or 0.0) > 0.0


def test_metrics_of_a_single_day_have_no_volatility() -> None:
    assert metrics.volatility(np.array([1.0, 1.2])) is None
    assert metrics.sharpe(np.array([1.0, 1.2])) is None
    assert metrics.annual_return(np.array([1.0])) is None


def test_metrics_of_a_lost_account_are_finite() -> None:
    lost = np.array([1.0, 0.5, 0.0, 0.0])
    assert metrics.daily_returns(lost).tolist() == [-0.5, -1.0, 0.0]
    assert metrics.net_return(lost) == metrics.annual_return(lost) == metrics.max_drawdown(lost) == -1.0


def test_metrics_growth_beyond_a_float_is_undefined() -> None:
    assert metrics.annual_return(np.array([1.0, 1e6])) is None


def test_ratios_without_a_denominator_are_undefined() -> None:
    assert metrics.win_rate(0, 0) is metrics.profit_factor(5.0, 0.0) is metrics.exposure(0, 0) is None
    assert (metrics.win_rate(3, 4), metrics.profit_factor(6.0, 3.0), metrics.exposure(1, 4)) == (
        0.75,
        2.0,
        0.25,
    )


@given(st.lists(st.just(0.0) | st.floats(1e-6, 1e6), min_size=1, max_size=60), st.floats(1e-3, 1e6))
def test_metrics_are_never_infinite_or_nan(marks: list[float], first: float) -> None:
    curve = np.array([first, *marks])
    for function in (
        metrics.net_return,
        metrics.annual_return,
        metrics.volatility,
        metrics.sharpe,
        metrics.sortino,
        metrics.max_drawdown,
        metrics.calmar,
    ):
        value = function(curve)
        assert value is None or math.isfinite(value), (function.__name__, curve)


@given(st.lists(st.floats(0.5, 1.5), min_size=3, max_size=60), st.integers(-8, 8))
def test_metrics_do_not_depend_on_the_unit_of_money(steps: list[float], power: int) -> None:
    curve = np.cumprod([1.0, *steps])
    assert metrics.sharpe(curve) == metrics.sharpe(curve * 2.0**power)
    assert metrics.calmar(curve) == metrics.calmar(curve * 2.0**power)


def test_tail_figures_of_returns_from_minus_10_to_10_percent_are_those_computed_by_hand() -> None:
    returns = np.arange(-10, 11) / 100.0
    curve = np.cumprod(np.append(1.0, 1.0 + np.random.default_rng(1).permutation(returns)))
    assert metrics.value_at_risk(curve) == pytest.approx(-0.09)
    assert metrics.conditional_value_at_risk(curve) == pytest.approx((-0.10 - 0.09) / 2)
    assert metrics.omega(curve) == pytest.approx(1.0)


def test_omega_without_a_losing_day_and_tails_without_a_day_are_undefined() -> None:
    assert metrics.omega(np.array([1.0, 1.1, 1.1])) is None
    assert metrics.value_at_risk(np.array([1.0])) is None
    assert metrics.conditional_value_at_risk(np.array([1.0])) is None


@pytest.mark.parametrize(
    ("marks", "deepest", "longest"),
    [
        ([1.0, 1.0, 1.1, 1.2], 0, 0),
        ([1.0, 0.9, 1.0], 2, 2),
        ([1.0, 0.9, 0.8, 0.9], 3, 3),
        ([1.0, 0.95, 0.96, 0.97, 1.0, 1.2, 0.9, 1.3], 2, 4),
        ([1.0, 0.5, 1.0, 0.9, 0.9, 0.9], 2, 3),
        ([1.0], 0, 0),
    ],
)
def test_drawdown_lasts_from_its_peak_to_the_day_it_is_made_good_or_to_the_end(
    marks: list[float], deepest: int, longest: int
) -> None:
    assert metrics.max_drawdown_days(np.array(marks)) == deepest
    assert metrics.longest_drawdown_days(np.array(marks)) == longest


def test_turnover_of_one_round_trip_of_the_whole_account_in_a_year_is_two() -> None:
    year = np.full(366, 50.0)
    assert metrics.turnover(100.0, year) == pytest.approx(2.0)
    assert metrics.turnover(100.0, year[:1]) is None
    assert metrics.turnover(0.0, np.zeros(3)) is None


@given(st.lists(st.just(0.0) | st.floats(1e-6, 1e6), min_size=1, max_size=60), st.floats(1e-3, 1e6))
def test_return_figures_are_finite_or_none_and_the_deepest_drawdown_is_not_longer_than_the_longest(
    marks: list[float], first: float
) -> None:
    figures = metrics.return_figures(np.array([first, *marks]))
    assert all(value is None or math.isfinite(value) for value in figures.values()), figures
    assert 0 <= (figures["max_drawdown_days"] or 0) <= (figures["longest_drawdown_days"] or 0) <= len(marks)


@given(st.lists(st.floats(0.5, 1.5), min_size=1, max_size=200))
def test_tail_mean_is_not_better_than_the_tail_quantile(steps: list[float]) -> None:
    curve = np.cumprod([1.0, *steps])
    worst, quantile = metrics.conditional_value_at_risk(curve), metrics.value_at_risk(curve)
    assert worst is not None
    assert quantile is not None
    assert worst <= quantile + 1e-12
