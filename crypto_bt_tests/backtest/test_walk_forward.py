"""Windows over time, the choice in each, and the stitched record."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.backtest import metrics
from crypto_bt.backtest.return_matrix import Floats
from crypto_bt.backtest.walk_forward import CASH, Window, sharpe_score, walk_forward, windows
from crypto_bt.core.errors import BacktestError

_FIRST_DAY = 20_000


def _equity(returns: Floats) -> Floats:
    return np.cumprod(np.column_stack([np.ones(len(returns)), 1.0 + returns]), axis=1)


def _noise(seed: int, sets: int, days: int) -> Floats:
    return np.random.default_rng(seed).normal(0.0005, 0.02, (sets, days))


def _days(count: int) -> np.ndarray:
    return np.arange(_FIRST_DAY, _FIRST_DAY + count)


_plans = st.fixed_dictionaries(
    {
        "train": st.integers(1, 40),
        "test": st.integers(1, 30),
        "anchored": st.booleans(),
        "purge": st.integers(0, 10),
        "longest_memory": st.floats(0.0, 12.0),
    }
).flatmap(
    lambda plan: st.tuples(st.just(plan), st.integers(1, plan["test"])).flatmap(
        lambda both: st.integers(0, both[1] - 1).map(
            lambda embargo: {**both[0], "step": both[1], "embargo": embargo}
        )
    )
)


@given(days=st.integers(0, 200), plan=_plans)
@settings(max_examples=300, deadline=None)
def test_each_day_after_the_first_training_is_scored_once_by_the_newest_window_that_tests_it(
    days: int, plan: dict[str, float]
) -> None:
    made = windows(days, **plan)  # type: ignore[arg-type]
    gap = max(plan["purge"], math.ceil(plan["longest_memory"]))
    scored = [day for window in made for day in window.in_charge]
    assert scored == list(range(int(plan["train"] + gap), days))
    for window in made:
        for day in window.in_charge:
            assert window is max((one for one in made if day in one.test), key=lambda one: one.test.start)


@given(days=st.integers(0, 200), plan=_plans)
@settings(max_examples=300, deadline=None)
def test_no_window_trains_on_its_test_its_purge_or_the_embargo_after_an_earlier_test(
    days: int, plan: dict[str, float]
) -> None:
    made = windows(days, **plan)  # type: ignore[arg-type]
    gap = max(plan["purge"], plan["longest_memory"])
    for number, window in enumerate(made):
        trained = {day for part in window.train for day in part}
        assert all(0 <= day < window.test.start - gap for day in trained)
        for earlier in made[:number]:
            end = earlier.test.start + int(plan["test"])
            assert trained.isdisjoint(range(end, end + int(plan["embargo"])))
        if not plan["embargo"]:
            assert len(trained) == (max(trained) + 1 if plan["anchored"] else plan["train"])


def test_the_defaults_train_on_90_days_and_test_on_the_30_after_a_day_of_purge() -> None:
    made = windows(150)
    assert made[0] == Window((range(90),), range(91, 121), range(91, 106), True)
    assert made[1] == Window((range(15, 105),), range(106, 136), range(106, 121), True)
    assert made[-1].test == range(136, 150)
    assert not made[-1].whole


def test_a_longest_memory_beyond_the_purge_widens_it_to_whole_days() -> None:
    assert windows(200, purge=3, longest_memory=6.2) == windows(200, purge=7)
    assert windows(200, purge=3, longest_memory=2.5) == windows(200, purge=3)


def test_the_embargo_cuts_holes_into_later_trainings() -> None:
    made = windows(80, train=40, test=10, step=10, purge=0, embargo=2)
    assert made[2].train == (range(20, 50), range(52, 60))


def test_a_history_too_short_has_no_window_and_the_walk_says_so() -> None:
    assert windows(91) == ()
    with pytest.raises(BacktestError, match="A history of 91 days does not hold the 0 windows"):
        walk_forward(_equity(_noise(1, 2, 91)), _days(91), ())


@pytest.mark.parametrize(
    ("lengths", "match"),
    [
        ({"train": 0}, "train 0"),
        ({"purge": -1}, "purge -1"),
        ({"longest_memory": math.nan}, "memory nan"),
        ({"step": 31}, "step must not be longer than the test"),
        ({"embargo": 15}, "longer than the embargo"),
    ],
)
def test_lengths_that_make_no_sense_are_refused(lengths: dict[str, float], match: str) -> None:
    with pytest.raises(BacktestError, match=match):
        windows(300, **lengths)  # type: ignore[arg-type]


def test_the_record_is_that_of_the_best_in_training_written_out() -> None:
    returns = _noise(3, 7, 260)
    plan = windows(260)
    walked = walk_forward(_equity(returns), _days(260), plan)
    expected, sets = [], []
    for window in plan:
        train = window.train[0]
        marks = [
            metrics.sharpe(np.cumprod(np.append(1.0, 1.0 + row[train.start : train.stop]))) for row in returns
        ]
        best = max(range(7), key=lambda row: marks[row] or -math.inf)
        sets.append(best)
        expected += [returns[best, day] for day in window.in_charge]
    assert [result.chosen for result in walked.windows] == sets
    assert walked.returns == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert walked.days.tolist() == list(range(_FIRST_DAY + 91, _FIRST_DAY + 260))
    assert str(walked.dates[0]) == "2025-01-03"
    assert walked.equity[-1] == pytest.approx(np.prod(1.0 + np.array(expected)))


def test_the_spans_in_charge_follow_each_other_from_the_first_day_scored_to_the_end() -> None:
    walked = walk_forward(_equity(_noise(4, 3, 130)), _days(130), windows(130))
    spans = walked.spans
    assert len(spans) == len(walked.windows) == 3
    assert spans[0] == (datetime(2025, 1, 3, tzinfo=UTC), datetime(2025, 1, 18, tzinfo=UTC))
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert spans[-1][1].date() == walked.dates[-1] + timedelta(days=1)


def test_what_happens_after_a_window_s_training_does_not_change_its_choice() -> None:
    returns = _noise(5, 9, 300)
    whole = walk_forward(_equity(returns), _days(300), windows(300))
    cut = walk_forward(_equity(returns[:, :215]), _days(215), windows(215))
    assert [one.chosen for one in cut.windows] == [one.chosen for one in whole.windows[: len(cut.windows)]]
    assert np.array_equal(cut.returns, whole.returns[: len(cut.returns)])


def test_ties_go_to_the_lowest_row_and_sets_that_do_not_trade_are_never_chosen() -> None:
    row = _noise(6, 1, 200)
    still = np.zeros((1, 200))
    walked = walk_forward(_equity(np.vstack([still, row, row, still])), _days(200), windows(200))
    assert {result.chosen for result in walked.windows} == {1}
    assert walked.stability == 1.0
    assert walked.switches == 0


def test_where_no_set_trades_the_days_are_spent_in_cash() -> None:
    walked = walk_forward(np.ones((3, 201)), _days(200), windows(200))
    assert set(walked.chosen.tolist()) == {CASH}
    assert not walked.returns.any()
    assert walked.windows[0].chosen is None
    assert walked.degradation is None
    assert walked.efficiency is None


def test_a_switch_costs_its_share_on_the_first_day_of_another_set() -> None:
    returns = _noise(8, 12, 240)
    plan = windows(240)
    free = walk_forward(_equity(returns), _days(240), plan)
    charged = walk_forward(_equity(returns), _days(240), plan, switch_cost=0.01)
    assert free.switches > 0
    changed = np.flatnonzero(free.returns != charged.returns)
    assert changed.tolist() == [0, *(np.flatnonzero(np.diff(free.chosen)) + 1).tolist()]
    assert (1.0 + charged.returns[changed]) == pytest.approx((1.0 + free.returns[changed]) * 0.99)


def test_another_score_chooses_other_sets() -> None:
    returns = _noise(9, 5, 200)
    walked = walk_forward(
        _equity(returns), _days(200), windows(200), score=lambda some: np.arange(len(some), dtype=float)
    )
    assert set(walked.chosen.tolist()) == {4}


def test_choosing_among_noise_loses_its_sharpe_ratio_out_of_sample() -> None:
    walked = walk_forward(_equity(_noise(10, 100, 900) - 0.0005), _days(900), windows(900))
    assert walked.degradation is not None
    assert walked.degradation > 2.0
    assert walked.efficiency is not None
    assert walked.efficiency < 0.3


def test_a_set_that_is_truly_better_is_chosen_and_keeps_its_sharpe_ratio() -> None:
    returns = _noise(11, 20, 900)
    returns[13] += 0.010
    walked = walk_forward(_equity(returns), _days(900), windows(900))
    assert walked.stability is not None
    assert walked.stability > 0.8
    assert walked.efficiency == pytest.approx(1.0, abs=0.3)


def test_the_same_matrix_in_another_layout_gives_the_same_bytes() -> None:
    equity = _equity(_noise(12, 30, 400))
    one = walk_forward(equity, _days(400), windows(400, anchored=True))
    other = walk_forward(np.asfortranarray(equity), _days(400), windows(400, anchored=True))
    assert one.returns.tobytes() == other.returns.tobytes()
    assert one.windows == other.windows


def test_a_training_on_too_few_days_is_refused() -> None:
    plan = windows(120, train=20)
    with pytest.raises(BacktestError, match="trains on 20 days, needed: 30"):
        walk_forward(_equity(_noise(1, 2, 120)), _days(120), plan)
    assert walk_forward(_equity(_noise(1, 2, 120)), _days(120), plan, fewest_days=20).windows


def test_days_that_skip_one_and_a_switch_cost_of_all_are_refused() -> None:
    equity = _equity(_noise(1, 2, 120))
    with pytest.raises(BacktestError, match="not consecutive"):
        walk_forward(equity, np.append(_days(119), _FIRST_DAY + 200), windows(120))
    with pytest.raises(BacktestError, match="switch cost is 1"):
        walk_forward(equity, _days(120), windows(120), switch_cost=1.0)


def test_sharpe_score_is_the_sharpe_ratio_of_the_metrics() -> None:
    returns = _noise(14, 4, 60)
    for row, score in zip(returns, sharpe_score(returns), strict=True):
        assert score == pytest.approx(metrics.sharpe(np.cumprod(np.append(1.0, 1.0 + row))), rel=1e-9)
