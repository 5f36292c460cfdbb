"""Verdicts by the gates, and how many losses in a row are nothing but chance."""

import math
import random
from dataclasses import replace
from datetime import timedelta
from itertools import product

import numpy as np
import polars as pl
import pytest

from crypto_bt.backtest.gates import (
    Decision,
    Gate,
    Gates,
    GateVerdict,
    OutOfSample,
    judge,
    not_to_be_trusted,
    verdict_change,
)
from crypto_bt.backtest.losing_runs import (
    WindowLosses,
    chance_of_run,
    expected_longest_run,
    window_losses,
)
from crypto_bt.backtest.nightly.outcome import luck_in_words
from crypto_bt.backtest.trade_metrics import losing_streak, marked_figures
from crypto_bt.core.errors import BacktestError
from crypto_bt_tests.backtest.chance import slack
from crypto_bt_tests.backtest.markets import START

_GOOD = OutOfSample(1.2, -0.08, 0.5, 1.8, (WindowLosses(20, 10, 4), WindowLosses(20, 10, 3)), 90)


def test_a_strategy_that_passes_every_gate_is_promoted_with_all_of_them_as_the_reason() -> None:
    verdict = judge(_GOOD)
    assert verdict.decision is Decision.PROMOTE
    assert verdict.reason == (
        "promote: Sharpe ratio 1.2 (at least 0.8), drawdown 8 % (at most 12 %), "
        "win rate 50 % (at least 45 %), profit factor 1.8 (at least 1.5), "
        "losses in a row 4 (at most 5; chance alone gives 4.6), closed trades 40 (at least 20), "
        "days out of sample 90 (at least 60)."
    )


def test_a_figure_exactly_at_its_limit_passes() -> None:
    at_limit = OutOfSample(0.8, -0.12, 0.45, 1.5, (WindowLosses(20, 11, 5),), 60)
    assert judge(at_limit).decision is Decision.PROMOTE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sharpe": 0.7999}, "Sharpe ratio 0.7999 (at least 0.8)"),
        ({"max_drawdown": -0.1201}, "drawdown 12.01 % (at most 12 %)"),
        ({"win_rate": 0.449}, "win rate 44.9 % (at least 45 %)"),
        ({"profit_factor": 1.4}, "profit factor 1.4 (at least 1.5)"),
        ({"losses": (WindowLosses(19, 9, 3),)}, "closed trades 19 (at least 20)"),
        ({"days": 59}, "days out of sample 59 (at least 60)"),
        ({"losses": (WindowLosses(40, 20, 6),)}, "losses in a row 6 (at most 5; chance alone gives 4.7)"),
    ],
)
def test_one_failed_gate_makes_it_watch_and_is_the_only_reason(change: dict[str, object], said: str) -> None:
    verdict = judge(replace(_GOOD, **change))  # type: ignore[arg-type]
    assert verdict.decision is Decision.WATCH
    assert verdict.reason == f"watch: {said}."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sharpe": 0.0}, "Sharpe ratio 0 (at least 0.8)"),
        ({"max_drawdown": -0.3, "win_rate": 0.1}, "drawdown 30 % (at most 12 %)"),
    ],
)
def test_a_strategy_that_earns_nothing_or_falls_twice_as_deep_is_retired(
    change: dict[str, object], said: str
) -> None:
    verdict = judge(replace(_GOOD, **change))  # type: ignore[arg-type]
    assert verdict.decision is Decision.RETIRE
    assert verdict.reason == f"retire: {said}."


def test_undefined_figures_decide_nothing_and_are_named() -> None:
    verdict = judge(OutOfSample(None, 0.0, None, None, (), 90))
    assert verdict.decision is Decision.NOT_COMPUTED
    assert verdict.reason == (
        "not computed: Sharpe ratio undefined (at least 0.8), win rate undefined (at least 45 %), "
        "profit factor undefined (at least 1.5), losses in a row undefined (at most 5), "
        "closed trades undefined (at least 20), days out of sample undefined (at least 60)."
    )
    assert verdict.expected_losses is None
    assert judge(replace(_GOOD, sharpe=-3.0, win_rate=None)).decision is Decision.NOT_COMPUTED


def test_a_strategy_that_was_tested_and_did_not_trade_is_watched() -> None:
    verdict = judge(OutOfSample(None, 0.0, None, None, (WindowLosses(0, 0, 0),), 90))
    assert verdict.decision is Decision.WATCH
    assert verdict.reason == "watch: no trade ended out of sample, so there is nothing to judge."


def test_a_profit_factor_without_a_losing_trade_passes() -> None:
    verdict = judge(replace(_GOOD, win_rate=1.0, profit_factor=None, losses=(WindowLosses(28, 0, 0),)))
    assert verdict.decision is Decision.PROMOTE
    assert "profit factor without a losing trade" in verdict.reason
    assert verdict.expected_losses == 0.0
    assert verdict.chance_of_losses == 1.0


def test_a_figure_that_is_not_a_number_is_an_error() -> None:
    with pytest.raises(BacktestError, match="The figure sharpe is nan"):
        judge(replace(_GOOD, sharpe=math.nan))
    with pytest.raises(BacktestError, match="The gate win_rate has the limit inf"):
        Gates(win_rate=Gate(math.inf))


def test_gates_are_settings_and_each_default_names_its_source() -> None:
    assert judge(_GOOD, Gates(sharpe=Gate(1.3))).decision is Decision.WATCH
    assert judge(_GOOD, Gates(sharpe=Gate(1.3, retire=1.25))).decision is Decision.RETIRE
    own = [outcome.source.split(";")[0].split(":")[0] for outcome in judge(_GOOD).outcomes]
    assert own == ["the desk's own default"] * 5 + ["this project's choice"] * 2
    assert judge(_GOOD, Gates(sharpe=Gate(1.3))).outcomes[0].source == "set by the user"


def test_one_lucky_trade_is_watched_and_a_bad_one_may_still_be_retired() -> None:
    lucky = OutOfSample(0.9, -0.01, 1.0, None, (WindowLosses(1, 0, 0), WindowLosses(0, 0, 0)), 90)
    assert judge(lucky).reason == "watch: closed trades 1 (at least 20)."
    assert judge(lucky, Gates(trades=Gate(1))).decision is Decision.PROMOTE
    assert judge(replace(lucky, sharpe=-1.0)).decision is Decision.RETIRE


def test_positions_kept_open_at_a_loss_count_in_the_gates_win_rate_and_profit_factor() -> None:
    trades = pl.DataFrame({"net_pnl": [6.0, 4.0, -5.0, -3.0], "exit_reason": ["signal"] * 3 + ["open"]})
    assert marked_figures(trades) == {"win_rate": 0.5, "profit_factor": 1.25}
    assert marked_figures(trades.clear()) == {"win_rate": None, "profit_factor": None}


def test_what_luck_may_explain_ends_the_sentence() -> None:
    luck = {"probabilistic_sharpe": 0.713, "minimum_track_record_days": 751.2, "pbo": 0.73}
    words = luck_in_words(luck, 89)
    assert words == (
        "Luck: the true Sharpe ratio is above 0 with 71.3 %; to show it with 95 % takes 752 such days, and "
        "there are 89; the choice of parameters is overfit with 73 % (PBO)."
    )
    assert judge(_GOOD, luck=words).reason == f"{judge(_GOOD).reason} {words}"
    assert "no number of such days" in luck_in_words(luck | {"minimum_track_record_days": None}, 89)
    assert luck_in_words(dict.fromkeys(luck), 89) == ""


def test_a_verdict_not_to_be_trusted_is_none_and_keeps_its_gates() -> None:
    verdict = not_to_be_trusted(judge(_GOOD), "It looks ahead.")
    assert (verdict.decision, verdict.reason) == (Decision.NOT_COMPUTED, "not computed: It looks ahead.")
    assert verdict.outcomes == judge(_GOOD).outcomes


def test_the_worst_window_counts_and_is_set_against_all_windows() -> None:
    verdict = judge(replace(_GOOD, losses=(WindowLosses(30, 15, 2), WindowLosses(30, 15, 8))))
    assert verdict.outcomes[4].value == 8
    assert verdict.expected_losses == pytest.approx(expected_longest_run([30, 30], 0.5))
    assert verdict.chance_of_losses == pytest.approx(chance_of_run([30, 30], 0.5, 8))


@pytest.mark.parametrize(("trades", "rate"), [(1, 0.3), (7, 0.5), (9, 0.8), (10, 1.0), (6, 0.0)])
def test_the_expected_longest_run_is_that_of_all_outcomes_counted(trades: int, rate: float) -> None:
    expected, at_least = 0.0, [0.0] * (trades + 2)
    for lost in product([False, True], repeat=trades):
        weight = rate ** sum(lost) * (1.0 - rate) ** (trades - sum(lost))
        longest = losing_streak(np.where(lost, -1.0, 1.0))
        expected += weight * longest
        for run in range(1, longest + 1):
            at_least[run] += weight
    assert expected_longest_run([trades], rate) == pytest.approx(expected, abs=1e-12)
    for run in range(1, trades + 2):
        assert chance_of_run([trades], rate, run) == pytest.approx(at_least[run], abs=1e-12)


def test_the_chance_over_several_windows_agrees_with_simulation() -> None:
    generator, trades, rate, runs = np.random.default_rng(4), (40, 25, 60), 0.55, 2_000
    longest = np.array(
        [
            max(losing_streak(np.where(generator.random(count) < rate, -1.0, 1.0)) for count in trades)
            for _ in range(runs)
        ]
    )
    error = 4.0 * float(longest.std()) / math.sqrt(runs)
    assert expected_longest_run(trades, rate) == pytest.approx(float(longest.mean()), abs=error)
    for run in (5, 7, 10):
        chance = chance_of_run(trades, rate, run)
        assert float((longest >= run).mean()) == pytest.approx(chance, abs=slack(runs, chance))


def test_for_many_trades_the_expectation_is_near_schilling_s_formula() -> None:
    trades, rate = 5_000, 0.5
    formula = math.log(trades * (1 - rate), 1 / rate) + 0.5772156649 / math.log(1 / rate) - 0.5
    assert expected_longest_run([trades], rate) == pytest.approx(formula, abs=0.02)


def test_no_trades_make_no_run_and_an_impossible_rate_is_refused() -> None:
    assert expected_longest_run([], 0.5) == 0.0
    assert chance_of_run([0, 0], 0.5, 1) == 0.0
    with pytest.raises(BacktestError, match=r"loss rate 1\.5"):
        chance_of_run([5], 1.5, 2)


def test_losses_are_counted_by_the_window_that_holds_the_exit() -> None:
    rng = random.Random(2)
    day = timedelta(days=1)
    results = [-1.0, -1.0, 2.0, -1.0, 0.0, -3.0, 1.0]
    frame = pl.DataFrame(
        {
            "symbol": ["AAAUSDT"] * 8,
            "entry_time": [START] * 8,
            "exit_time": [START + day * number for number in range(8)],
            "exit_reason": [*["signal"] * 7, "open"],
            "net_pnl": [*results, -5.0],
        }
    ).sample(fraction=1.0, shuffle=True, seed=rng.randrange(100))
    found = window_losses(frame, [(START, START + 3 * day), (START + 3 * day, START + 9 * day)])
    assert found == (WindowLosses(3, 2, 2), WindowLosses(4, 3, 3))


def _now(decision: Decision) -> GateVerdict:
    return GateVerdict(decision, f"{decision}: because.", (), None, None)


@pytest.mark.parametrize("before", [None, *Decision])
@pytest.mark.parametrize("after", Decision)
def test_only_a_fall_from_promote_alerts(before: Decision | None, after: Decision) -> None:
    change = verdict_change("ema_cross", [before] if before else [], _now(after))
    assert change.alert == (before is Decision.PROMOTE and after in (Decision.WATCH, Decision.RETIRE))


def test_a_night_without_a_verdict_does_not_hide_the_fall_of_the_night_after() -> None:
    change = verdict_change("ema_cross", [Decision.PROMOTE, Decision.NOT_COMPUTED], _now(Decision.WATCH))
    assert change.alert
    assert change.before is Decision.PROMOTE
    assert change.text == "ema_cross: was promote, now watch: because."
    assert verdict_change("a", [Decision.WATCH], _now(Decision.WATCH)).text == "a: still watch: because."
