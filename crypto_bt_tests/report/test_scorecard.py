"""The scorecard compares on common symbols only, and names the others."""

import polars as pl
import pytest

from crypto_bt.report.charts import equity_and_drawdown_svg
from crypto_bt.report.markdown import scorecard_markdown
from crypto_bt.report.remarks import headline, remarks
from crypto_bt.report.scorecard import Scorecard, build_scorecard, summary_rows
from crypto_bt.report.stamp import read_stamp
from crypto_bt_tests.report.nights import equity, metrics, stamp

TONIGHT = {
    "trend": {"ALL": 0.10, "A1": 0.2, "B2": 0.0, "C3": None},
    "hold": {"ALL": 0.05, "A1": 0.1, "B2": 0.1, "C3": -0.05},
}
BEFORE = {
    "trend": {"ALL": 0.30, "B2": 0.1, "D4": 0.5},
    "hold": {"ALL": 0.05, "B2": 0.1},
    "gone": {"ALL": 0.0, "B2": 0.0},
}


def card() -> Scorecard:
    """Tonight against the night before."""
    return build_scorecard(metrics(TONIGHT), metrics(BEFORE), "hold")


def test_scorecard_ranks_by_net_return_and_marks_the_benchmark() -> None:
    rows = card().rows
    assert [(row.rank, row.strategy, row.is_benchmark) for row in rows] == [
        (1, "trend", False),
        (2, "hold", True),
    ]


def test_scorecard_compares_with_the_benchmark_on_common_symbols() -> None:
    versus = card().rows[0].versus_benchmark
    assert versus is not None
    # trend has no figure for C3: A1 and B2 are common, (0.2 + 0.0) / 2 against (0.1 + 0.1) / 2.
    assert versus.symbols == ("A1", "B2")
    assert versus.difference == pytest.approx(0.0)
    assert versus.only_other == ("C3",)


def test_scorecard_compares_with_the_night_before_on_common_symbols() -> None:
    versus = card().rows[0].versus_previous
    assert versus is not None
    assert versus.symbols == ("B2",)
    assert versus.difference == pytest.approx(-0.1)
    assert (versus.only_this, versus.only_other) == (("A1",), ("D4",))
    assert card().gone == ("gone",)


def test_scorecard_does_not_compare_nights_whose_histories_begin_at_different_times() -> None:
    longer = metrics(BEFORE).with_columns(first=pl.col("first") - pl.duration(days=30))
    built = build_scorecard(metrics(TONIGHT), longer, "hold")
    assert [row.versus_previous for row in built.rows] == [None, None]
    text = " ".join(remarks(read_stamp(stamp()), built))
    assert "Not compared with the night before: its history begins 2025-12-02" in text


def test_scorecard_of_the_first_night_has_no_comparison() -> None:
    first = build_scorecard(metrics(TONIGHT), None, "hold")
    assert [row.versus_previous for row in first.rows] == [None, None]


def test_headline_is_honest() -> None:
    def told(trend: float, hold: float) -> str:
        both = {"trend": {"ALL": trend, "A1": trend}, "hold": {"ALL": hold, "A1": hold}}
        return headline(build_scorecard(metrics(both), None, "hold"))

    assert told(0.2, 0.1) == "trend made +20.0 % and beat hold (+10.0 %) by 10.0 pp."
    assert (
        told(0.1, 0.2) == "No strategy beat hold (+20.0 %); trend came closest with +10.0 %, 10.0 pp behind."
    )
    assert told(-0.1, -0.3) == "trend lost too (−10.0 %), but 20.0 pp less than hold (−30.0 %)."


def test_headline_speaks_of_common_symbols_only_when_sides_differ() -> None:
    assert headline(card()).endswith("0.0 pp behind on the 2 symbols both have.")


def test_headline_finds_a_winner_that_is_not_first_by_portfolio_return() -> None:
    # first has the higher portfolio return, through A1 alone, where hold did better still.
    returns = {
        "first": {"ALL": 0.3, "A1": 0.3},
        "second": {"ALL": 0.25, "A1": 0.4, "B2": 0.1},
        "hold": {"ALL": 0.2, "A1": 0.4, "B2": 0.0},
    }
    assert headline(build_scorecard(metrics(returns), None, "hold")).startswith("second made +25.0 %")


def test_remarks_say_how_short_the_time_is_and_that_luck_is_not_excluded() -> None:
    text = " ".join(remarks(read_stamp(stamp()), card()))
    assert "The figures cover 9 days, 2026-01-01 00:00 to 2026-01-10 00:00 UTC. So few days" in text
    assert "not tested against luck" in text


def test_remarks_do_not_name_a_left_out_symbol_twice() -> None:
    text = remarks(read_stamp(stamp(left_out={"C3": "C3 has no 4h candle closed by the cutoff"})), card())
    assert "Left out: C3 has no 4h candle closed by the cutoff." in text


def test_remarks_name_what_was_left_out_and_why() -> None:
    read = read_stamp(
        stamp(
            left_out={"C3": "1h has none of 720 expected candles"},
            symbols_without_funding=["B2"],
            strategies=[{"name": "wild", "parameters": {}, "error": "it raised ZeroDivisionError"}],
        )
    )
    text = " ".join(remarks(read, card()))
    assert "Left out: C3 1h has none of 720 expected candles." in text
    assert "without funding, because none is recorded: B2" in text
    assert "wild failed and is not in the table: it raised ZeroDivisionError" in text
    assert "settled 12 times at the exchange's own mark price, 3 times at the candle's open" in text
    assert "the prices are invented" in text
    assert "trend compared with the night before on 1 common symbols; only here: A1; only there: D4." in text
    assert "trend compared with the benchmark on 2 common symbols; only here: none; only there: C3." in text


def test_scorecard_markdown_is_deterministic_and_cannot_be_broken_by_names() -> None:
    hostile = {"a|b<script>": {"ALL": 0.1, "A1": 0.1}, "hold": {"ALL": 0.0, "A1": 0.0}}
    built = build_scorecard(metrics(hostile), None, "hold")
    picture = equity_and_drawdown_svg(equity("a|b<script>", "hold"), "hold")
    text = scorecard_markdown(built, stamp(), picture)
    assert text == scorecard_markdown(
        built, stamp(), equity_and_drawdown_svg(equity("a|b<script>", "hold"), "hold")
    )
    [row] = [line for line in text.splitlines() if line.startswith("| a")]
    assert "<script>" not in row.replace("\\<", "")
    assert row.replace("\\|", "").count("|") == 9
    assert "![Equity and drawdown of each strategy](data:image/svg+xml;base64," in text


def test_summary_rows_leave_null_figures_null() -> None:
    rows = summary_rows(metrics({"hold": {"ALL": 0.1, "A1": 0.1}}, sharpe=None))
    expected = {"strategy": "hold", "symbols": 1, "trades": 3, "net_return": 0.1}
    assert rows == [{**expected, "sharpe": None, "max_drawdown": 0.5}]
