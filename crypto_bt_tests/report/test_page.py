"""The night's page: self-contained, escaped, the same bytes each time."""

import re

import pytest

from crypto_bt.core.errors import BacktestError
from crypto_bt.report.charts import equity_and_drawdown_svg
from crypto_bt.report.page import night_page
from crypto_bt.report.scorecard import build_scorecard
from crypto_bt.report.stamp import read_stamp
from crypto_bt_tests.report.nights import equity, metrics, signals, stamp, trades

HOSTILE = '<script>alert("x")</script>'


def page(
    strategy: str = "trend", reason: str = "signal", sharpe: float | None = 0.5, **changes: object
) -> str:
    """A page of one strategy beside the benchmark."""
    table = metrics({strategy: {"ALL": 0.1, "A1": 0.1}, "hold": {"ALL": 0.0, "A1": 0.0}}, sharpe=sharpe)
    return night_page(
        table,
        equity(strategy, "hold"),
        trades(strategy, "A1", reason),
        signals(strategy, "A1"),
        stamp(**changes),
        build_scorecard(table, None, "hold"),
    )


def test_page_of_the_same_night_has_the_same_bytes() -> None:
    assert page() == page()


def test_page_loads_nothing_from_anywhere() -> None:
    text = page()
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!#)", text)
    assert "url(http" not in text
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert len(text) < 2_000_000


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": HOSTILE},
        {"reason": HOSTILE},
        {"left_out": {"C3": HOSTILE}},
        {"symbols_without_funding": [HOSTILE]},
        {"snapshot": {"id": HOSTILE, "digest": HOSTILE, "source": HOSTILE}},
        {"strategies": [{"name": HOSTILE, "parameters": {HOSTILE: HOSTILE}, "error": HOSTILE}]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_page_escapes_whatever_comes_from_outside(changes: dict[str, object]) -> None:
    text = page(**changes)  # type: ignore[arg-type]
    assert "<script" not in text
    assert "&lt;script" in text


def test_page_says_that_the_market_is_simulated_and_a_real_one_is_not() -> None:
    assert 'class="notice"' in page()
    real = page(snapshot={"id": "000001", "digest": "d", "source": "binanceusdm"})
    assert 'class="notice"' not in real
    assert "Market data of binanceusdm." in real


def test_page_shows_a_dash_for_a_figure_that_does_not_exist() -> None:
    assert "<td>–</td>" in page(sharpe=None)


def test_picture_stays_small_for_many_days() -> None:
    svg = equity_and_drawdown_svg(equity("a", "b", "c", "hold", days=1500), "hold")
    assert len(svg) < 60_000
    assert svg.count(b"<script") == 0


def test_stamp_that_lacks_a_field_is_refused_by_name() -> None:
    broken = stamp()
    del broken["benchmark"]
    with pytest.raises(BacktestError, match="'benchmark'"):
        read_stamp(broken)


def test_page_holds_a_wide_and_a_narrow_picture_whose_ids_do_not_meet() -> None:
    wide, narrow = re.findall(r'<div class="(?:wide|narrow)">(.*?)</svg>', page(), flags=re.DOTALL)
    ids = [set(re.findall(r'<clipPath id="([^"]+)"', picture)) for picture in (wide, narrow)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_page_says_once_that_the_market_is_simulated() -> None:
    assert page().count("the prices are invented") == 1
