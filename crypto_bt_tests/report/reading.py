"""Charts read back as a person reads them: figures off the axes, points off the paths."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"


@dataclass
class Read:
    """What a chart shows, in pixels: texts with their places, paths and boxes by class."""

    width: float
    height: float
    told: str
    texts: list[tuple[str, float, float]] = field(default_factory=list)
    paths: list[tuple[set[str], list[tuple[float, float]]]] = field(default_factory=list)
    boxes: list[tuple[set[str], tuple[float, float, float, float], str]] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        """All texts."""
        return [text for text, _, _ in self.texts]

    def of(self, *kinds: str) -> list[list[tuple[float, float]]]:
        """The points of the paths that have all these classes."""
        return [points for classes, points in self.paths if set(kinds) <= classes]


def read(svg: str) -> Read:
    """Parse ``svg``; fails unless it is well-formed, whole, without scripts and addresses of others."""
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    addresses = set(re.findall(r"https?://[^\s\"']+", svg))
    assert addresses <= {"http://www.w3.org/2000/svg"}, addresses
    assert not re.search(r"<script|<image|<foreignObject|href=|\bon\w+=", svg)
    assert "nan" not in re.sub(r">[^<]*<|aria-label=\"[^\"]*\"", "", svg).lower()
    found = Read(float(root.attrib["width"]), float(root.attrib["height"]), root.attrib["aria-label"])
    for element in root.iter():
        kinds = set(element.attrib.get("class", "").split())
        if element.tag == f"{SVG}text":
            found.texts.append((element.text or "", float(element.attrib["x"]), float(element.attrib["y"])))
        elif element.tag == f"{SVG}path":
            pairs = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", element.attrib["d"])
            found.paths.append((kinds, [(float(x), float(y)) for x, y in pairs]))
        elif element.tag == f"{SVG}rect" and "x" in element.attrib:
            place = tuple(float(element.attrib[name]) for name in ("x", "y", "width", "height"))
            title = element.findtext(f"{SVG}title") or ""
            found.boxes.append((kinds, place, title))  # type: ignore[arg-type]
    return found


def figure_of(label: str) -> float | None:
    """``−12.5 %`` is -0.125; None for a text that is no percentage."""
    match = re.fullmatch(r"([+\u2212]?)([\d.,]+) %", label)
    if not match:
        return None
    return float(match.group(2).replace(",", "")) / 100 * (-1 if match.group(1) == "\u2212" else 1)


@dataclass(frozen=True)
class Axis:
    """The straight line through the figures beside an axis."""

    zero: float
    unit: float

    def __call__(self, pixel: float) -> float:
        """The figure at ``pixel``."""
        return (pixel - self.zero) / self.unit


def axis(marks: Sequence[tuple[float, float]]) -> Axis:
    """From (figure, pixel) of at least two marks; asserts that they lie on one line."""
    (low, first), (high, last) = min(marks), max(marks)
    unit = (last - first) / (high - low)
    found = Axis(first - low * unit, unit)
    for figure, pixel in marks:
        assert abs(found(pixel) - figure) < 0.02 * (high - low), (figure, pixel)
    return found


def upright(chart: Read) -> Axis:
    """The axis of the percentages on the left."""
    marks = [(figure_of(text), y - 4) for text, x, y in chart.texts if x == 45]
    return axis([(figure, y) for figure, y in marks if figure is not None])
