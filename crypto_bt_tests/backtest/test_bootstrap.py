import math
import random

import numpy as np
import pytest

from crypto_bt.backtest import bootstrap
from crypto_bt.backtest.bootstrap import optimal_block_days, resampled_days
from crypto_bt.backtest.return_matrix import Floats
from crypto_bt.core.errors import BacktestError
from crypto_bt_tests.backtest.chance import slack


def _autoregressive(seed: int, rho: float, sets: int, days: int) -> Floats:
    shocks = np.random.default_rng(seed).normal(0.0, 0.02, (sets, days + 100))
    returns = np.zeros_like(shocks)
    for day in range(1, days + 100):
        returns[:, day] = rho * returns[:, day - 1] + shocks[:, day]
    return returns[:, 100:]


def _block_written_out(values: list[float]) -> float:
    """Politis and White (2004), with D = 2 g(0)^2 of the correction, sum by sum."""
    n = len(values)
    mean = math.fsum(values) / n
    most = min(math.ceil(math.sqrt(n)) + 5, n - 1)
    covariance = [
        math.fsum((values[day] - mean) * (values[day + lag] - mean) for day in range(n - lag)) / n
        for lag in range(most + 1)
    ]
    band = 2.0 * math.sqrt(math.log10(n) / n)
    counts = [abs(value / covariance[0]) >= band for value in covariance]
    felt = next(
        (lag for lag in range(most - 4) if not any(counts[lag + 1 : lag + 6])),
        max((lag for lag in range(1, most + 1) if counts[lag]), default=0),
    )
    width = min(max(2 * felt, 2), most)

    def window(lag: int) -> float:
        share = lag / width
        return 1.0 if share <= 0.5 else max(0.0, 2.0 * (1.0 - share))

    both = range(-most, most + 1)
    moment = math.fsum(window(abs(lag)) * abs(lag) * covariance[abs(lag)] for lag in both)
    spectrum = math.fsum(window(abs(lag)) * covariance[abs(lag)] for lag in both)
    length = (2.0 * moment**2 / (2.0 * spectrum**2)) ** (1.0 / 3.0) * n ** (1.0 / 3.0)
    return min(max(length, 1.0), 3.0 * math.sqrt(n), n / 3.0)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.8, 0.99, -0.5])
@pytest.mark.parametrize("days", [12, 60, 301])
def test_the_block_length_agrees_with_the_formula_written_out(rho: float, days: int) -> None:
    returns = _autoregressive(days, rho, 6, days)
    expected = [_block_written_out(row.tolist()) for row in returns]
    np.testing.assert_allclose(optimal_block_days(returns), expected, rtol=1e-9)


@pytest.mark.parametrize("rho", [0.3, 0.5, 0.7])
def test_the_block_length_of_an_autoregressive_series_is_near_the_theory(rho: float) -> None:
    days = 5_000
    theory = (2.0 * rho / (1.0 - rho**2)) ** (2.0 / 3.0) * days ** (1.0 / 3.0)
    assert np.median(optimal_block_days(_autoregressive(1, rho, 60, days))) == pytest.approx(theory, rel=0.25)


def test_independent_days_need_short_blocks_and_a_flat_set_none() -> None:
    returns = _autoregressive(2, 0.0, 200, 1_000)
    returns[0] = 0.0
    lengths = optimal_block_days(returns)
    assert lengths[0] == 1.0
    assert np.median(lengths) < 2.5


@pytest.mark.parametrize(("days", "longest"), [(30, 10.0), (400, 60.0)])
def test_no_block_is_longer_than_the_bound(days: int, longest: float) -> None:
    # Days that undo the day before have next to no risk in the long run, which calls for endless blocks.
    noise = np.random.default_rng(8).normal(0.0, 0.02, (300, days + 1))
    assert optimal_block_days(np.diff(noise, axis=1)).max() == pytest.approx(longest)


def test_leverage_does_not_change_the_block_length() -> None:
    returns = _autoregressive(4, 0.4, 3, 200)
    assert optimal_block_days(returns * 4.0).tolist() == optimal_block_days(returns).tolist()


def _all(days: int, block: float, resamples: int, seed: int) -> np.ndarray:
    return np.concatenate(list(resampled_days(days, block, resamples, seed)))


def test_the_same_seed_gives_the_same_days_however_many_are_drawn_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = _all(37, 4.0, 100, seed=5)
    assert whole.shape == (100, 37)
    for at_once in (1, 7, 1_000):
        monkeypatch.setattr(bootstrap, "_RESAMPLES_AT_ONCE", at_once)
        assert _all(37, 4.0, 100, seed=5).tobytes() == whole.tobytes()
    assert _all(37, 4.0, 50, seed=5).tobytes() == whole[:50].tobytes()
    assert _all(37, 4.0, 100, seed=6).tobytes() != whole.tobytes()


def test_blocks_of_one_day_are_independent_days_and_endless_blocks_one_turned_history() -> None:
    single = _all(10, 1.0, 4_000, seed=1)
    assert np.mean(np.diff(single, axis=1) % 10 == 1) == pytest.approx(0.1, abs=slack(36_000, 0.1))
    turned = _all(10, 1e12, 200, seed=1)
    assert (np.diff(turned, axis=1) % 10 == 1).all()
    assert set(turned[:, 0].tolist()) == set(range(10))


def test_every_day_is_as_likely_in_every_place() -> None:
    resamples = 20_000
    chosen = _all(8, 3.0, resamples, seed=2)
    for place in range(8):
        share = np.bincount(chosen[:, place], minlength=8) / resamples
        np.testing.assert_allclose(share, 1 / 8, atol=slack(resamples, 1 / 8) * 1.25)


def test_blocks_are_as_long_as_asked_for() -> None:
    days, block = 50, 5.0
    follows = np.diff(_all(days, block, 4_000, seed=3), axis=1) % days == 1
    expected = 1.0 - 1.0 / block + 1.0 / block / days
    assert follows.mean() == pytest.approx(expected, abs=slack(follows.size, expected))


def test_the_variance_of_the_resampled_mean_is_that_of_a_bootstrap_written_out() -> None:
    returns = _autoregressive(6, 0.6, 1, 60)[0]
    block, resamples, draw = 6.0, 4_000, random.Random(9)
    means = []
    for _ in range(resamples):
        day, total = 0, 0.0
        for place in range(60):
            day = draw.randrange(60) if place == 0 or draw.random() < 1.0 / block else (day + 1) % 60
            total += float(returns[day])
        means.append(total / 60)
    ours = returns[_all(60, block, resamples, seed=7)].mean(axis=1)
    # The relative error of a variance of n normal draws is sqrt(2 / n); both sides have one.
    assert ours.var() == pytest.approx(np.var(means), rel=4.0 * math.sqrt(4.0 / resamples))
    assert ours.mean() == pytest.approx(np.mean(means), abs=4.0 * ours.std() * math.sqrt(2.0 / resamples))


@pytest.mark.parametrize(
    ("days", "block", "resamples"), [(0, 2.0, 5), (5, 0.9, 5), (5, math.nan, 5), (5, 2.0, 0)]
)
def test_impossible_resamples_are_refused(days: int, block: float, resamples: int) -> None:
    with pytest.raises(BacktestError, match=f"{resamples} resamples of {days} days"):
        next(resampled_days(days, block, resamples, seed=1))
