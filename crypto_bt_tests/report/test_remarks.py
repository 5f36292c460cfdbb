"""What a reader has to know beside the figures is said, once, and only where it is so."""

from typing import Any

import polars as pl

from crypto_bt.report.remarks import headline, remarks, scope
from crypto_bt.report.scorecard import build_scorecard
from crypto_bt.report.stamp import read_stamp
from crypto_bt_tests.report.nights import entry, metrics, old_stamp, stamp
from crypto_bt_tests.report.test_scorecard import BEFORE, TONIGHT, card


def told(*strategies: dict[str, Any], **changes: Any) -> str:
    """All remarks of a night."""
    return " ".join(remarks(read_stamp(stamp(*strategies, **changes)), card()))


def test_remarks_say_how_short_the_time_is() -> None:
    text = told()
    assert "The figures cover 9 days, 2026-01-01 00:00 to 2026-01-10 00:00 UTC. So few days" in text
    assert "is told with the statistics against luck" in text


def test_remarks_say_that_luck_is_not_excluded_where_nothing_tests_it() -> None:
    assert "not tested against luck" in told(entry("trend", None))


def test_out_of_sample_figures_are_called_so_with_the_plan_of_the_walk_forward() -> None:
    assert (
        "Out of sample: each day counts by the parameter set that did best on the 90 days before it (less 1 "
        "between), chosen anew every 15 days."
    ) in told()
    plan = {"train": 60, "test": 10, "step": 5, "anchored": True, "purge": 0, "embargo": 0}
    text = told(walk_forward=plan)
    assert "did best on all days, 60 at least, before it, chosen anew every 5 days." in text


def test_too_short_a_history_is_shown_and_not_judged_and_says_how_much_is_missing() -> None:
    read = read_stamp(stamp(entry("trend", None)))
    text = scope(card(), read)
    assert text.startswith("In sample: shown, not judged.")
    assert "on 9 days" in text
    assert "takes 92 (training 90, purge 1, a day to test): 83 are missing." in text
    assert headline(card(), read) == "Nothing can be judged yet: 9 days of history, 92 are needed."


def test_old_nights_make_no_claim_about_the_sample() -> None:
    text = " ".join(remarks(read_stamp(old_stamp()), card()))
    assert "sample" not in text
    assert "Signals are filled at the next bar's open." in text


def test_the_table_of_parameter_sets_is_called_in_sample() -> None:
    assert "The table parameter_sets is in sample" in told()


def test_costs_are_told_by_their_parts() -> None:
    assert (
        "Costs: commission 5 bps for orders at market and stops, 2 bps for limit orders; slippage 2 bps "
        "a fill at market; funding"
    ) in told()
    costs = {"taker_bps": 4.5, "maker_bps": 0.0, "slippage_bps": 1.0, "range_share": 0.05, "impact": 0.1}
    assert (
        "slippage 1 bps and 5 % of the bar's range and 0.1 x the square root of the order's share of the "
        "bar's volume a fill at market"
    ) in told(costs=costs)


def test_fills_name_the_timeframes_of_signals_and_of_execution() -> None:
    assert "at the next bar's open, H4 signals on H1 bars." in told()
    assert "Signals are filled at the next bar's open." in told(execution="4h")
    both = (entry("trend"), entry("slow", timeframe="1d"))
    assert "D1 and H4 signals on M15 bars." in told(*both, execution="15m")


def test_night_before_that_begins_elsewhere_is_not_compared_and_that_is_said() -> None:
    longer = metrics(BEFORE).with_columns(first=pl.col("first") - pl.duration(days=30))
    built = build_scorecard(metrics(TONIGHT), longer, "hold", earlier=[old_stamp()])
    text = " ".join(remarks(read_stamp(stamp()), built))
    assert "Not compared with the night before: its figures begin 2025-12-02" in text


def test_remarks_do_not_name_a_left_out_symbol_twice() -> None:
    text = remarks(read_stamp(stamp(left_out={"C3": "C3 has no 4h candle closed by the cutoff"})), card())
    assert "Left out: C3 has no 4h candle closed by the cutoff." in text


def test_remarks_name_what_was_left_out_and_why() -> None:
    wild: dict[str, Any] = {"name": "wild", "parameters": {}, "error": "it raised ZeroDivisionError"}
    text = told(
        entry("trend"),
        wild,
        left_out={"C3": "1h has none of 720 expected candles"},
        symbols_without_funding=["B2"],
        order_rules_unknown={"A1": ["lot_size"], "B2": ["lot_size"], "C3": ["tick_size", "lot_size"]},
    )
    assert "Left out: C3 1h has none of 720 expected candles." in text
    assert "without funding, because none is recorded: B2" in text
    assert "wild failed and is not in the table: it raised ZeroDivisionError" in text
    assert "settled 12 times at the exchange's own mark price, 3 times at the candle's open" in text
    assert "the prices are invented" in text
    assert "Traded without lot size, because the home does not know them yet: A1, B2." in text
    assert "Traded without tick size, lot size, because the home does not know them yet: C3." in text
    assert "trend compared with the night before on 1 common symbols; only here: A1; only there: D4." in text
    assert "trend compared with the benchmark on 2 common symbols; only here: none; only there: C3." in text


def test_remarks_tell_of_a_strategy_that_looks_ahead() -> None:
    leak = "trend looks ahead: A1 at 2026-01-03 changed."
    assert leak in told(entry("trend", lookahead=leak))


def test_remarks_tell_of_trials_that_were_lost() -> None:
    assert "The trial ledger is damaged." in told(entry("trend"), trials_doubt="The trial ledger is damaged.")


def test_remarks_add_up_listed_trades_and_net_return_where_they_differ() -> None:
    differing = {"trades": -2707.0, "carried": 1421.0, "account": -1286.0}
    text = told(entry("trend", reconciled=differing), entry("other"))
    assert "in quote: trend \u22122,707.00 + 1,421.00 = \u22121,286.00. The account shown" in text
    assert "listed trades" not in told(entry("trend"))


def test_survivorship_is_told_where_it_cannot_be_measured() -> None:
    assert "nothing is known of the universe of those days" in told()
    measured = {
        "symbols_known_then": 30,
        "net_return": 0.1,
        "net_return_known_then": 0.05,
        "difference": 0.05,
    }
    assert "nothing is known of the universe" not in told(entry("trend", survivorship=measured))
