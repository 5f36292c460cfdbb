"""The night's page: self-contained, escaped, the same bytes each time, complete."""

import re
from datetime import timedelta
from html import unescape

import polars as pl
import pytest

from crypto_bt.core.errors import BacktestError
from crypto_bt.report import sections
from crypto_bt.report.page import night_page
from crypto_bt.report.scorecard import build_scorecard
from crypto_bt.report.stamp import read_stamp
from crypto_bt_tests.report import nights
from crypto_bt_tests.report.nights import START, entry, equity, metrics, old_stamp, stamp

HOSTILE = '<script>alert("x")</script>'


def page(
    strategy: str = "trend",
    *told: dict[str, object],
    reason: str = "signal",
    exits: str = "stop_loss 0.08",
    sharpe: float | None = 0.5,
    windows: pl.DataFrame | None = None,
    tear_sheets: dict[str, str] | None = None,
    **changes: object,
) -> str:
    """A page of one strategy beside the benchmark; ``told`` is its entry in the stamp."""
    table = metrics({strategy: {"ALL": 0.1, "A1": 0.1}, "hold": {"ALL": 0.0, "A1": 0.0}}, sharpe=sharpe)
    return night_page(
        table,
        equity(strategy, "hold"),
        nights.trades(strategy, "A1", reason),
        nights.signals(strategy, A1=-1.0),
        stamp(*(told or (entry(strategy),)), **changes),
        build_scorecard(table, None, "hold"),
        windows=nights.windows(strategy) if windows is None else windows,
        parameter_sets=nights.parameter_sets(strategy, exits),
        tear_sheets=tear_sheets,
    )


def old_page() -> str:
    """The page of a night of schema version 1, which had neither windows nor parameter sets."""
    table = metrics({"trend": {"ALL": 0.1, "A1": 0.1}, "hold": {"ALL": 0.0, "A1": 0.0}})
    card = build_scorecard(table, None, "hold")
    return night_page(
        table, equity("trend", "hold"), nights.trades("trend", "A1"), nights.signals("trend", A1=1),
        old_stamp(), card,
    )  # fmt: skip


def text_of(html: str) -> str:
    """What is read, without markup."""
    body = re.sub(r"<style.*?</style>|<[^>]*>", " ", html[html.index("<body>") :], flags=re.DOTALL)
    return " ".join(unescape(body).split())


def test_page_of_the_same_night_has_the_same_bytes() -> None:
    assert page() == page()


def test_page_loads_nothing_from_anywhere() -> None:
    text = page()
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!#)", text)
    assert "url(http" not in text
    assert "<script" not in text
    assert "default-src 'none'" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": HOSTILE},
        {"reason": HOSTILE},
        {"exits": HOSTILE},
        {"left_out": {"C3": HOSTILE}},
        {"symbols_without_funding": [HOSTILE]},
        {"snapshot": {"id": HOSTILE, "digest": HOSTILE, "source": HOSTILE}},
        {"libraries": {HOSTILE: HOSTILE}},
        {"order_rules_unknown": {HOSTILE: [HOSTILE]}},
        {"strategies": [{"name": HOSTILE, "parameters": {HOSTILE: HOSTILE}, "error": HOSTILE}]},
        {"strategies": [entry("trend", in_charge={HOSTILE: HOSTILE, "exits": HOSTILE}, lookahead=HOSTILE)]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_page_escapes_whatever_comes_from_outside(changes: dict[str, object]) -> None:
    text = page(**changes)  # type: ignore[arg-type]
    assert "<script" not in text
    assert "&lt;script" in text


def test_page_escapes_a_hostile_verdict() -> None:
    told = entry("trend", 0.5)
    told["verdict"] = told["verdict"] | {"reason": HOSTILE}
    told["verdict"]["outcomes"][0]["source"] = HOSTILE
    text = page("trend", told)
    assert "<script" not in text
    assert text.count("&lt;script") == 2


def test_page_says_that_the_market_is_simulated_and_a_real_one_is_not() -> None:
    assert page().count("the prices are invented") == 1
    real = page(snapshot={"id": "000001", "digest": "d", "source": "binanceusdm"})
    assert 'class="notice"' not in real
    assert "Market data of binanceusdm." in real


def test_page_shows_a_dash_for_a_figure_that_does_not_exist() -> None:
    assert "<td>–</td>" in page(sharpe=None)


def test_verdict_gates_and_reason_come_before_the_curves() -> None:
    text = page("trend", entry("trend", 0.5, losses=(50, 30, 7)))
    shown = text_of(text)
    for what in (
        "trend watch: Sharpe ratio 0.5 (at least 0.8)",
        "Gates, out of sample",
        "losses in a row at most 5",
        "7 ✗",
        "10.0 % ✓",
        "Sharpe ratio: the desk's own default",
        "−0.50 to 2.50",
    ):
        assert what in shown, what
        assert shown.index(what) < shown.index("Equity and drawdown, out of sample")
    [row] = [row for row in re.findall(r"<tr>.*?</tr>", text, re.DOTALL) if "7 ✗" in row]
    by_chance, as_many = re.findall(r"<td>([^<]*)</td>", row)[-2:]
    assert float(by_chance) > 3
    assert as_many.endswith(" %")


def test_page_shows_the_windows_the_newest_first_with_the_chosen_sets_in_words() -> None:
    shown = text_of(page())
    assert "2 windows; in charge now: fast 12, exits: stop loss 0.08" in shown
    newer = shown.index(
        "2026-04-17 2026-05-02 2026-01-16 2026-04-16 3.50 0.25 1: fast 12, exits: stop loss 0.08"
    )
    assert newer < shown.index("2026-04-02 2026-04-17 2026-01-01 2026-04-01 3.50 0.25 0: fast 12")


def test_window_without_a_choice_was_spent_in_cash() -> None:
    by_strategy = sections.windows_with_sets(nights.windows("trend", chosen=None, sharpe=None), None)
    assert by_strategy["trend"][0]["parameter_set"] is None
    table = metrics({"trend": {"ALL": 0.1, "A1": 0.1}})
    text = night_page(
        table, equity("trend"), nights.trades("trend", "A1"), nights.signals("trend", A1=0), stamp(),
        build_scorecard(table, None, "hold"), windows=nights.windows("trend", chosen=None),
    )  # fmt: skip
    assert "none: in cash" in text


def test_statistics_against_luck_are_explained_and_count_the_trials() -> None:
    shown = text_of(page())
    for what in (
        "Against luck: the record, out of sample",
        "Against luck: the search, all sets over all days, in sample",
        "Probabilistic Sharpe ratio (PSR)",
        "Minimum track record",
        "the record has 9",
        "Deflated Sharpe ratio (DSR)",
        "the best of the 1,000 trials counted so far",
        "Probability of backtest overfitting (PBO)",
        "White's reality check",
        "Hansen's test for superior predictive ability",
    ):
        assert what in shown, what


def test_page_of_too_short_a_history_shows_and_does_not_judge() -> None:
    none = nights.windows("trend").clear()
    shown = text_of(page("trend", entry("trend", None), sharpe=None, windows=none))
    assert "Scorecard, in sample: shown, not judged" in shown
    assert shown.count("In sample: shown, not judged. The figures are those") == 1
    assert "83 are missing" in shown
    assert "Equity and drawdown, in sample" in shown
    assert "Gates" not in shown
    assert "the record, out of sample" not in shown


def test_page_of_an_old_night_is_readable() -> None:
    shown = text_of(old_page())
    assert shown.startswith("crypto_bt · night of 2026-01-10")
    assert "trend made +10.0 % and beat hold" in shown
    for what in ("verdict", "Gates", "sample", "walk-forward", "Against luck"):
        assert what not in shown, what


def test_all_sets_tried_are_called_in_sample() -> None:
    shown = text_of(page())
    assert "All sets tried, in sample" in shown
    assert "the best 2 of 2" in shown


def test_comparison_with_the_universe_known_then_is_shown_where_it_is_known() -> None:
    measured = {
        "symbols_known_then": 30, "net_return": 0.1, "net_return_known_then": 0.04, "difference": 0.06,
        "sharpe": 1.0, "sharpe_known_then": None,
    }  # fmt: skip
    shown = text_of(page("trend", entry("trend", survivorship=measured)))
    assert "trend +10.0 % +4.0 % +6.0 pp 1.00 –" in shown
    assert "30 most liquid of that day" in shown
    assert "universe known then" not in text_of(page())


@pytest.mark.parametrize(
    ("empty", "lacking", "symbols", "said"),
    [
        (0.0, 0.0, [], "Every one of the 30 places was filled on every day."),
        (2.5, 0.0, [], "2.5 of the 30 places a day were empty and waited in cash: the home knows of no more"),
        (
            2.5,
            1.25,
            ["LUNAUSDT", "<b>"],
            "1.2 of them for want of candles in this night (delisted or not followed: LUNAUSDT, <b>)",
        ),
    ],
)
def test_empty_places_of_the_universe_known_then_are_told(
    empty: float, lacking: float, symbols: list[str], said: str
) -> None:
    measured = {
        "symbols_known_then": 30, "net_return": 0.1, "net_return_known_then": 0.04, "difference": 0.06,
        "sharpe": 1.0, "sharpe_known_then": None,
        "empty_places": empty, "without_candles": lacking, "lacking": symbols,
    }  # fmt: skip
    assert said in text_of(page("trend", entry("trend", survivorship=measured)))


def test_signals_are_grouped_by_side_with_the_share_of_what_is_not_whole() -> None:
    held = sections.held_signals(nights.signals("trend", A1=1.0, B2=0.35, C3=-0.5, D4=0.0, E5=-1.0))
    assert held == {"trend": [("long", "A1, B2 35 %"), ("short", "C3 50 %, E5"), ("flat", "D4")]}


def test_months_hold_each_month_once_and_compound_to_the_year() -> None:
    times = [START + timedelta(days=day) for day in range(400)]
    curve = pl.DataFrame({"strategy": "trend", "time": times}).with_columns(
        pl.col("time").cast(pl.Datetime("ms", "UTC")), equity=1.001 ** pl.int_range(pl.len())
    )
    newest, first = sections.months(curve)["trend"]
    assert (newest.year, first.year) == (2027, 2026)
    assert first.months[0] == pytest.approx(1.001**31 - 1)
    assert first.whole == pytest.approx(1.001**365 - 1)
    assert newest.months[2:] == (None,) * 10


def test_stamp_that_lacks_a_field_is_refused_by_name() -> None:
    broken = stamp()
    del broken["benchmark"]
    with pytest.raises(BacktestError, match="'benchmark'"):
        read_stamp(broken)


def test_stamp_with_a_verdict_of_another_kind_is_refused() -> None:
    broken = entry("trend")
    broken["verdict"]["decision"] = "celebrate"
    with pytest.raises(BacktestError, match="celebrate"):
        read_stamp(stamp(broken))


def test_stamp_of_schema_version_1_has_one_commission_for_all_fills() -> None:
    costs = read_stamp(old_stamp()).costs
    assert (costs["taker_bps"], costs["maker_bps"], costs["impact"]) == (5.0, 5.0, 0.0)


def test_page_holds_each_picture_for_desks_and_for_phones() -> None:
    wide = re.findall(r'<div class="wide"><svg class="chart" width="(\d+)"', page())
    narrow = re.findall(r'<div class="narrow"><svg class="chart" width="(\d+)"', page())
    assert wide == ["720", "720"]
    assert narrow == ["344", "344"]


def test_page_links_to_the_tear_sheets_it_was_given() -> None:
    assert 'href="2026-01-10/trend.html"' in page(tear_sheets={"trend": "2026-01-10/trend.html"})
