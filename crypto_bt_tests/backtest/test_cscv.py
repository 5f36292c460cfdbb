import math
from itertools import combinations

import numpy as np
import pytest

from crypto_bt.backtest import cscv
from crypto_bt.backtest.cscv import Cscv, cross_validate
from crypto_bt.backtest.return_matrix import Floats
from crypto_bt.core.errors import BacktestError


def _noise(seed: int, sets: int, days: int) -> Floats:
    return np.random.default_rng(seed).normal(0.0, 0.02, (sets, days))


def _sharpe(returns: Floats) -> float:
    deviation = float(np.std(returns, ddof=1))
    return float(np.mean(returns)) / deviation * math.sqrt(365) if deviation > 1e-15 else 0.0


def _written_out(returns: Floats, blocks: int) -> tuple[list[float], list[float], list[float]]:
    """Logits and Sharpe ratios of the picks, split by split, as the paper's procedure has them."""
    sets, days = returns.shape
    length = days // blocks
    parts = np.split(returns[:, days - length * blocks :], blocks, axis=1)
    logits, picked_at, judged_at = [], [], []
    for chosen in combinations(range(blocks), blocks // 2):
        training = np.concatenate([parts[block] for block in chosen], axis=1)
        testing = np.concatenate([parts[block] for block in range(blocks) if block not in chosen], axis=1)
        before, after = [_sharpe(row) for row in training], [_sharpe(row) for row in testing]
        pick = before.index(max(before))
        rank = sum(1 for value in after if value < after[pick])
        rank += (sum(1 for value in after if value == after[pick]) + 1) / 2
        relative = rank / (sets + 1)
        logits.append(math.log(relative / (1.0 - relative)))
        picked_at.append(before[pick])
        judged_at.append(after[pick])
    return logits, picked_at, judged_at


@pytest.mark.parametrize(("sets", "days", "blocks"), [(7, 40, 4), (12, 65, 6), (10, 83, 8), (2, 9, 2)])
def test_it_agrees_with_the_procedure_written_out(sets: int, days: int, blocks: int) -> None:
    returns = _noise(sets, sets, days)
    found = cross_validate(returns, blocks=blocks)
    logits, before, after = _written_out(returns, blocks)
    np.testing.assert_allclose(found.logits, logits, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.in_sample, before, rtol=1e-9)
    np.testing.assert_allclose(found.out_of_sample, after, rtol=1e-9)
    below, at = (sum(test(value) for value in logits) for test in (lambda x: x < 0.0, lambda x: x == 0.0))
    assert found.pbo == pytest.approx((below + at / 2) / len(logits))
    assert found.probability_of_loss == pytest.approx(np.mean(np.array(after) < 0.0))
    if len(set(before)) > 2:
        slope, intercept = np.polyfit(before, after, 1)
        assert found.degradation_slope == pytest.approx(slope, rel=1e-6)
        assert found.degradation_intercept == pytest.approx(intercept, rel=1e-6)
    assert (found.blocks, found.days) == (blocks, days // blocks * blocks)


def test_sixteen_blocks_give_every_one_of_the_12870_splits() -> None:
    found = cross_validate(_noise(1, 5, 64))
    assert len(found.logits) == math.comb(16, 8) == 12_870


def test_sets_that_do_not_trade_have_the_sharpe_ratio_0() -> None:
    returns = -np.abs(_noise(2, 4, 60))
    returns[1] = 0.0
    returns[3, 30:] = 0.001
    found = cross_validate(returns, blocks=4)
    assert found.in_sample.tolist() == [0.0] * 6
    assert found.probability_of_loss < 1.0
    assert np.isfinite(found.logits).all()


def test_sets_that_are_all_alike_are_neither_overfit_nor_not() -> None:
    found = cross_validate(np.repeat(_noise(3, 1, 64), 6, axis=0), blocks=8)
    assert found.pbo == 0.5
    assert not found.logits.any()


def test_picks_that_all_look_equally_good_have_no_slope() -> None:
    found = cross_validate(np.zeros((3, 32)), blocks=4)
    assert (found.degradation_slope, found.degradation_intercept) == (None, None)
    assert (found.pbo, found.probability_of_loss) == (0.5, 0.0)


def _figures(found: Cscv) -> tuple[object, ...]:
    return (
        found.pbo,
        found.degradation_slope,
        found.logits.tobytes(),
        found.in_sample.tobytes(),
        found.out_of_sample.tobytes(),
    )


def test_the_bytes_do_not_depend_on_how_many_splits_are_taken_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    returns = _noise(4, 30, 100)
    whole = _figures(cross_validate(returns, blocks=8))
    for values in (1, 30 * 7, 1 << 24):
        monkeypatch.setattr(cscv, "_VALUES_AT_ONCE", values)
        assert _figures(cross_validate(returns, blocks=8)) == whole


def test_neither_the_order_of_the_sets_nor_their_leverage_changes_anything() -> None:
    returns = _noise(5, 20, 120)
    turned = returns[::-1] * np.exp2(np.arange(20) % 4)[:, np.newaxis]
    assert _figures(cross_validate(turned, blocks=8)) == _figures(cross_validate(returns, blocks=8))


def test_picking_among_noise_is_overfit_half_of_the_time() -> None:
    found = np.array([cross_validate(_noise(100 + seed, 50, 160), blocks=8).pbo for seed in range(150)])
    assert found.mean() == pytest.approx(0.5, abs=4.0 * found.std(ddof=1) / math.sqrt(150))


def test_a_set_that_is_truly_better_is_not_overfit() -> None:
    returns = _noise(6, 100, 1_040)
    returns[40] += 0.02 * 0.3
    found = cross_validate(returns, blocks=10)
    assert found.pbo < 0.02
    assert found.probability_of_loss < 0.02


def test_sets_that_each_fit_one_stretch_by_heart_are_overfit() -> None:
    returns = _noise(7, 8, 160) - 0.004
    for row in range(8):
        returns[row, row * 20 : row * 20 + 20] += 0.03
    found = cross_validate(returns, blocks=8)
    assert found.pbo > 0.9
    assert found.probability_of_loss > 0.5
    assert found.degradation_slope is not None
    assert found.degradation_slope < 0.0


@pytest.mark.parametrize("blocks", [0, 3, 18])
def test_a_number_of_blocks_that_cannot_be_halved_or_is_too_large_is_refused(blocks: int) -> None:
    with pytest.raises(BacktestError, match=f"{blocks} blocks"):
        cross_validate(_noise(8, 5, 100), blocks=blocks)


@pytest.mark.parametrize("shape", [(1, 100), (5, 31)])
def test_too_few_sets_or_days_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(BacktestError, match="needed"):
        cross_validate(np.zeros(shape), blocks=16)
