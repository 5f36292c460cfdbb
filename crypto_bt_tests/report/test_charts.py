"""The charts show the figures they were given, on axes that are true, on every width and for odd input."""

import math
import random
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.backtest.metrics import conditional_value_at_risk, value_at_risk
from crypto_bt.backtest.monthly import monthly_returns
from crypto_bt.report.charts.curves import (
    colours,
    drawdown_chart,
    equity_chart,
    night_curves,
    own_curves,
    thinned,
)
from crypto_bt.report.charts.days import days_chart
from crypto_bt.report.charts.months import months_chart
from crypto_bt.report.charts.surface import surface_chart, surface_of
from crypto_bt.report.charts.trades import KINDS, MOST_TRADES, trades_chart
from crypto_bt.report.drawing.canvas import NARROW, WIDE
from crypto_bt_tests.report.nights import START, UTC_MS, equity
from crypto_bt_tests.report.reading import axis, figure_of, read, upright

WIDTHS = (WIDE, NARROW)
HOSTILE = '<script>&"x"'


def walk(seed: int, days: int, name: str = "trend") -> pl.DataFrame:
    """A random curve with its drawdown."""
    rng = random.Random(seed)
    marks = [1.0]
    for _ in range(days):
        marks.append(max(0.0, marks[-1] * (1 + rng.gauss(0, 0.03))))
    peaks = [max(marks[: place + 1]) for place in range(len(marks))]
    return pl.DataFrame(
        {
            "strategy": name,
            "time": [START + timedelta(days=day) for day in range(days + 1)],
            "equity": marks,
            "drawdown": [mark / peak - 1 for mark, peak in zip(marks, peaks, strict=True)],
        },
        schema_overrides={"time": UTC_MS},
    )


def some_trades(count: int, seed: int = 3) -> pl.DataFrame:
    """Trades of an hour to two months."""
    rng = random.Random(seed)
    rows = [
        {
            "symbol": f"S{number}",
            "entry_time": START,
            "exit_time": START + timedelta(hours=rng.choice((1, 2, 7, 30, 200, 1400))),
            "net_return": rng.gauss(0, 0.05),
            "exit_reason": rng.choice(("signal", "stop", "gap")),
        }
        for number in range(count)
    ]
    return pl.DataFrame(rows, schema_overrides={"entry_time": UTC_MS, "exit_time": UTC_MS})


def sets(rows: int, columns: int) -> pl.DataFrame:
    """A grid of parameter sets whose Sharpe ratio says where they are."""
    return pl.DataFrame(
        [
            {
                "parameter_set": row * columns + column,
                "signals": f"leverage 1.0, window {row}",
                "exits": f"stop_loss 0.{column}1",
                "sharpe": row - column / 100,
            }
            for row in range(rows)
            for column in range(columns)
        ],
        schema={"parameter_set": pl.Int32, "signals": pl.String, "exits": pl.String, "sharpe": pl.Float64},
    )


@pytest.mark.parametrize("width", WIDTHS)
@given(seed=st.integers(0, 10_000), days=st.integers(1, 380))
@settings(max_examples=25, deadline=None)
def test_curves_drawn_are_the_curves_given(width: int, seed: int, days: int) -> None:
    frame = walk(seed, days)
    curves = own_curves(frame, "trend", "hold")
    for svg, column, shift in (
        (equity_chart(curves, width), "equity", 1.0),
        (drawdown_chart(curves, width), "drawdown", 0.0),
    ):
        chart = read(svg)
        scale = upright(chart)
        [points] = chart.of("curve", "s0")[-1:]
        drawn = [scale(y) for _, y in points]
        expected = [value - shift for value in frame[column]]
        assert drawn == pytest.approx(expected, abs=0.12 * abs(1 / scale.unit) + 1e-6)
        steps = [b - a for (a, _), (b, _) in pairwise(points)]
        assert max(steps) - min(steps) <= 0.21, "days are equally far from each other"


def test_curve_of_many_days_keeps_its_end_and_its_deepest_day() -> None:
    frame = walk(1, 3_000)
    shorter = thinned(frame)
    assert shorter.height <= 400
    assert shorter["equity"][-1] == frame["equity"][-1]
    assert shorter["drawdown"].min() == frame["drawdown"].min()
    assert shorter["time"].min() == frame["time"].min()


def test_picture_of_many_strategies_and_days_stays_small() -> None:
    names = [f"a_strategy_with_a_name_{number}" for number in range(12)]
    curves = night_curves(equity(*names, "hold", days=1500), "hold")
    assert len(equity_chart(curves, WIDE)) < 60_000
    assert len(drawdown_chart(curves, WIDE)) < 60_000


def test_strategy_has_its_colour_by_name_and_no_two_look_alike() -> None:
    names = [f"strategy_{number:02}" for number in range(18)]
    found = colours([*names, "hold"], "hold")
    assert len(set(found.values())) == 19
    assert found == colours([*reversed(names), "hold"], "hold")


def test_market_begins_where_the_strategy_does() -> None:
    frame = walk(4, 20)
    market = pl.DataFrame(
        {
            "symbol": "BTCUSDT",
            "time": [START + timedelta(days=day) for day in range(-30, 30)],
            "mark": [None if day == 25 else 100.0 + day for day in range(60)],
        },
        schema_overrides={"time": UTC_MS},
    )
    own = own_curves(frame, "trend", "hold", market)
    [line] = [curve for curve in own if curve.name.startswith("BTCUSDT")]
    assert line.times[0] == START
    assert line.equity[0] == 1.0
    assert line.equity[-1] == pytest.approx(150 / 130)
    assert line.name == "BTCUSDT +15.4 %"


def test_figure_that_is_missing_leaves_a_gap() -> None:
    frame = walk(2, 10).with_columns(
        equity=pl.when(pl.int_range(pl.len()) == 5).then(math.nan).otherwise("equity")
    )
    chart = read(equity_chart(own_curves(frame, "trend", "hold"), WIDE))
    assert [len(points) for points in chart.of("curve", "s0") if len(points) > 2] == [5, 5]


@pytest.mark.parametrize("width", WIDTHS)
@given(seed=st.integers(0, 10_000), days=st.integers(1, 900))
@settings(max_examples=15, deadline=None)
def test_months_are_the_months(width: int, seed: int, days: int) -> None:
    frame = walk(seed, days)
    chart = read(months_chart(frame, width))
    cells = [title for _, _, title in chart.boxes]
    assert len(cells) == monthly_returns(frame).height
    for title, value in zip(cells, monthly_returns(frame)["return"], strict=True):
        shown = figure_of(title.split(": ")[1])
        assert shown == pytest.approx(value, abs=5.1e-5)
    for (kinds, _, _), value in zip(chart.boxes, monthly_returns(frame)["return"], strict=True):
        assert ("gain" in kinds) == (value > 0)


@pytest.mark.parametrize("width", WIDTHS)
def test_trades_are_where_their_return_and_their_time_put_them(width: int) -> None:
    trades = some_trades(300)
    chart = read(trades_chart(trades, width))
    scale = upright(chart)
    times = {"1 h": 1, "4 h": 4, "1 d": 24, "3 d": 72, "1 w": 168, "30 d": 720, "90 d": 2160}
    across = axis([(math.log(times[text]), x) for text, x, _ in chart.texts if text in times])
    for reason, kind in (("signal", "s0"), ("stop", "s1")):
        own = trades.sort("exit_time", "entry_time", "symbol").filter(exit_reason=reason)
        [points] = [points for points in chart.of("dots", kind) if len(points) > 1]
        assert len(points) == own.height
        hours = (own["exit_time"] - own["entry_time"]).dt.total_hours()
        assert [scale(y) for _, y in points] == pytest.approx(own["net_return"].to_list(), abs=2e-3)
        assert [across(x) for x, _ in points] == pytest.approx([math.log(h) for h in hours], abs=0.05)
    assert any(text.startswith("gap (") for text in chart.words)


def test_reasons_have_colours_of_their_own_whatever_else_there_is() -> None:
    assert len(set(KINDS.values())) == len(KINDS)
    chart = read(trades_chart(some_trades(50).with_columns(exit_reason=pl.lit("stop")), WIDE))
    assert chart.of("dots", "s1")


def test_more_trades_than_fit_are_said_to_be_left_out() -> None:
    chart = read(trades_chart(some_trades(MOST_TRADES + 10), NARROW))
    assert "the last 4,000 of 4,010; time held (logarithmic)" in chart.words


@pytest.mark.parametrize("width", WIDTHS)
def test_surface_shows_each_set_in_its_place_and_marks_the_one_in_charge(width: int) -> None:
    windows = pl.DataFrame({"parameter_set": [4, 4, None, 0]}, schema={"parameter_set": pl.Int32})
    surface = surface_of(sets(3, 4), windows, {"window": 2, "leverage": 1.0, "exits": "stop_loss 0.31"})
    assert surface.now == (2, 3)
    assert surface.charged == {(1, 0): 2, (0, 0): 1}
    assert surface.signals == ["window 0", "window 1", "window 2"]
    chart = read(surface_chart(surface, width))
    cells = {title: place for kinds, place, title in chart.boxes if title}
    assert len(cells) == 12
    [frame] = [place for kinds, place, _ in chart.boxes if "frame" in kinds]
    assert cells["window 2; stop_loss 0.31: 1.97"] == frame
    [dots] = chart.of("dots", "ink")
    x, y, _, _ = cells["window 1; stop_loss 0.01: 1.00"]
    assert any(abs(dot[0] - x) < 10 and abs(dot[1] - y) < 10 for dot in dots)


def test_surface_of_too_many_sets_shows_the_best_and_counts_the_others() -> None:
    surface = surface_of(sets(100, 30), None, {})
    assert len(surface.signals) == 30
    assert surface.left_out == 100 * 30 - 30 * 16
    assert "window 99" in surface.signals
    assert "Left out: 2,520 sets that are not among the best." in read(surface_chart(surface, WIDE)).words


@pytest.mark.parametrize("width", WIDTHS)
@given(seed=st.integers(0, 10_000), days=st.integers(1, 400))
@settings(max_examples=25, deadline=None)
def test_days_are_counted_once_each_and_the_worst_are_marked(width: int, seed: int, days: int) -> None:
    frame = walk(seed, days)
    chart = read(days_chart(frame, width))
    assert sum(int(title.split()[-2]) for _, _, title in chart.boxes) == days
    marks = [(figure_of(text), x) for text, x, y in chart.texts if y > 200 and figure_of(text) is not None]
    inner = [(figure, x) for figure, x in marks if figure is not None and 60 < x < width - 45]
    if len(inner) < 2:
        return
    across = axis(inner)
    figures = value_at_risk(frame["equity"].to_numpy()), conditional_value_at_risk(frame["equity"].to_numpy())
    drawn = [points[0][0] for points in chart.of("ink", "curve") if points[0][0] == points[1][0]]
    assert [across(x) for x in drawn] == pytest.approx(figures, abs=0.15 * abs(1 / across.unit))


CHARTS: dict[str, Callable[[pl.DataFrame, int], str]] = {
    "equity": lambda frame, width: equity_chart(own_curves(frame, "trend", "hold"), width),
    "drawdown": lambda frame, width: drawdown_chart(own_curves(frame, "trend", "hold"), width),
    "months": months_chart,
    "days": days_chart,
    "trades": lambda frame, width: trades_chart(some_trades(max(1, frame.height)).head(frame.height), width),
    "surface": lambda frame, width: surface_chart(surface_of(sets(1, frame.height), None, {}), width),
}
ODD = {
    "nothing": walk(1, 5).clear(),
    "the start alone": walk(1, 0),
    "one day": walk(1, 1),
    "flat": walk(1, 9).with_columns(equity=pl.lit(1.0), drawdown=pl.lit(0.0)),
    "all lost": walk(1, 9).with_columns(equity=pl.lit(0.0), drawdown=pl.lit(-1.0)),
    "NaN alone": walk(1, 9).with_columns(equity=pl.lit(math.nan), drawdown=pl.lit(math.nan)),
    "NaN at the end": walk(1, 9).with_columns(
        equity=pl.when(pl.int_range(pl.len()) > 7).then(math.nan).otherwise("equity")
    ),
    "a thousandfold": walk(1, 9).with_columns(equity=pl.col("equity") * 1000),
    "a millionth": walk(1, 9).with_columns(equity=1 + (pl.col("equity") - 1) * 1e-7, drawdown=pl.lit(-1e-9)),
    "ten years": walk(1, 3_650),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", CHARTS)
def test_odd_input_makes_a_chart_that_is_whole(name: str, odd: str, width: int) -> None:
    frame = ODD[odd]
    svg = CHARTS[name](frame, width)
    chart = read(svg)
    assert svg == CHARTS[name](frame, width), "the same bytes"
    assert chart.width == width
    assert chart.told
    for text, x, y in chart.texts:
        assert -1 <= x <= width + 1, text
        assert 0 < y <= chart.height, text
    for _, points in chart.paths:
        assert all(-1 <= x <= width + 1 and -1 <= y <= chart.height + 1 for x, y in points)
    if frame.is_empty():
        assert any(text.startswith(("there is no ", "there was no ")) for text in chart.words)


def test_names_from_outside_are_escaped() -> None:
    frame = equity(HOSTILE, "hold")
    assert "<script" not in equity_chart(night_curves(frame, "hold"), WIDE)
    trades = some_trades(5).with_columns(exit_reason=pl.lit(HOSTILE))
    assert "<script" not in trades_chart(trades, WIDE)
    hostile = sets(2, 2).with_columns(exits=pl.lit(HOSTILE), signals=pl.lit(HOSTILE))
    assert "<script" not in surface_chart(surface_of(hostile, None, {}), WIDE)
