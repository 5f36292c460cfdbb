"""The colours of the charts by class, for light pages, dark ones and paper.

Series take Okabe and Ito's palette, which colour-blind readers can tell apart; gains and losses are the
page's green and red, and never told by colour alone.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

#: ``either``: without a ground of its own, readable on a light page and on a dark one.
Theme = Literal["auto", "light", "dark", "either"]

#: How many colours there are before dashes tell the curves apart.
COLOURS: Final = 6
_LIGHT: Final = {
    "ink": "#1c2330", "soft": "#667085", "grid": "#e3e7ee", "zero": "#98a2b3", "benchmark": "#98a2b3",
    "market": "#b07d00", "gain": "#12805f", "loss": "#c2432b",
    "s0": "#0072b2", "s1": "#d55e00", "s2": "#009e73", "s3": "#b4609a", "s4": "#3a9bd1", "s5": "#c98a00",
}  # fmt: skip
_DARK: Final = {
    "ink": "#e8ecf3", "soft": "#9aa4b5", "grid": "#2c3443", "zero": "#667085", "benchmark": "#7d889b",
    "market": "#e9b949", "gain": "#4cc3a3", "loss": "#ee8a72",
    "s0": "#4aa8e8", "s1": "#f08a4b", "s2": "#3fc79a", "s3": "#dd93c4", "s4": "#8fd0f5", "s5": "#f0bd4f",
}  # fmt: skip
_EITHER: Final = _LIGHT | {"ink": "#7f8895", "soft": "#7f8895", "grid": "#8a93a35a", "zero": "#8a93a3"}
_PALETTES: Final = {"light": _LIGHT, "dark": _DARK, "either": _EITHER}
_PAPER: Final = {"light": "#ffffff", "dark": "#12161d"}
_SHAPES: Final = (
    ".chart text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;"
    "font-variant-numeric:tabular-nums}"
    ".chart text[font-size='9']{font-size:9px}.chart text[font-size='10']{font-size:10px}"
    ".chart text[font-size='11']{font-size:11px}"
    ".chart .head{font-weight:600}"
    ".chart path{fill:none;stroke-width:1}.chart .curve{stroke-width:1.6;stroke-linejoin:round}"
    ".chart .thick{stroke-width:2.6}.chart .dashed{stroke-dasharray:5 3}"
    ".chart .dotted{stroke-dasharray:1.5 2.5}"
    ".chart .dots{stroke-width:4.4;stroke-linecap:round;stroke-opacity:.6}"
    ".chart .big{stroke-width:8;stroke-opacity:1}"
    ".chart .area{stroke:none;fill-opacity:.16}.chart .frame{fill:none;stroke-width:2}"
)


def chart_css(theme: Theme = "auto") -> str:
    """The style of the charts; ``auto`` follows the reader's system, and paper is light."""
    if theme == "auto":
        return (
            f"{_SHAPES}{_colours(_LIGHT)}@media screen and (prefers-color-scheme:dark){{{_colours(_DARK)}}}"
        )
    return f"{_SHAPES}{_colours(_PALETTES[theme])}"


def standalone(svg: str, theme: Theme = "auto") -> str:
    """A chart as a file of its own, with its style; ``light`` and ``dark`` have a ground of that colour."""
    opening, _, rest = svg.partition("\n")
    ground = f'<rect width="100%" height="100%" fill="{_PAPER[theme]}"/>\n' if theme in _PAPER else ""
    return f"{opening}\n<style>{chart_css(theme)}</style>\n{ground}{rest}"


def inline(svg: str) -> str:
    """A chart for the body of a page that has the style: without the name space, which HTML knows."""
    return svg.replace(' xmlns="http://www.w3.org/2000/svg"', "", 1)


def stacked(svgs: Sequence[str]) -> str:
    """Charts of one width as one, the first on top."""
    sizes = [re.search(r'width="([\d.]+)" height="([\d.]+)"', svg) for svg in svgs]
    widths = [float(size.group(1)) for size in sizes if size]
    heights = [float(size.group(2)) for size in sizes if size]
    parts, top = [], 0.0
    for svg, height in zip(svgs, heights, strict=True):
        parts.append(svg.replace("<svg ", f'<svg y="{top:g}" ', 1))
        top += height
    told = "; ".join(re.findall(r'aria-label="([^"]*)"', "".join(svgs)))
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="{max(widths):g}" height="{top:g}"'
    )
    view = f'viewBox="0 0 {max(widths):g} {top:g}" role="img" aria-label="{told}"'
    return f"{opening} {view}>\n" + "\n".join(parts) + "\n</svg>"


def _colours(palette: Mapping[str, str]) -> str:
    rules = [
        f".chart text{{fill:{palette['ink']}}}.chart .grid{{stroke:{palette['grid']}}}",
        f".chart .zero{{stroke:{palette['zero']}}}.chart .frame{{stroke:{palette['ink']}}}",
    ]
    for name, colour in palette.items():
        rules.append(
            f".chart path.{name}{{stroke:{colour}}}.chart path.area.{name}{{stroke:none;fill:{colour}}}"
            f".chart rect.{name},.chart text.{name}{{fill:{colour}}}"
        )
    return "".join(rules)
