import math
from collections.abc import Callable

import numpy as np
import pytest

from crypto_bt.backtest import bootstrap, metrics
from crypto_bt.backtest.bootstrap import resampled_days
from crypto_bt.backtest.bootstrap_intervals import drawdown_interval, sharpe_interval
from crypto_bt.backtest.return_matrix import Floats
from crypto_bt.backtest.sharpe_inference import sharpe_estimate
from crypto_bt.core.errors import BacktestError
from crypto_bt_tests.backtest.chance import slack

_DAYS = 250
_MEAN = 0.001


def _normal(generator: np.random.Generator) -> Floats:
    return generator.normal(_MEAN, 0.02, _DAYS)


def _heavy_tailed(generator: np.random.Generator) -> Floats:
    return _MEAN + 0.02 / math.sqrt(5.0 / 3.0) * generator.standard_t(5, _DAYS)


def _rare_large_losses(generator: np.random.Generator) -> Floats:
    return _MEAN + 0.02 * (1.0 - generator.exponential(1.0, _DAYS))


def _persistent(generator: np.random.Generator) -> Floats:
    shocks = generator.normal(0.0, 0.02 * math.sqrt(1.0 - 0.3**2), _DAYS + 50)
    returns = np.zeros(_DAYS + 50)
    for day in range(1, _DAYS + 50):
        returns[day] = 0.3 * returns[day - 1] + shocks[day]
    return returns[50:] + _MEAN


def _deepest(returns: Floats) -> float:
    return metrics.max_drawdown(np.cumprod(np.concatenate([[1.0], 1.0 + returns])))


def test_the_sharpe_interval_is_that_of_the_studentised_resamples_written_out() -> None:
    returns = _rare_large_losses(np.random.default_rng(1))
    measured = sharpe_estimate(returns)
    assert measured is not None
    distances = []
    for chosen in np.concatenate(list(resampled_days(_DAYS, 3.0, 200, 5))):
        resampled = sharpe_estimate(returns[chosen])
        assert resampled is not None
        distances.append((resampled.sharpe - measured.sharpe) / resampled.standard_error)
    lowest, highest = np.quantile(distances, [0.05, 0.95])
    found = sharpe_interval(returns, seed=5, confidence=0.9, resamples=200, block_days=3.0)
    assert found is not None
    assert found.low == pytest.approx(
        (measured.sharpe - highest * measured.standard_error) * math.sqrt(365), rel=1e-9
    )
    assert found.high == pytest.approx(
        (measured.sharpe - lowest * measured.standard_error) * math.sqrt(365), rel=1e-9
    )


def test_the_drawdown_interval_is_that_of_the_twice_resampled_histories_written_out() -> None:
    returns = _normal(np.random.default_rng(2))
    returns[100] = -0.4
    first = np.concatenate(list(resampled_days(_DAYS, 3.0, 150, 5)))
    second = np.concatenate(list(resampled_days(_DAYS, 3.0, 150, 6)))
    deepest = [_deepest(returns[one][two]) for one, two in zip(first, second, strict=True)]
    found = drawdown_interval(returns, seed=5, confidence=0.9, resamples=150, block_days=3.0)
    assert [found.low, found.high] == pytest.approx(np.quantile(deepest, [0.05, 0.95]).tolist(), rel=1e-9)


@pytest.mark.parametrize("market", [_normal, _heavy_tailed, _rare_large_losses, _persistent])
def test_the_bounds_hold_about_as_often_as_they_say(market: Callable[[np.random.Generator], Floats]) -> None:
    runs, confidence = 200, 0.9
    generator = np.random.default_rng(77)
    truth = _MEAN / 0.02 * math.sqrt(365)
    sharpe_held = drawdown_held = 0
    for seed in range(runs):
        past, future = market(generator), market(generator)
        sharpe = sharpe_interval(past, seed=seed, confidence=confidence, resamples=150)
        assert sharpe is not None
        sharpe_held += sharpe.low <= truth <= sharpe.high
        drawdown = drawdown_interval(past, seed=seed, confidence=confidence, resamples=150)
        drawdown_held += drawdown.low <= _deepest(future) <= drawdown.high
    # 250 days show only part of how long persistent returns are felt.
    allowed = slack(runs, confidence) + (0.05 if market is _persistent else 0.0)
    assert sharpe_held / runs == pytest.approx(confidence, abs=allowed)
    assert drawdown_held / runs == pytest.approx(confidence, abs=allowed)


def test_the_bytes_depend_on_the_seed_but_not_on_how_much_is_done_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    returns = _heavy_tailed(np.random.default_rng(3))

    def both(seed: int) -> tuple[object, object]:
        return sharpe_interval(returns, seed=seed, resamples=90), drawdown_interval(
            returns, seed=seed, resamples=90
        )

    whole = both(4)
    for at_once in (1, 11, 1_000):
        monkeypatch.setattr(bootstrap, "_RESAMPLES_AT_ONCE", at_once)
        assert both(4) == whole
    assert both(5) != whole


def test_more_confidence_asks_for_wider_bounds() -> None:
    returns = _normal(np.random.default_rng(4))
    wide, narrow = (sharpe_interval(returns, seed=1, confidence=level) for level in (0.99, 0.8))
    assert wide is not None
    assert narrow is not None
    assert wide.low < narrow.low < narrow.high < wide.high
    deep, shallow = (drawdown_interval(returns, seed=1, confidence=level) for level in (0.99, 0.8))
    assert deep.low < shallow.low < shallow.high < deep.high <= 0.0


def test_a_flat_history_has_no_sharpe_ratio_and_no_drawdown() -> None:
    flat = np.zeros(60)
    assert sharpe_interval(flat, seed=1) is None
    found = drawdown_interval(flat, seed=1, resamples=50)
    assert (found.low, found.high) == (0.0, 0.0)


def test_a_single_day_with_a_return_gives_finite_bounds() -> None:
    returns = np.zeros(60)
    returns[30] = 0.05
    found = sharpe_interval(returns, seed=1, resamples=200)
    assert found is not None
    assert math.isfinite(found.low)
    assert math.isfinite(found.high)


def test_a_history_that_lost_everything_has_the_deepest_drawdown() -> None:
    returns = np.full(60, 0.01)
    returns[5:] = 0.0
    returns[4] = -1.0
    found = drawdown_interval(returns, seed=1, resamples=400)
    assert found.low == -1.0


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_an_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(BacktestError, match=str(confidence)):
        drawdown_interval(np.zeros(60), seed=1, confidence=confidence)


def test_too_few_days_are_refused() -> None:
    with pytest.raises(BacktestError, match=r"\(1, 9\)"):
        sharpe_interval(np.zeros(9), seed=1)
