"""Returns by month as a map of warm and cold cells, and the return of each year."""

from typing import Final

import polars as pl

from crypto_bt.backtest.monthly import monthly_returns
from crypto_bt.report.charts.panel import heading, nothing
from crypto_bt.report.drawing.canvas import Canvas
from crypto_bt.report.figures import MINUS, percent

TITLE: Final = "Return by month"
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: A month of this size or more has the full colour, unless none is as large as the least of the two.
_FULL: Final = (0.02, 0.20)
_ROW: Final = 26


def months_chart(equity: pl.DataFrame, width: int) -> str:
    """``equity`` has time (UTC midnights) and equity of one strategy; the oldest year is on top.

    Months that begin or end with the days shown are partial, as is their year.
    """
    canvas = Canvas(width)
    table = monthly_returns(equity.sort("time"))
    if table.is_empty():
        return nothing(canvas, TITLE, "there is no day to show.")
    found = {(year, month): value for year, month, value in table.iter_rows()}
    years = sorted({year for year, _ in found})
    top, left = heading(canvas, 0, TITLE) + 16, 36.0 if canvas.is_wide else 26.0
    cell = (width - left) / 13.3
    size = 11 if canvas.is_wide else 9
    full = min(_FULL[1], max(_FULL[0], max((abs(value) for value in found.values()), default=0.0)))
    for place, name in enumerate(MONTHS):
        told = name if canvas.is_wide else name[0]
        canvas.text((left + (place + 0.5) * cell, top - 5), told, "soft", anchor="middle", size=size)
    canvas.text((width - 1, top - 5), "year" if canvas.is_wide else "yr", "soft", anchor="end", size=size)
    for row, year in enumerate(years):
        y = top + row * _ROW
        canvas.text((0, y + _ROW / 2 + 3), str(year), "soft", size=size)
        own = {month: value for (of, month), value in found.items() if of == year}
        for month, value in own.items():
            corner = (left + (month - 1) * cell + 1, y + 1)
            _cell(canvas, corner, cell - 2, value, full, size, f"{MONTHS[month - 1]} {year}")
        whole = 1.0
        for _, value in sorted(own.items()):
            whole *= 1.0 + value
        end = (width - 1, y + _ROW / 2 + 3)
        canvas.text(end, _short(whole - 1.0), "head " + _tone(whole - 1.0), anchor="end", size=size)
    canvas.height = top + len(years) * _ROW + 20
    told = f"per cent; full colour from {100 * full:.3g} % on; a first or last month may be partial"
    short = f"per cent; full colour from {100 * full:.3g} % on"
    canvas.text((left, canvas.height - 6), told if canvas.is_wide else short, "soft", size=max(10, size))
    figures = ", ".join(
        f"{MONTHS[month - 1]} {year} {percent(value)}" for (year, month), value in found.items()
    )
    return canvas.finished(f"{TITLE}: {figures}")


def _cell(
    canvas: Canvas, corner: tuple[float, float], width: float, value: float, full: float, size: int, name: str
) -> None:
    strength = 0.06 + 0.6 * min(1.0, abs(value) / full)
    told = f"{name}: {percent(value, digits=2)}"
    canvas.box(corner, (width, _ROW - 2), _tone(value) or "soft", strength=strength, title=told)
    canvas.text((corner[0] + width / 2, corner[1] + _ROW / 2 + 3), _short(value), anchor="middle", size=size)


def _tone(value: float) -> str:
    return "gain" if value > 0 else "loss" if value < 0 else ""


def _short(value: float) -> str:
    """Percent without its sign of percent: three characters and a minus at most."""
    figure = abs(100 * value)
    text = f"{figure:.1f}" if figure < 9.95 else f"{figure:.0f}"
    return text if float(text) == 0 else f"{MINUS}{text}" if value < 0 else text
