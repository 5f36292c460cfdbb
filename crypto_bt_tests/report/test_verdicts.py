"""What is said of the verdicts: in the headline, at each gate, and where nothing could be judged."""

import pytest

from crypto_bt.backtest.gates import Decision
from crypto_bt.report.stamp import read_stamp
from crypto_bt.report.verdicts import gate_table, reasons, verdict_headline, word
from crypto_bt_tests.report.nights import entry, old_stamp, stamp

PROMOTE, WATCH, RETIRE = Decision.PROMOTE, Decision.WATCH, Decision.RETIRE
#: The Sharpe ratio that leads to each decision.
SHARPE = {PROMOTE: 1.0, WATCH: 0.5, RETIRE: -1.0, Decision.NOT_COMPUTED: None}


def told(now: dict[str, Decision], before: dict[str, Decision] | None = None) -> str:
    read = read_stamp(stamp(*(entry(name, SHARPE[decision]) for name, decision in now.items())))
    return verdict_headline(read, before or {})


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ({"a": PROMOTE}, {}, "Promoted: a."),
        ({"a": PROMOTE}, {"a": WATCH}, "Promoted: a."),
        ({"a": PROMOTE}, {"a": PROMOTE}, "Still promoted: a."),
        ({"a": WATCH}, {"a": PROMOTE}, "Nothing is promoted. Fell from promote: a (now watch)."),
        ({"a": RETIRE}, {"a": PROMOTE}, "Nothing is promoted. Fell from promote: a (now retire)."),
        ({"a": RETIRE}, {"a": WATCH}, "Nothing is promoted. Retired: a."),
        ({"a": RETIRE}, {"a": RETIRE}, "Nothing is promoted. 1 retired before."),
        (
            {"a": PROMOTE, "b": WATCH, "c": RETIRE, "d": RETIRE},
            {"a": PROMOTE, "b": PROMOTE, "c": RETIRE, "d": WATCH},
            "Still promoted: a. Fell from promote: b (now watch). Retired: d. 1 retired before.",
        ),
        (
            dict.fromkeys("abcdef", RETIRE) | {"g": WATCH},
            {},
            "Nothing is promoted. Retired: a, b, c, d and 2 more. 1 watched.",
        ),
    ],
)
def test_headline_names_what_was_promoted_fell_or_was_retired(
    now: dict[str, Decision], before: dict[str, Decision], expected: str
) -> None:
    assert told(now, before) == expected


def test_headline_of_a_night_without_a_verdict_says_so() -> None:
    assert told({"a": Decision.NOT_COMPUTED}) == "No strategy could be judged."
    assert verdict_headline(read_stamp(old_stamp()), {"trend": PROMOTE}) == ""


def test_gates_hold_each_value_against_its_limit() -> None:
    table = gate_table(read_stamp(stamp(entry("trend", -0.5, losses=(50, 30, 7)))))
    assert table is not None
    assert [column[:2] for column in table.columns] == [
        ("Sharpe ratio", "at least 0.8"),
        ("drawdown", "at most 12 %"),
        ("win rate", "at least 45 %"),
        ("profit factor", "at least 1.5"),
        ("losses in a row", "at most 5"),
        ("closed trades", "at least 20"),
        ("days", "at least 60"),
    ]
    assert all("default" in source for _, _, source in table.columns[:5])
    assert all("this project's choice" in source for _, _, source in table.columns[5:])
    [(run, cells)] = table.rows
    assert [(cell.text, cell.passed, cell.retires) for cell in cells] == [
        ("−0.50", False, True),
        ("10.0 %", True, False),
        ("70.0 %", True, False),
        ("2.00", True, False),
        ("7", False, False),
        ("50", True, False),
        ("90", True, False),
    ]
    assert run.verdict is not None
    assert run.verdict.expected_losses is not None


def test_gates_are_not_shown_for_what_was_not_judged_out_of_sample() -> None:
    assert gate_table(read_stamp(stamp(entry("trend", None)))) is None
    assert gate_table(read_stamp(old_stamp())) is None


def test_reasons_begin_with_the_promoted_and_leave_out_what_was_shown_in_sample() -> None:
    read = read_stamp(stamp(entry("a", -1.0), entry("b", None), entry("c", 1.0)))
    assert [run.name for run, _ in reasons(read)] == ["c", "a"]


def test_word_of_a_verdict_is_short() -> None:
    read = read_stamp(stamp(entry("a", 1.0), entry("b", None)))
    words = [word(run) for run in read.runs]
    assert words == ["promote", "not judged", "–"]
    assert word(None) == "–"
