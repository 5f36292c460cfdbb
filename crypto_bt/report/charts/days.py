"""How the daily returns are spread, with the days that hurt most marked."""

import math
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.metrics import conditional_value_at_risk, daily_returns, value_at_risk
from crypto_bt.report.charts.panel import LEFT, RIGHT, Key, heading, legend, nothing, percent_axis
from crypto_bt.report.drawing.canvas import Canvas
from crypto_bt.report.drawing.scales import Scale, round_marks, round_step
from crypto_bt.report.figures import percent

TITLE: Final = "Daily returns: how many days brought how much"
_BINS: Final = 40
_HEIGHT: Final = 170
_MARKS: Final = ("ink curve", "ink curve dashed")


def days_chart(equity: pl.DataFrame, width: int) -> str:
    """``equity`` has time (UTC midnights) and equity of one strategy; bars are days, zero is a bar's edge.

    VaR and CVaR at 95 % are those of :mod:`crypto_bt.backtest.metrics`.
    """
    canvas = Canvas(width)
    title = TITLE if canvas.is_wide else TITLE.split(":")[0]
    marks = equity.sort("time")["equity"].fill_null(math.nan).to_numpy()
    marks = marks[np.isfinite(marks)]
    returns = daily_returns(marks) if len(marks) else marks
    if not len(returns):
        return nothing(canvas, title, "there is no day to show.")
    figures = {"VaR 95 %": value_at_risk(marks), "CVaR 95 %": conditional_value_at_risk(marks)}
    told = [f"{name} {percent(value, digits=2)}" for name, value in figures.items()]
    keys = [Key(name, kind) for name, kind in zip(told, _MARKS, strict=True)]
    top = legend(canvas, heading(canvas, 0, title), keys)
    bottom = top + _HEIGHT
    step = round_step(float(max(returns.max(), 0.0) - min(returns.min(), 0.0)) or 0.01, _BINS)
    places, counts = _binned(returns, step)
    first, last = min(places[0], -1), max(places[-1] + 1, 1)
    across = Scale(first * step, last * step, LEFT, width - RIGHT)
    upright = Scale(0.0, max(counts) * 1.05, bottom, top)
    _count_grid(canvas, upright)
    for place, days in zip(places, counts, strict=True):
        low, high, y = across(place * step), across((place + 1) * step), upright(days)
        between = f"{percent(place * step, digits=2)} to {percent((place + 1) * step, digits=2)}"
        kind = "gain" if place >= 0 else "loss"
        size = high - low - 1, bottom - y
        canvas.box((low + 0.5, y), size, kind, strength=0.75, title=f"{between}: {days} days")
    canvas.line((LEFT, bottom), (width - RIGHT, bottom), "zero")
    canvas.line((across(0.0), top), (across(0.0), bottom), "zero")
    for value, kind in zip(figures.values(), _MARKS, strict=True):
        if value is not None:
            canvas.line((across(value), top), (across(value), bottom), kind)
    percent_axis(canvas, across, bottom)
    canvas.height = bottom + 24
    return canvas.finished(f"{TITLE}. {len(returns)} days; {'; '.join(told)}")


def _binned(returns: NDArray[np.float64], step: float) -> tuple[list[int], list[int]]:
    """The bins that hold a day, ascending, and how many they hold; a return on an edge (but for rounding)
    belongs to the bin above."""
    places, counts = np.unique(np.floor(returns / step + 1e-9).astype(np.int64), return_counts=True)
    return places.tolist(), counts.tolist()


def _count_grid(canvas: Canvas, scale: Scale) -> None:
    for days in round_marks(scale, 4):
        if days == int(days) and days > 0:
            canvas.line((LEFT, scale(days)), (canvas.width - RIGHT, scale(days)), "grid")
            canvas.text((LEFT - 7, scale(days) + 4), f"{days:.0f}", "soft", anchor="end")
    canvas.text((LEFT - 7, scale(0) + 4), "0 days", "soft", anchor="end")
