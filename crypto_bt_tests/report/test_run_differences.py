"""Every change that is made to a run is found, and nothing else."""

import copy
from datetime import timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.report.run_differences import differences
from crypto_bt_tests.report import nights
from crypto_bt_tests.report.nights import START, UTC_MS, entry, metrics, stamp

SYMBOLS = ("A1", "B2", "C3")


def some_trades(count: int) -> pl.DataFrame:
    """Trades of two strategies, one an hour."""
    one = nights.trades("trend", "A1").drop("entry_time")
    return pl.concat(
        [
            one.with_columns(
                strategy=pl.lit("trend" if number % 3 else "revert"),
                symbol=pl.lit(SYMBOLS[number % len(SYMBOLS)]),
                entry_time=pl.lit(START + timedelta(hours=number), UTC_MS),
            )
            for number in range(count)
        ]
    )


def run(count: int = 30) -> tuple[dict[str, Any], pl.DataFrame, pl.DataFrame]:
    """Stamp, metrics and trades of a run."""
    figures = metrics(
        {"trend": {"ALL": 0.1, "A1": 0.1}, "revert": {"ALL": 0.2, "A1": 0.2}, "hold": {"ALL": 0.0}}
    )
    return stamp(entry("trend"), entry("revert", 0.5)), figures, some_trades(count)


def test_run_does_not_differ_from_itself_in_any_order() -> None:
    told, figures, trades = run()
    found = differences((told, figures, trades), (copy.deepcopy(told), figures.reverse(), trades.reverse()))
    assert found.same_results
    assert found.inputs == ()
    assert found.trades.same == 30
    assert found.trades.first is None


def test_every_input_that_changed_is_named_once_with_both_values() -> None:
    before, after = run(), run()
    told = after[0]
    told["costs"]["taker_bps"] = 4.0
    told["code_version"] = "e" * 64
    told["snapshot"] = {"id": "000008", "digest": "f" * 64, "source": "simulated:seed=7"}
    told["symbols"] = ["A1", "C3"]
    told["left_out"] = {"B2": "it is not whole"}
    told["strategies"][0]["parameters"]["fast"] = 6
    told["strategies"][1]["content"] = "new"
    told["verdicts"] = "not an input"
    told["strategies"][0]["overfitting"]["pbo"] = 0.9
    found = {each.name: (each.kind, each.before, each.after) for each in differences(before, after).inputs}
    assert found == {
        "snapshot.id": ("snapshot", "000007", "000008"),
        "snapshot.digest": ("snapshot", "d" * 64, "f" * 64),
        "symbols.B2": ("snapshot", True, None),
        "symbols.C3": ("snapshot", None, True),
        "left_out.B2": ("snapshot", None, "it is not whole"),
        "code_version": ("code", "c" * 64, "e" * 64),
        "revert.content": ("code", None, "new"),
        "costs.taker_bps": ("settings", 5.0, 4.0),
        "trend.parameters.fast": ("settings", 12, 6),
    }
    assert differences(before, after).same_results, "what went in is not what came out"


def test_verdict_and_figures_that_changed_are_told_by_strategy() -> None:
    before, (told, figures, trades) = run(), run()
    told["strategies"][0] = entry("trend", -1.0)
    moved = pl.col("strategy") == "trend"
    figures = figures.with_columns(sharpe=pl.when(moved).then(None).otherwise("sharpe"))
    found = differences(before, (told, figures, trades))
    changes = [(each.strategy, each.figure, each.before, each.after) for each in found.figures]
    assert changes == [("trend", "verdict", "promote", "retire"), ("trend", "sharpe", 0.5, None)]


def test_strategy_of_one_run_alone_is_named_and_its_trades_do_not_count() -> None:
    told, figures, trades = run()
    trend = pl.col("strategy") != "revert"
    found = differences((told, figures, trades), (told, figures.filter(trend), trades.filter(trend)))
    assert (found.only_before, found.only_after) == (("revert",), ())
    assert found.trades.only_before == 0
    assert not found.same_results


@given(st.lists(st.tuples(st.integers(0, 29), st.sampled_from(["price", "gone", "reason"])), max_size=6))
@settings(max_examples=40, deadline=None)
def test_first_trade_that_differs_is_the_first_in_time(changes: list[tuple[int, str]]) -> None:
    before, (told, figures, trades) = run(), run()
    made = dict(changes)
    place = pl.int_range(pl.len())
    at = {what: [row for row, kind in made.items() if kind == what] for what in ("price", "gone", "reason")}
    changed = trades.with_columns(
        exit_price=pl.when(place.is_in(at["price"])).then(pl.col("exit_price") + 1).otherwise("exit_price"),
        exit_reason=pl.when(place.is_in(at["reason"])).then(pl.lit("stop")).otherwise("exit_reason"),
    ).filter(~place.is_in(at["gone"]))
    found = differences(before, (told, figures, changed)).trades
    assert found.different == len(at["price"]) + len(at["reason"])
    assert found.only_before == len(at["gone"])
    assert found.same == 30 - len(made)
    if not made:
        assert found.first is None
        return
    row = min(made)
    assert found.first is not None
    assert found.first.entry_time == START + timedelta(hours=row)
    fields = {"price": "exit_price", "gone": "trade", "reason": "exit_reason"}
    assert found.first.field == fields[made[row]]


def test_two_trades_of_one_moment_are_two() -> None:
    told, figures, trades = run(3)
    twice = pl.concat([trades, trades])
    assert differences((told, figures, twice), (told, figures, twice)).trades.same == 6
    assert differences((told, figures, twice), (told, figures, trades)).trades.only_before == 3
