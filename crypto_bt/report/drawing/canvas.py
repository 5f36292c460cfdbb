"""A sheet on which a chart is drawn: shapes by class, so that one style colours them on light and dark.

Every text that comes from outside goes through :meth:`Canvas.text` or a title and is escaped there.
Coordinates are written to a tenth of a pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from textwrap import wrap
from typing import Final

#: Widths in pixels: of a page on a desk or on paper, and of a phone.
WIDE: Final = 720
NARROW: Final = 344
FONT: Final = 12
#: Mean width of a character over the font's size, rounded up: texts are never measured.
CHARACTER: Final = 0.6

Points = Sequence[tuple[float, float]]


@dataclass
class Canvas:
    """Shapes in the order in which they are drawn, ``width`` pixels wide and at last ``height`` high."""

    width: int
    height: float = 0.0
    _shapes: list[str] = field(default_factory=list)

    @property
    def is_wide(self) -> bool:
        """Whether there is room for long labels."""
        return self.width >= WIDE

    def line(self, start: tuple[float, float], end: tuple[float, float], kind: str) -> None:
        """A straight line; ``kind`` are its classes."""
        self._shapes.append(f'<path class="{kind}" d="{path_of([start, end])}"/>')

    def curve(self, points: Points, kind: str, *, closed: bool = False) -> None:
        """A line through ``points``, in order; nothing where there is none."""
        if points:
            self._shapes.append(f'<path class="{kind}" d="{path_of(points)}{"Z" if closed else ""}"/>')

    def dots(self, points: Points, kind: str) -> None:
        """A dot at each point: one path whose strokes have round ends."""
        if points:
            marks = "".join(f"M{number(x)} {number(y)}h0" for x, y in points)
            self._shapes.append(f'<path class="{kind} dots" d="{marks}"/>')

    def box(
        self,
        corner: tuple[float, float],
        size: tuple[float, float],
        kind: str,
        *,
        strength: float = 1.0,
        title: str = "",
    ) -> None:
        """A rectangle from its upper left ``corner``; ``strength`` 0 to 1 is its opacity, ``title`` what a
        pointer on it is told."""
        place = f'x="{number(corner[0])}" y="{number(corner[1])}"'
        extent = f'width="{number(max(0.0, size[0]))}" height="{number(max(0.0, size[1]))}"'
        faint = f' fill-opacity="{strength:.2f}"' if strength < 1.0 else ""
        inside = f"><title>{escape(title)}</title></rect>" if title else "/>"
        self._shapes.append(f'<rect class="{kind}" {place} {extent}{faint}{inside}')

    def text(
        self,
        place: tuple[float, float],
        words: str,
        kind: str = "",
        *,
        anchor: str = "start",
        size: int = FONT,
    ) -> None:
        """A line of text on the base line at ``place``; ``anchor`` is start, middle or end."""
        aligned = "" if anchor == "start" else f' text-anchor="{anchor}"'
        sized = "" if size == FONT else f' font-size="{size}"'
        named = f' class="{kind}"' if kind else ""
        at = f'x="{number(place[0])}" y="{number(place[1])}"'
        self._shapes.append(f"<text{named} {at}{aligned}{sized}>{escape(words)}</text>")

    def finished(self, told: str) -> str:
        """The SVG; ``told`` says in a sentence what it shows, to those who do not see it."""
        size = f'width="{self.width}" height="{number(self.height)}"'
        view = f'viewBox="0 0 {self.width} {number(self.height)}"'
        name = escape(told)
        opening = f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" {size} {view} role="img"'
        return f'{opening} aria-label="{name}">\n' + "\n".join(self._shapes) + "\n</svg>"


def path_of(points: Points) -> str:
    """The data of a path through ``points``."""
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def number(value: float) -> str:
    """A coordinate to a tenth of a pixel, as short as it can be."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def width_of(text: str, size: int = FONT) -> float:
    """At most as wide as ``text`` will be, in pixels."""
    return len(text) * size * CHARACTER


def wrapped(text: str, width: float, size: int = FONT) -> list[str]:
    """``text`` in lines of at most ``width`` pixels, those after the first indented."""
    most = max(8, int(width / (size * CHARACTER)))
    return wrap(text, most, subsequent_indent="\u00a0" * 4, break_on_hyphens=False) or [text]
