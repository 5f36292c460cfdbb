import math

import numpy as np
import pytest

from crypto_bt.backtest import bootstrap, data_snooping
from crypto_bt.backtest.bootstrap import optimal_block_days, resampled_days
from crypto_bt.backtest.data_snooping import DataSnooping, superior_to
from crypto_bt.backtest.return_matrix import Floats
from crypto_bt.core.errors import BacktestError
from crypto_bt_tests.backtest.chance import slack


def _noise(seed: int, sets: int, days: int) -> Floats:
    return np.random.default_rng(seed).normal(0.0, 0.02, (sets, days))


def _long_run_variance(series: Floats, block: float) -> float:
    """Hansen (2005): autocovariances with the stationary bootstrap's kernel, lag by lag."""
    n, kept = len(series), 1.0 - 1.0 / block
    centred = series - series.mean()
    total = float(centred @ centred) / n
    for lag in range(1, n):
        kernel = (n - lag) / n * kept**lag + lag / n * kept ** (n - lag)
        total += 2.0 * kernel * float(centred[lag:] @ centred[: n - lag]) / n
    return total


def _written_out(returns: Floats, block: float, resamples: int, seed: int) -> tuple[float, ...]:
    """The p-values of White (2000) and Hansen (2005), resample by resample and set by set."""
    sets, n = returns.shape
    mean = [float(np.mean(row)) for row in returns]
    error = [math.sqrt(_long_run_variance(row, block)) for row in returns]
    threshold = [-value / math.sqrt(n) * math.sqrt(2.0 * math.log(math.log(n))) for value in error]
    centre = {
        "lower": [max(0.0, value) for value in mean],
        "consistent": [value if value >= edge else 0.0 for value, edge in zip(mean, threshold, strict=True)],
        "upper": mean,
    }
    white = max(math.sqrt(n) * value for value in mean)
    hansen = max(0.0, *(math.sqrt(n) * mean[row] / error[row] for row in range(sets)))
    reached = {"white": 0, "lower": 0, "consistent": 0, "upper": 0}
    for chosen in np.concatenate(list(resampled_days(n, block, resamples, seed))):
        resampled = [float(np.mean(row[chosen])) for row in returns]
        reached["white"] += max(math.sqrt(n) * (resampled[row] - mean[row]) for row in range(sets)) >= white
        for name, values in centre.items():
            highest = max(math.sqrt(n) * (resampled[row] - values[row]) / error[row] for row in range(sets))
            reached[name] += max(0.0, highest) >= hansen
    return tuple((1 + count) / (1 + resamples) for count in reached.values())


def _p_values(found: DataSnooping) -> tuple[float, ...]:
    return (found.reality_check, found.spa_lower, found.spa_consistent, found.spa_upper)


@pytest.mark.parametrize("block", [1.0, 4.5])
@pytest.mark.parametrize(("sets", "days"), [(1, 40), (6, 60), (15, 75)])
def test_it_agrees_with_the_tests_written_out(sets: int, days: int, block: float) -> None:
    returns = _noise(sets + days, sets, days) * np.linspace(0.5, 3.0, sets)[:, np.newaxis]
    returns[sets // 2] -= 0.02
    found = superior_to(returns, seed=4, resamples=150, block_days=block)
    assert _p_values(found) == pytest.approx(_written_out(returns, block, 150, 4))


def test_a_benchmark_is_taken_off_day_by_day() -> None:
    returns, benchmark = _noise(1, 5, 100), _noise(2, 1, 100)[0]
    assert superior_to(returns, benchmark, seed=1, resamples=99) == superior_to(
        returns - benchmark, seed=1, resamples=99
    )


def test_blocks_are_by_default_as_long_as_the_mean_of_the_optimal_ones() -> None:
    returns = _noise(3, 20, 200)
    returns[:, 1:] += 0.6 * returns[:, :-1]
    found = superior_to(returns, seed=1, resamples=10)
    assert found.block_days == pytest.approx(float(optimal_block_days(returns).mean()))


def test_the_bytes_depend_on_the_seed_but_not_on_how_much_is_done_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    returns = _noise(4, 150, 120)
    whole = superior_to(returns, seed=8, resamples=300)
    for at_once in (1, 13, 4_096):
        monkeypatch.setattr(bootstrap, "_RESAMPLES_AT_ONCE", at_once)
        monkeypatch.setattr(data_snooping, "_SETS_AT_ONCE", at_once)
        assert superior_to(returns, seed=8, resamples=300) == whole
    assert _p_values(superior_to(returns, seed=9, resamples=300)) != _p_values(whole)


def test_the_order_of_the_sets_changes_nothing_but_the_row_named() -> None:
    returns = _noise(5, 40, 150)
    found, turned = (
        superior_to(each, seed=2, resamples=200, block_days=2.0) for each in (returns, returns[::-1])
    )
    assert _p_values(found) == _p_values(turned)
    assert found.best is not None
    assert turned.best == 39 - found.best


def test_the_leverage_of_a_set_changes_the_reality_check_alone() -> None:
    returns = _noise(6, 10, 150)
    levered = returns * np.exp2(np.arange(10))[:, np.newaxis]
    found, other = (superior_to(each, seed=2, resamples=200, block_days=2.0) for each in (returns, levered))
    assert _p_values(found)[1:] == _p_values(other)[1:]
    assert found.reality_check != other.reality_check


def test_where_no_set_earns_anything_no_luck_is_needed() -> None:
    losing = superior_to(-np.abs(_noise(7, 5, 50)), seed=1, resamples=99)
    assert (losing.spa_lower, losing.spa_consistent, losing.spa_upper) == (1.0, 1.0, 1.0)
    flat = superior_to(np.zeros((3, 50)), seed=1, resamples=99)
    assert _p_values(flat) == (1.0, 1.0, 1.0, 1.0)
    assert flat.best is None


def test_sets_that_never_traded_are_left_out_and_rows_still_named_right() -> None:
    returns = _noise(8, 6, 100)
    returns[4] += 0.01
    gaps = np.insert(returns, [0, 3], 0.0, axis=0)
    found, without = (superior_to(each, seed=3, resamples=99, block_days=3.0) for each in (gaps, returns))
    assert _p_values(found) == _p_values(without)
    assert (found.best, without.best) == (6, 4)


def test_worthless_sets_are_called_good_as_often_as_the_level_says() -> None:
    runs, level = 400, 0.1
    found = np.array(
        [_p_values(superior_to(_noise(500 + seed, 12, 200), seed=seed, resamples=99)) for seed in range(runs)]
    )
    white, lower, consistent, upper = (found <= level).mean(axis=0)
    for share in (white, consistent, upper):
        assert share == pytest.approx(level, abs=slack(runs, level))
    assert lower >= consistent >= upper


def test_a_set_that_is_truly_good_is_seen() -> None:
    seen = np.zeros(4)
    for seed in range(40):
        returns = _noise(900 + seed, 20, 400)
        returns[3] += 0.02 * 0.25
        seen += np.array(_p_values(superior_to(returns, seed=seed, resamples=99))) <= 0.05
    assert (seen >= 34).all()


def test_hopeless_wild_sets_hide_a_good_one_from_the_reality_check_but_not_from_spa() -> None:
    white = consistent = 0
    for seed in range(40):
        returns = _noise(1_300 + seed, 20, 400)
        returns[3] += 0.02 * 0.25
        returns[4:] = 4.0 * (returns[4:] - 0.02 * 0.3)
        found = superior_to(returns, seed=seed, resamples=99)
        white += found.reality_check <= 0.05
        consistent += found.spa_consistent <= 0.05
    assert white <= 4
    assert consistent >= 34


def test_a_benchmark_of_other_days_is_refused() -> None:
    with pytest.raises(BacktestError, match="99 days, the sets have 100"):
        superior_to(_noise(9, 3, 100), np.zeros(99), seed=1)


def test_too_few_days_are_refused() -> None:
    with pytest.raises(BacktestError, match=r"\(3, 9\)"):
        superior_to(np.zeros((3, 9)), seed=1)
