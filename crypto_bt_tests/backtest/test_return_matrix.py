import numpy as np
import pytest

from crypto_bt.backtest import metrics
from crypto_bt.backtest.return_matrix import checked_matrix, checked_series, matrix_returns
from crypto_bt.core.errors import BacktestError


def test_the_returns_of_a_matrix_are_those_of_its_rows() -> None:
    steps = np.random.default_rng(1).normal(0.001, 0.02, (4, 30))
    equity = 1_000.0 * np.cumprod(np.concatenate([np.ones((4, 1)), 1.0 + steps], axis=1), axis=1)
    equity[2, 10:] = 0.0
    returns = matrix_returns(equity)
    assert returns.shape == (4, 30)
    for row, of_row in zip(returns, equity, strict=True):
        assert row.tolist() == metrics.daily_returns(of_row).tolist()


@pytest.mark.parametrize("shape", [(30,), (0, 30), (3, 1), (2, 3, 4)])
def test_another_shape_is_refused_with_the_shape_seen(shape: tuple[int, ...]) -> None:
    with pytest.raises(BacktestError, match=r"shape \("):
        checked_matrix(np.zeros(shape))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_refused_with_its_place(bad: float) -> None:
    returns = np.zeros((3, 20))
    returns[2, 7] = bad
    with pytest.raises(BacktestError, match="set 2 on day 7"):
        checked_matrix(returns)


def test_a_series_must_have_one_axis() -> None:
    with pytest.raises(BacktestError, match=r"\(1, 20\)"):
        checked_series(np.zeros((1, 20)))
