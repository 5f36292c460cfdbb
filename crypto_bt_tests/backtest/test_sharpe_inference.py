import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.backtest import metrics
from crypto_bt.backtest.return_matrix import Floats
from crypto_bt.backtest.sharpe_inference import (
    SharpeEstimate,
    deflated_sharpe,
    effective_trials,
    expected_best_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_estimate,
    sharpe_variance,
)
from crypto_bt.core.errors import BacktestError
from crypto_bt_tests.backtest.chance import slack

# Of the 2014 paper: 5 years of 250 days, annual Sharpe ratio 2.5, variance over the trials 1/2 a year.
_OF_THE_PAPER = SharpeEstimate(sharpe=2.5 / math.sqrt(250), days=1_250, skewness=-3.0, kurtosis=10.0)
_VARIANCE_OF_THE_PAPER = 0.5 / 250


def _noise(seed: int, sets: int, days: int) -> Floats:
    return np.random.default_rng(seed).normal(0.0, 0.02, (sets, days))


def test_psr_gives_the_figures_of_the_2012_paper() -> None:
    # Two years of monthly returns, annual Sharpe ratio 1.59: sure enough if normal, not with these moments.
    assert probabilistic_sharpe(SharpeEstimate(0.458, 24)) == pytest.approx(0.982, abs=5e-4)
    uneven = SharpeEstimate(0.458, 24, skewness=-2.448, kurtosis=10.164)
    assert probabilistic_sharpe(uneven) == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(("periods", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_minimum_track_record_gives_the_figures_of_the_2012_paper(periods: int, years: float) -> None:
    # An annual Sharpe ratio of 2 shown to be above 1, of normal daily, weekly and monthly returns.
    record = minimum_track_record(SharpeEstimate(2.0 / math.sqrt(periods), 100), 1.0 / math.sqrt(periods))
    assert record is not None
    assert record / periods == pytest.approx(years, abs=5e-3)


def test_dsr_gives_the_figures_of_the_2014_paper() -> None:
    assert expected_best_sharpe(100, _VARIANCE_OF_THE_PAPER) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(_OF_THE_PAPER, 100, _VARIANCE_OF_THE_PAPER) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(_OF_THE_PAPER, 46, _VARIANCE_OF_THE_PAPER) == pytest.approx(0.9505, abs=5e-5)
    normal = SharpeEstimate(_OF_THE_PAPER.sharpe, _OF_THE_PAPER.days)
    assert deflated_sharpe(normal, 88, _VARIANCE_OF_THE_PAPER) == pytest.approx(0.9505, abs=5e-5)


def test_the_estimate_is_that_of_the_moments_written_out() -> None:
    returns = np.random.default_rng(3).gamma(2.0, 0.01, 400) - 0.019
    estimate = sharpe_estimate(returns)
    assert estimate is not None
    values, n = returns.tolist(), len(returns)
    mean = math.fsum(values) / n
    second, third, fourth = (
        math.fsum((value - mean) ** power for value in values) / n for power in (2, 3, 4)
    )
    assert estimate.sharpe == pytest.approx(mean / math.sqrt(second * n / (n - 1)), rel=1e-12)
    assert estimate.skewness == pytest.approx(third / second**1.5, rel=1e-12)
    assert estimate.kurtosis == pytest.approx(fourth / second**2, rel=1e-12)
    equity = np.cumprod(np.concatenate([[1.0], 1.0 + returns]))
    assert metrics.sharpe(equity) == pytest.approx(estimate.sharpe * math.sqrt(365), rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(
    sharpe=st.floats(0.01, 0.5),
    below=st.floats(0.005, 0.5),
    skewness=st.floats(-3.0, 3.0),
    confidence=st.floats(0.6, 0.99),
)
def test_after_the_minimum_track_record_psr_is_the_confidence(
    sharpe: float, below: float, skewness: float, confidence: float
) -> None:
    kurtosis = skewness**2 + 2.0
    days = minimum_track_record(SharpeEstimate(sharpe, 50, skewness, kurtosis), sharpe - below, confidence)
    assert days is not None
    spread = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    assert NormalDist().cdf(below * math.sqrt((days - 1.0) / spread)) == pytest.approx(confidence, abs=1e-9)


def test_no_track_record_is_long_enough_for_a_sharpe_that_is_not_above_the_benchmark() -> None:
    assert minimum_track_record(SharpeEstimate(0.05, 300), 0.05) is None
    assert minimum_track_record(SharpeEstimate(-0.05, 300)) is None


def test_returns_that_do_not_vary_have_no_estimate() -> None:
    assert sharpe_estimate(np.zeros(100)) is None
    assert sharpe_estimate(np.full(100, 0.001)) is None


def test_moments_without_any_error_give_no_probability() -> None:
    certain = SharpeEstimate(sharpe=1.0, days=10, skewness=2.0, kurtosis=5.0)
    assert certain.standard_error == 0.0
    assert probabilistic_sharpe(certain) is None


@pytest.mark.parametrize("trials", [2, 10, 1_000, 10**6, 10**18])
def test_the_expected_best_of_trials_is_near_the_mean_of_the_maximum_of_normal_draws(trials: int) -> None:
    # The mean of the maximum: the integral of 1 - F^N above 0 less that of F^N below.
    grid = np.linspace(-12.0, 12.0, 24_001)
    upper = np.array([0.5 * math.erfc(value / math.sqrt(2.0)) for value in grid])
    below = np.exp(trials * np.log1p(-np.minimum(upper, 1.0 - 1e-16)))
    mean = float(np.where(grid > 0.0, 1.0 - below, -below).sum()) * (grid[1] - grid[0])
    assert expected_best_sharpe(trials, 1.0) == pytest.approx(mean, rel=0.1 if trials == 2 else 0.03)


def test_one_trial_is_not_deflated_and_more_trials_deflate_more() -> None:
    assert expected_best_sharpe(1, 0.3) == 0.0
    assert deflated_sharpe(_OF_THE_PAPER, 1, 0.3) == probabilistic_sharpe(_OF_THE_PAPER)
    best = [expected_best_sharpe(1.0 + 0.25 * step, 0.01) for step in range(400)]
    assert best == sorted(best)


@pytest.mark.parametrize(("trials", "variance"), [(0.5, 0.1), (math.inf, 0.1), (math.nan, 0.1), (5, -0.1)])
def test_impossible_trials_are_refused(trials: float, variance: float) -> None:
    with pytest.raises(BacktestError, match="trials"):
        expected_best_sharpe(trials, variance)


@pytest.mark.parametrize("confidence", [0.5, 1.0, 95.0])
def test_an_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(BacktestError, match=str(confidence)):
        minimum_track_record(SharpeEstimate(0.1, 100), confidence=confidence)


def test_the_variance_of_the_trials_leaves_out_sets_that_never_traded() -> None:
    returns = _noise(4, 6, 200)
    returns[2] = 0.0
    sharpes = [row.mean() / row.std(ddof=1) for row in returns if row.any()]
    assert sharpe_variance(returns) == pytest.approx(np.var(sharpes, ddof=1), rel=1e-12)
    assert sharpe_variance(returns[2:4]) is None


def test_effective_trials_follow_the_mean_correlation() -> None:
    returns = _noise(5, 12, 300) + np.random.default_rng(6).normal(0.0, 0.02, 300)
    pairs = np.corrcoef(returns)[np.triu_indices(12, 1)]
    assert effective_trials(returns) == pytest.approx(pairs.mean() + (1.0 - pairs.mean()) * 12, rel=1e-12)
    assert 2.0 < effective_trials(returns) < 11.0


def test_copies_count_once_and_opposites_twice() -> None:
    one = _noise(7, 1, 300)
    assert effective_trials(np.repeat(one, 9, axis=0) * np.arange(1, 10)[:, None]) == pytest.approx(1.0)
    assert effective_trials(np.concatenate([one, -one])) == 2.0
    assert effective_trials(np.zeros((5, 300))) == 1.0


def test_psr_calls_a_worthless_strategy_good_as_often_as_it_says() -> None:
    runs = 2_000
    found = [
        probabilistic_sharpe(estimate) for row in _noise(8, runs, 250) if (estimate := sharpe_estimate(row))
    ]
    assert np.mean([value is not None and value > 0.95 for value in found]) == pytest.approx(
        0.05, abs=slack(runs, 0.05)
    )


def test_dsr_stays_below_its_error_rate_where_psr_of_the_best_is_nearly_always_wrong() -> None:
    runs, naive, deflated = 300, 0, 0
    for seed in range(runs):
        returns = _noise(1_000 + seed, 50, 250)
        best = sharpe_estimate(returns[(returns.mean(axis=1) / returns.std(axis=1)).argmax()])
        variance = sharpe_variance(returns)
        assert best is not None
        assert variance is not None
        naive += (probabilistic_sharpe(best) or 0.0) > 0.95
        deflated += (deflated_sharpe(best, effective_trials(returns), variance) or 0.0) > 0.95
    assert naive / runs == pytest.approx(1.0 - 0.95**50, abs=slack(runs, 1.0 - 0.95**50))
    assert deflated / runs <= 0.05


def test_dsr_sees_a_strategy_that_is_truly_good_among_worthless_ones() -> None:
    found = 0
    for seed in range(50):
        returns = _noise(2_000 + seed, 50, 1_095)
        returns[17] += 0.02 * 0.25
        best, variance = sharpe_estimate(returns[17]), sharpe_variance(returns)
        assert best is not None
        assert variance is not None
        found += (deflated_sharpe(best, 50, variance) or 0.0) > 0.95
    assert found >= 45
