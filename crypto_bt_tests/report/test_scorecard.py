"""The scorecard compares on common symbols only, and names the others."""

import polars as pl
import pytest

from crypto_bt.backtest.gates import Decision
from crypto_bt.report.markdown import COLUMNS, scorecard_markdown
from crypto_bt.report.remarks import headline, lead
from crypto_bt.report.scorecard import Scorecard, build_scorecard, summary_rows
from crypto_bt.report.stamp import read_stamp
from crypto_bt_tests.report.nights import START, entry, equity, metrics, old_stamp, stamp

TONIGHT: dict[str, dict[str, float | None]] = {
    "trend": {"ALL": 0.10, "A1": 0.2, "B2": 0.0, "C3": None},
    "hold": {"ALL": 0.05, "A1": 0.1, "B2": 0.1, "C3": -0.05},
}
BEFORE: dict[str, dict[str, float | None]] = {
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


def test_scorecard_does_not_compare_nights_whose_figures_begin_at_different_times() -> None:
    longer = metrics(BEFORE).with_columns(first=pl.col("first") - pl.duration(days=30))
    built = build_scorecard(metrics(TONIGHT), longer, "hold")
    assert [row.versus_previous for row in built.rows] == [None, None]
    assert built.began is not None
    assert built.began[0] == START


def test_scorecard_of_the_first_night_has_no_comparison() -> None:
    first = build_scorecard(metrics(TONIGHT), None, "hold")
    assert [row.versus_previous for row in first.rows] == [None, None]
    assert first.before == {}


def test_scorecard_knows_the_last_computed_decision_of_the_nights_before() -> None:
    unknown = stamp(entry("trend", None))
    built = build_scorecard(metrics(TONIGHT), None, "hold", earlier=[old_stamp(), stamp(), unknown])
    assert built.before == {"trend": Decision.PROMOTE}


def test_scorecard_counts_the_days_its_figures_cover() -> None:
    assert card().days == 9
    nothing = metrics(TONIGHT).with_columns(first=pl.lit(None, pl.Datetime("ms", "UTC")))
    assert build_scorecard(nothing, None, "hold").days is None


@pytest.mark.parametrize(
    ("trend", "hold", "told"),
    [
        (0.2, 0.1, "trend made +20.0 % and beat hold (+10.0 %) by 10.0 pp."),
        (
            0.1,
            0.2,
            "No strategy beat hold (+20.0 %); trend came closest with +10.0 %, 10.0 pp behind.",
        ),
        (-0.1, -0.3, "trend lost too (−10.0 %), but 20.0 pp less than hold (−30.0 %)."),
    ],
)
def test_lead_is_honest_about_the_benchmark_and_the_sample(trend: float, hold: float, told: str) -> None:
    both = {"trend": {"ALL": trend, "A1": trend}, "hold": {"ALL": hold, "A1": hold}}
    built = build_scorecard(metrics(both), None, "hold")
    assert lead(built, read_stamp(stamp())) == f"Out of sample: {told}"
    assert lead(built, read_stamp(stamp(entry("trend", None)))) == f"In sample: {told}"
    old = read_stamp(old_stamp())
    assert (headline(built, old), lead(built, old)) == (told, "")


def test_lead_speaks_of_common_symbols_only_when_sides_differ() -> None:
    assert lead(card(), read_stamp(stamp())).endswith("0.0 pp behind on the 2 symbols both have.")


def test_lead_finds_a_winner_that_is_not_first_by_portfolio_return() -> None:
    # first has the higher portfolio return, through A1 alone, where hold did better still.
    returns = {
        "first": {"ALL": 0.3, "A1": 0.3},
        "second": {"ALL": 0.25, "A1": 0.4, "B2": 0.1},
        "hold": {"ALL": 0.2, "A1": 0.4, "B2": 0.0},
    }
    built = build_scorecard(metrics(returns), None, "hold")
    assert lead(built, read_stamp(stamp())).startswith("Out of sample: second made +25.0 %")


def test_markdown_has_verdict_interval_and_reason() -> None:
    built = build_scorecard(metrics(TONIGHT), metrics(BEFORE), "hold", earlier=[stamp()])
    text = scorecard_markdown(built, stamp(entry("trend", 0.5)), equity("trend", "hold"))
    assert "Fell from promote: trend (now watch)." in text
    [row] = [line for line in text.splitlines() if line.startswith("| trend")]
    assert "| watch |" in row
    assert "| 0.50 (−0.50 to 2.50) |" in row
    assert "- **trend** watch: Sharpe ratio 0.5 (at least 0.8)." in text
    [row] = [line for line in text.splitlines() if line.startswith("| hold")]
    assert "| – |" in row
    assert "![Equity and drawdown of each strategy](data:image/svg+xml;base64," in text


def test_markdown_is_deterministic_and_cannot_be_broken_by_names() -> None:
    name = "a|b<script>"
    built = build_scorecard(
        metrics({name: {"ALL": 0.1, "A1": 0.1}, "hold": {"ALL": 0.0, "A1": 0.0}}), None, "hold"
    )

    def written() -> str:
        return scorecard_markdown(built, stamp(entry(name)), equity(name, "hold"))

    text = written()
    assert text == written()
    [row] = [line for line in text.splitlines() if line.startswith("| a")]
    assert row.replace("\\|", "").count("|") == len(COLUMNS) + 1
    assert "<script>" not in text.replace("\\<", "")


def test_markdown_of_an_old_night_has_no_verdicts() -> None:
    text = scorecard_markdown(card(), old_stamp(), equity("trend", "hold"))
    [row] = [line for line in text.splitlines() if line.startswith("| trend")]
    assert row.startswith("| trend | – | +10.0 % |")
    assert "promote" not in text


def test_summary_rows_leave_null_figures_null() -> None:
    nothing = metrics({"trend": {"ALL": None, "A1": None}}, sharpe=None, win_rate=None, profit_factor=None)
    rows = summary_rows(build_scorecard(nothing, None, "hold"), read_stamp(stamp(entry("trend", None))))
    assert rows[0]["verdict"] == "not computed"
    unknown = ("net_return", "versus_benchmark", "versus_last_night", "sharpe", "sharpe_low", "win_rate")
    assert {name: rows[0][name] for name in unknown} == dict.fromkeys(unknown)


def test_summary_rows_have_the_verdict_and_both_comparisons() -> None:
    trend, hold = summary_rows(card(), read_stamp(stamp()))
    assert trend["verdict"] == "promote"
    assert trend["out_of_sample"] is True
    assert trend["versus_last_night"] == pytest.approx(-0.1)
    assert (trend["sharpe_low"], trend["sharpe_high"]) == (-0.5, 2.5)
    assert (hold["benchmark"], hold["verdict"], hold["reason"]) == (True, None, None)
