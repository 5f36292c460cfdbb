"""A strategy's page: verdict first, every part there, self-contained, small, escaped, the same bytes."""

import re
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from crypto_bt.report.assumptions import ASSUMPTIONS
from crypto_bt.report.scorecard import build_scorecard
from crypto_bt.report.tear_sheet import NightTables, charts, file_name, tear_sheet
from crypto_bt_tests.report import nights
from crypto_bt_tests.report.nights import START, UTC_MS, entry, equity, metrics, old_stamp, stamp
from crypto_bt_tests.report.test_page import HOSTILE, text_of

ROOT = Path(__file__).resolve().parents[2]


def tables(
    strategy: str = "trend", *, days: int = 40, trades: int = 1, reason: str = "signal"
) -> NightTables:
    """A night of ``strategy`` beside the benchmark."""
    figures = metrics({strategy: {"ALL": 0.1, "A1": 0.1}, "hold": {"ALL": 0.0, "A1": 0.0}})
    market = pl.DataFrame(
        {"symbol": "BTCUSDT", "time": [START + timedelta(days=day) for day in range(days)]},
        schema_overrides={"time": UTC_MS},
    ).with_columns(mark=100.0 + pl.int_range(pl.len()))
    return NightTables(
        figures,
        equity(strategy, "hold", days=days),
        pl.concat([nights.trades(strategy, "A1", reason)] * trades),
        nights.signals(strategy, A1=-1.0),
        nights.windows(strategy),
        nights.parameter_sets(strategy),
        market,
    )


def sheet(strategy: str = "trend", night: NightTables | None = None, **changes: object) -> str:
    """The page of ``strategy``."""
    night = night or tables(strategy if strategy != "hold" else "trend")
    told = stamp(entry(strategy, 0.5, losses=(50, 30, 7))) if strategy != "hold" else stamp()
    card = build_scorecard(night.metrics, None, "hold")
    return tear_sheet(strategy, night, {**told, **changes}, card, night_page="../2026-01-10.html")


def test_verdict_and_gates_come_before_everything_else() -> None:
    text = sheet()
    opening = text_of(text)[: text_of(text).index("Gates")]
    assert "trend watch watch: Sharpe ratio 0.5 (at least 0.8)" in opening
    assert re.findall(r"<h2>(.*?)</h2>", text) == [
        "Gates, out of sample",
        "Figures, out of sample",
        "Curves",
        "Months and days",
        "Trades",
        "Costs and funding",
        "What the parameters were chosen from",
        "Against luck",
        "Current signals",
        "What is assumed",
        "What to know",
        "Reproducibility",
    ]


def test_page_is_the_same_bytes_and_loads_nothing() -> None:
    text = sheet()
    assert text == sheet()
    assert not re.findall(r"src\s*=", text)
    assert re.findall(r'href="([^"]*)"', text) == ["../2026-01-10.html"]
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text
    assert "default-src 'none'" in text


def test_page_of_many_trades_and_days_is_under_two_megabytes() -> None:
    text = sheet(night=tables(days=1_500, trades=20_000))
    assert len(text.encode()) < 1_000_000
    assert "the last 4,000 of 20,000" in text


@pytest.mark.parametrize("where", ["strategy", "reason"])
def test_page_escapes_whatever_comes_from_outside(where: str) -> None:
    name = HOSTILE if where == "strategy" else "trend"
    text = sheet(name, tables(name, reason=HOSTILE if where == "reason" else "signal"))
    assert "<script" not in text
    assert "&lt;script" in text


def test_statistics_against_luck_have_a_sentence_each() -> None:
    shown = text_of(sheet())
    for what in (
        "Probabilistic Sharpe ratio (PSR)",
        "Minimum track record",
        "Deflated Sharpe ratio (DSR)",
        "Probability of backtest overfitting (PBO)",
        "White's reality check",
        "Hansen's test for superior predictive ability",
        "Degradation",
        "Stability",
    ):
        assert what in shown, what


def test_costs_are_told_of_the_capital_and_of_what_was_traded() -> None:
    shown = text_of(sheet())
    assert "Commission 0.50 (0.01 % of the capital), 1111.1 bps of the 4 traded" in shown


def test_page_of_the_benchmark_has_no_gates_and_no_choice() -> None:
    shown = text_of(sheet("hold"))
    assert "hold benchmark" in shown
    for what in ("Gates", "Against luck", "What the parameters were chosen from"):
        assert what not in shown, what


def test_page_of_an_old_night_is_readable() -> None:
    night = tables()
    night = NightTables(night.metrics, night.equity, night.trades, night.signals)
    text = tear_sheet("trend", night, old_stamp(), build_scorecard(night.metrics, None, "hold"))
    shown = text_of(text)
    assert "Curves" in shown
    for what in ("Gates", "Against luck", "BTCUSDT"):
        assert what not in shown, what


def test_strategy_without_a_trade_or_a_day_has_a_page() -> None:
    night = tables()
    empty = NightTables(
        night.metrics, night.equity.clear(), night.trades.clear(), night.signals.clear(),
        night.windows, night.parameter_sets, night.market,
    )  # fmt: skip
    shown = text_of(sheet(night=empty))
    assert "there is no trade to show." in shown
    assert shown.count("there is no day to show.") == 8


def test_page_says_what_the_night_was_made_of() -> None:
    shown = text_of(sheet())
    assert "Snapshot 000007 of simulated:seed=7, content " + "d" * 64 in shown
    assert "Code " + "c" * 64 in shown
    assert "Trials counted 1,000, seed 7, initial capital 10,000.00" in shown


def test_assumptions_are_those_of_the_document_word_for_word() -> None:
    document = (ROOT / "docs" / "assumptions.md").read_text().replace("**", "")
    for number, sentence in ASSUMPTIONS:
        [rule] = [line for line in document.splitlines() if line.strip().startswith(f"{number}. ")] or [""]
        whole = document[document.index(f"\n{number}. ") : document.index(f"\n{number + 1}. ")]
        assert rule
        assert sentence.removesuffix(".") in whole, f"rule {number} does not say: {sentence}"


def test_each_picture_has_a_name_and_two_widths() -> None:
    drawn = charts("trend", tables(), "hold", None)
    assert set(drawn) == {"equity", "drawdown", "months", "daily_returns", "trades", "parameters"}
    assert sheet().count('<div class="wide">') == 6
    assert sheet().count('<div class="narrow">') == 6


def test_file_of_a_page_stays_in_its_folder() -> None:
    assert file_name("ema_cross") == "ema_cross.html"
    assert file_name("../../etc/passwd") == "_.._etc_passwd.html"
