"""What charts with axes have in common: a title, a legend, a grid with figures, and days along the bottom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from crypto_bt.report.drawing.canvas import FONT, Canvas, width_of
from crypto_bt.report.drawing.scales import Scale, day_marks, round_marks, seconds
from crypto_bt.report.figures import MINUS

#: Pixels left of a plot for its figures, and right of it.
LEFT: Final = 52
RIGHT: Final = 10
LINE: Final = 17
SWATCH: Final = 24


@dataclass(frozen=True, slots=True)
class Key:
    """A line of a legend: the name, and the classes of what it names (``dot`` if that is a dot)."""

    name: str
    kind: str
    dot: bool = False


def heading(canvas: Canvas, top: float, title: str) -> float:
    """Write ``title`` and return where the next thing begins."""
    canvas.text((0, top + FONT), title, "head")
    return top + FONT + 8


def legend(canvas: Canvas, top: float, keys: Sequence[Key]) -> float:
    """Columns of equal width, as many as the longest name leaves room for; returns where they end."""
    if not keys:
        return top
    column = SWATCH + max(width_of(key.name) for key in keys) + 10
    columns = max(1, min(len(keys), int((canvas.width + 10) // column)))
    for place, key in enumerate(keys):
        x, y = place % columns * column, top + place // columns * LINE + FONT
        if key.dot:
            canvas.dots([(x + 9, y - 4)], f"{key.kind} big")
        else:
            canvas.line((x, y - 4), (x + 18, y - 4), key.kind)
        canvas.text((x + SWATCH, y), key.name)
    return top + -(-len(keys) // columns) * LINE + 8


def percent_grid(canvas: Canvas, scale: Scale, *, signed: bool, ticks: int = 5) -> None:
    """Lines at round figures of the upright ``scale`` (fractions), each with its figure in percent."""
    marks, digits = _percent_marks(scale, ticks)
    for mark in marks:
        y = scale(mark)
        canvas.line((LEFT, y), (canvas.width - RIGHT, y), "zero" if mark == 0 else "grid")
        canvas.text((LEFT - 7, y + 4), tick(mark, digits, signed), "soft", anchor="end")


def percent_axis(canvas: Canvas, scale: Scale, bottom: float) -> None:
    """Round figures of ``scale`` (fractions) in percent along the bottom of a plot."""
    marks, digits = _percent_marks(scale, 8 if canvas.is_wide else 4)
    for mark in marks:
        _below(canvas, scale(mark), bottom, tick(mark, digits, True))


def tick(fraction: float, digits: int, signed: bool) -> str:
    """A round fraction in percent: ``+10 %``, ``−2.5 %``, ``0 %``."""
    text = f"{abs(100 * fraction):,.{digits}f} %"
    if fraction == 0:
        return "0 %"
    return f"{MINUS}{text}" if fraction < 0 else f"+{text}" if signed else text


def days_axis(canvas: Canvas, first: datetime, last: datetime, bottom: float) -> Scale:
    """Days along the bottom of a plot that ends at ``bottom``; returns their scale."""
    scale = Scale(seconds(first), seconds(last), LEFT, canvas.width - RIGHT)
    for day, told in day_marks(first, last, 9 if canvas.is_wide else 4):
        _below(canvas, scale(seconds(day)), bottom, told)
    return scale


def nothing(canvas: Canvas, title: str, why: str) -> str:
    """A chart of nothing says so."""
    top = heading(canvas, 0, title)
    canvas.text((0, top + FONT), why, "soft")
    canvas.height = top + FONT + 10
    return canvas.finished(f"{title}: {why}")


def _percent_marks(scale: Scale, ticks: int) -> tuple[list[float], int]:
    """Round fractions, and how many digits they have in percent."""
    marks = round_marks(scale, ticks)
    digits = [n for n in range(5) if all(abs(round(100 * m, n) - 100 * m) < 1e-9 for m in marks)]
    return marks, digits[0] if digits else 5


def _below(canvas: Canvas, x: float, bottom: float, told: str) -> None:
    """A mark under a plot and its label, which stays on the sheet."""
    canvas.line((x, bottom), (x, bottom + 4), "zero")
    half = width_of(told) / 2 + 3
    canvas.text((min(max(x, half), canvas.width - half), bottom + 17), told, "soft", anchor="middle")
