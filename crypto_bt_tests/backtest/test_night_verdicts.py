"""What the checks of a night decide: verdicts, look-ahead, warm-up, and the night before."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from crypto_bt.backtest.drift import Change
from crypto_bt.backtest.night_verdicts import NightTables, drift, gates, no_lookahead, warm_up
from crypto_bt.backtest.tables import TRADES_SCHEMA
from crypto_bt.core.schemas import UTC_MS
from crypto_bt.core.verdict import Severity

NIGHT = datetime(2026, 3, 10, tzinfo=UTC)


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


def tables(**changes: Any) -> NightTables:
    times = [NIGHT - timedelta(days=5) + timedelta(hours=4 * bar) for bar in range(30)]
    targets = pl.DataFrame(
        {
            "strategy": "ema_cross",
            "symbol": "AAAUSDT",
            "open_time": pl.Series(times, dtype=UTC_MS),
            "target": [1.0 if bar % 7 else -1.0 for bar in range(30)],
        }
    )
    schema = {"strategy": pl.String, **TRADES_SCHEMA}
    trade = {
        "strategy": "ema_cross", "symbol": "AAAUSDT", "side": 1, "entry_time": times[3],
        "exit_time": times[6],
        "entry_price": 10.0, "exit_price": 11.0, "quantity": 2.0, "gross_pnl": 2.0, "commission": 0.1,
        "slippage": 0.0, "funding": 0.0, "net_pnl": 1.9, "net_return": 0.1, "exit_reason": "signal",
    }  # fmt: skip
    days = [NIGHT - timedelta(days=150 - day) for day in range(150)]
    curve = [1.0 + 0.001 * ((day * 7) % 11 - 5) for day in range(150)]
    equity = pl.DataFrame(
        {"strategy": "ema_cross", "time": pl.Series(days, dtype=UTC_MS), "equity": curve, "drawdown": 0.0}
    )
    return replace(NightTables(stamp(), pl.DataFrame([trade], schema=schema), targets, equity), **changes)


def later(night: NightTables, **changes: Any) -> NightTables:
    return replace(night, stamp=stamp(cutoff="2026-03-11T23:30:00+00:00"), **changes)


def test_drift_two_nights_alike_say_how_much_was_compared() -> None:
    verdict = drift(later(tables()), tables(), ())
    assert verdict.passed
    assert verdict.what == "31 targets and trades of the night before came out the same."


def test_drift_names_the_first_target_that_changed_without_a_cause() -> None:
    changed = tables().targets.with_columns(
        target=pl.when(pl.int_range(pl.len()) == 9).then(0.5).otherwise("target")
    )
    verdict = drift(later(tables(), targets=changed), tables(), ())
    assert (verdict.passed, verdict.severity) == (False, Severity.ERROR)
    assert "ema_cross" in verdict.what
    assert "AAAUSDT" in verdict.what
    assert "2026-03-06 12:00" in verdict.what


def test_drift_that_changed_data_explains_is_counted_and_passes() -> None:
    changed = tables().trades.with_columns(exit_price=pl.lit(11.5))
    cause = Change(date(2026, 3, 5), "AAAUSDT", "candles_1h")
    verdict = drift(later(tables(), trades=changed), tables(), [cause])
    assert verdict.passed
    assert verdict.what.endswith("came out the same, 1 changed with their data.")
    assert not drift(later(tables(), trades=changed), tables(), ()).passed


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"code_version": "two"}, "the code, costs or capital are others"),
        ({"costs": {"taker_bps": 4.0}}, "the code, costs or capital are others"),
        ({"symbols": ["AAAUSDT", "BBBUSDT"]}, "the symbols, and so each one's capital, differ"),
    ],
)
def test_drift_of_nights_that_cannot_be_compared_says_why(changes: dict[str, Any], why: str) -> None:
    verdict = drift(replace(tables(), stamp=stamp(**changes)), tables(), ())
    assert verdict.passed
    assert why in verdict.what


def test_drift_without_an_earlier_night_passes() -> None:
    assert drift(tables(), None, ()).what == "There is no earlier night to compare with."


def test_drift_a_collapse_of_the_last_month_is_a_warning() -> None:
    equity = tables().equity.with_columns(
        equity=pl.when(pl.int_range(pl.len()) >= 119)
        .then(pl.col("equity") * (0.97 ** (pl.int_range(pl.len()) - 118)))
        .otherwise("equity")
    )
    verdict = drift(later(tables(), equity=equity), tables(), ())
    assert (verdict.passed, verdict.severity) == (False, Severity.WARN)
    assert verdict.what.startswith("Performance drifted: ema_cross")
