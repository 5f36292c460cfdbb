"""What the checks of a night decide from its stamp: verdicts, look-ahead, warm-up."""

from typing import Any

import pytest

from crypto_bt.backtest.night_verdicts import gates, no_lookahead, trial_ledger, warm_up
from crypto_bt.core.verdict import Severity


def stamp(decision: str = "watch", **changes: Any) -> dict[str, Any]:
    entry = {
        "name": "ema_cross",
        "error": None,
        "parameters": {"fast": 12},
        "parameter_sets": 100,
        "content": "abc",
        "verdict": {"decision": decision, "reason": f"{decision}: because."},
        "lookahead": None,
        "warm_up_analysis": {"compared": 10_000, "unsettled": 3, "text": "ema_cross needs 200 bars."},
    }
    return {
        "strategies": [entry, {"name": "buy_and_hold", "error": None, "parameters": {}}],
        "benchmark": "buy_and_hold",
        "code_version": "one",
        "costs": {"taker_bps": 5.0},
        "symbols": ["AAAUSDT"],
        "cutoff": "2026-03-10T23:30:00+00:00",
        "seed": 7,
    } | changes


def test_gates_name_a_verdict_that_could_not_be_computed() -> None:
    verdict = gates(stamp("not computed"), [])
    assert (verdict.passed, verdict.severity) == (False, Severity.WARN)
    assert verdict.what == "1 of 1 verdicts could not be computed: ema_cross (not computed: because)."


def test_gates_have_nothing_against_a_history_that_has_always_been_too_short() -> None:
    night = stamp("not computed")
    night["strategies"][0]["out_of_sample"] = False
    verdict = gates(night, [night])
    assert verdict.passed
    assert "too short" in verdict.what
    assert not gates(night, [stamp("watch")]).passed, "it was long enough before"
    leaking = stamp("not computed")
    leaking["strategies"][0] |= {"out_of_sample": False, "lookahead": "ema_cross looks ahead."}
    assert not gates(leaking, []).passed


@pytest.mark.parametrize(
    ("before", "now", "passed"),
    [
        (["promote"], "watch", False),
        (["promote", "not computed"], "retire", False),
        (["promote", "watch"], "retire", True),
        (["watch"], "retire", True),
        ([], "retire", True),
        (["watch"], "promote", True),
        (["promote"], "promote", True),
    ],
)
def test_gates_fail_on_a_fall_from_promote_alone(before: list[str], now: str, passed: bool) -> None:
    verdict = gates(stamp(now), [stamp(decision) for decision in before])
    assert verdict.passed is passed
    assert verdict.figures[now] == 1
    assert passed or verdict.what.startswith("No longer promoted: ema_cross")


def test_no_lookahead_repeats_the_sentence_of_the_leak() -> None:
    leaking = stamp()
    leaking["strategies"][0]["lookahead"] = "ema_cross looks ahead: AAAUSDT."
    assert no_lookahead(stamp()).passed
    verdict = no_lookahead(leaking)
    assert (verdict.passed, verdict.severity, verdict.what) == (
        False,
        Severity.ERROR,
        "ema_cross looks ahead: AAAUSDT.",
    )


@pytest.mark.parametrize(("unsettled", "passed"), [(0, True), (10, True), (11, False)])
def test_warm_up_forgives_ties_and_names_memory(unsettled: int, passed: bool) -> None:
    night = stamp()
    night["strategies"][0]["warm_up_analysis"]["unsettled"] = unsettled
    verdict = warm_up(night)
    assert verdict.passed is passed
    assert passed or verdict.what == "ema_cross needs 200 bars."


def test_trial_ledger_that_lost_trials_is_a_warning() -> None:
    assert trial_ledger(stamp(trials=1_100)).what == "1,100 trials are counted, and none is lost."
    verdict = trial_ledger(
        stamp(trials=1_100, trials_doubt="The trial ledger is damaged: it holds 0 trials.")
    )
    assert (verdict.passed, verdict.severity) == (False, Severity.WARN)
    assert verdict.what.startswith("The trial ledger is damaged: it holds 0 trials.")
