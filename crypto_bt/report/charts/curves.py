"""Equity and drawdown, day by day: of all strategies of a night, or of one against the market."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

import polars as pl

from crypto_bt.report.charts.panel import Key, days_axis, heading, legend, nothing, percent_grid
from crypto_bt.report.drawing.canvas import Canvas
from crypto_bt.report.drawing.scales import Scale, round_scale, seconds
from crypto_bt.report.drawing.style import COLOURS
from crypto_bt.report.figures import percent

MOST_POINTS: Final = 400
#: Points of one picture: keeps one of many strategies under 60 kB.
POINTS_BUDGET: Final = 3000
EQUITY_TITLE: Final = "Return on initial capital, by day in UTC"
DRAWDOWN_TITLE: Final = "Drawdown from the highest equity so far, by day in UTC"
_DASHES: Final = ("", " dashed", " dotted")


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: ``equity`` is 1 at the start, ``drawdown`` zero or below; NaN leaves a gap.

    ``area``: whether the drawdown is filled.
    """

    name: str
    kind: str
    times: Sequence[datetime]
    equity: Sequence[float]
    drawdown: Sequence[float]
    area: bool = False


def colours(strategies: Sequence[str], benchmark: str) -> dict[str, str]:
    """Classes by strategy; the benchmark is the thick grey line. By name, so the same every night."""
    rivals = sorted(set(strategies) - {benchmark})
    kinds = {
        name: f"s{place % COLOURS}{_DASHES[place // COLOURS % len(_DASHES)]}"
        for place, name in enumerate(rivals)
    }
    return kinds | ({benchmark: "benchmark thick"} if benchmark in strategies else {})


def thinned(equity: pl.DataFrame) -> pl.DataFrame:
    """At most 400 points a curve: of each run of days the last equity and the deepest drawdown."""
    curves = max(1, equity["strategy"].n_unique())
    most = max(40, min(MOST_POINTS, POINTS_BUDGET // curves)) - 1
    ordered = equity.sort("strategy", "time")
    place, length = pl.int_range(pl.len()).over("strategy"), pl.len().over("strategy")
    # counted from the end, so that the first day and the last both survive
    run = ((place * most + length - 2) // (length - 1).clip(lower_bound=1)).alias("run")
    runs = pl.when(length > most + 1).then(run).otherwise(place.cast(pl.Int64)).alias("run")
    return (
        ordered.with_columns(runs)
        .group_by("strategy", "run", maintain_order=True)
        .agg(pl.col("time").last(), pl.col("equity").last(), pl.col("drawdown").min())
        .drop("run")
    )


def night_curves(equity: pl.DataFrame, benchmark: str) -> list[Curve]:
    """A curve for each strategy of ``equity`` (strategy, time, equity, drawdown), the benchmark first."""
    kinds = colours(equity["strategy"].unique().to_list(), benchmark)
    points = thinned(equity).partition_by("strategy", as_dict=True)
    named = {str(key[0]): frame for key, frame in points.items()}
    order = sorted(named, key=lambda name: (name != benchmark, name))
    return [curve_of(named[name], name, kinds[name]) for name in order]


def own_curves(
    equity: pl.DataFrame, strategy: str, benchmark: str, market: pl.DataFrame | None = None
) -> list[Curve]:
    """The curve of ``strategy`` in front of the benchmark's and of the market symbol's.

    ``market`` has symbol, time and mark (the price in quote at each UTC midnight); only the days that the
    strategy is shown on count, and the first of them is 1.
    """
    both = equity.filter(pl.col("strategy").is_in([strategy, benchmark]))
    own = both.filter(pl.col("strategy") == strategy)
    found: list[Curve] = []
    for name, kind in ((benchmark, "benchmark thick"), (strategy, "s0")):
        frame = both.filter(pl.col("strategy") == name)
        if not frame.is_empty() and not (name == benchmark and name == strategy and found):
            found.append(curve_of(thinned(frame), name, kind, area=name == strategy))
    marks = _market_equity(market, own)
    if marks is not None:
        name = marks["strategy"][0]
        found.insert(max(0, len(found) - 1), curve_of(thinned(marks), name, "market dashed"))
    return found


def curve_of(frame: pl.DataFrame, name: str, kind: str, *, area: bool = False) -> Curve:
    """The rows of one strategy as a :class:`Curve`; its end is told beside its name."""
    equity = frame["equity"].fill_null(math.nan).to_list()
    told = f"{name} {percent(equity[-1] - 1.0)}" if equity else name
    drawdown = frame["drawdown"].fill_null(math.nan).to_list()
    return Curve(told, kind, frame["time"].to_list(), equity, drawdown, area)


def equity_chart(curves: Sequence[Curve], width: int) -> str:
    """Return on the initial capital of each curve, with a legend."""
    height = 250 if width > 500 else 210
    return _chart(EQUITY_TITLE, curves, width, height, drawdown=False)


def drawdown_chart(curves: Sequence[Curve], width: int) -> str:
    """How far each curve is below the highest it has been."""
    return _chart(DRAWDOWN_TITLE, curves, width, 130, drawdown=True)


def _chart(title: str, curves: Sequence[Curve], width: int, height: int, *, drawdown: bool) -> str:
    canvas = Canvas(width)
    shown = title if canvas.is_wide else title.split(",")[0].replace(" from the highest equity so far", "")
    figures = {
        id(curve): curve.drawdown if drawdown else [value - 1.0 for value in curve.equity] for curve in curves
    }
    times = [moment for curve in curves for moment in curve.times]
    if not times:
        return nothing(canvas, shown, "there is no day to show.")
    top = heading(canvas, 0, shown)
    if not drawdown:
        top = legend(canvas, top, [Key(curve.name, f"curve {curve.kind}") for curve in curves])
    top += 4
    bottom = top + height
    ticks = 4 if drawdown else 6
    upright = round_scale((value for each in figures.values() for value in each), bottom, top, ticks=ticks)
    percent_grid(canvas, upright, signed=not drawdown, ticks=ticks)
    across = days_axis(canvas, min(times), max(times), bottom)
    for curve in curves:
        for points in _pieces(curve.times, figures[id(curve)], across, upright):
            if drawdown and curve.area and len(points) > 1:
                floor = upright(0.0)
                around = [(points[0][0], floor), *points, (points[-1][0], floor)]
                canvas.curve(around, f"area {curve.kind}", closed=True)
            if len(points) == 1:
                canvas.dots(points, curve.kind)
            else:
                canvas.curve(points, f"curve {curve.kind}")
    canvas.height = bottom + 24
    return canvas.finished(f"{title}: {'; '.join(curve.name for curve in curves)}")


def _pieces(
    times: Sequence[datetime], values: Sequence[float], across: Scale, upright: Scale
) -> list[list[tuple[float, float]]]:
    """The points of a curve, cut where there is no figure."""
    pairs = zip(times, values, strict=True)
    runs = groupby(pairs, key=lambda pair: math.isfinite(pair[1]))
    return [
        [(across(seconds(moment)), upright(value)) for moment, value in run] for known, run in runs if known
    ]


def _market_equity(market: pl.DataFrame | None, own: pl.DataFrame) -> pl.DataFrame | None:
    if market is None or own.is_empty():
        return None
    shown = market.filter(pl.col("time").is_between(own["time"].min(), own["time"].max())).sort("time")
    shown = shown.filter(pl.col("mark").is_finite() & (pl.col("mark") > 0.0))
    if shown.is_empty():
        return None
    equity = shown.select(
        pl.col("symbol").alias("strategy"), "time", equity=pl.col("mark") / pl.col("mark").first()
    )
    return equity.with_columns(drawdown=pl.col("equity") / pl.col("equity").cum_max() - 1.0)
