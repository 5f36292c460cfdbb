"""Pictures of a night as SVG: the same input gives the same bytes.

matplotlib is imported inside the functions (it takes about a second) and is used without pyplot, so
there is no global figure and no display. Backgrounds are transparent and the ink is a middle grey:
the pictures read on white and on dark pages.
"""

import base64
import re
from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from crypto_bt.report.figures import MINUS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Okabe and Ito's palette without black and yellow: distinct for colour-blind readers.
PALETTE: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
DASHES: Final = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)))
BENCHMARK_COLOUR: Final = "#9aa1ab"
INK: Final = "#737b87"
MOST_POINTS: Final = 400
POINTS_BUDGET: Final = 3000  # of both panels together: keeps a picture of many strategies under 60 kB

#: Inches of a legend's line before the name, and of a character for each point of the font.
NAME_BEGINS: Final = 0.5
CHARACTER: Final = 0.0083

WIDE: Final = (7.4, 4.7)
NARROW: Final = (3.9, 4.9)


def colours(strategies: Sequence[str], benchmark: str) -> dict[str, str]:
    """A colour for each strategy; the benchmark is grey. By name, so that it is the same every night."""
    rivals = sorted(set(strategies) - {benchmark})
    chosen = {name: PALETTE[place % len(PALETTE)] for place, name in enumerate(rivals)}
    return chosen | ({benchmark: BENCHMARK_COLOUR} if benchmark in strategies else {})


def thinned(equity: pl.DataFrame) -> pl.DataFrame:
    """At most 400 points a curve: of each run of days the last equity and the deepest drawdown."""
    curves = max(1, equity["strategy"].n_unique())
    most = max(40, min(MOST_POINTS, POINTS_BUDGET // (2 * curves))) - 1
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


def equity_and_drawdown_svg(equity: pl.DataFrame, benchmark: str, size: tuple[float, float] = WIDE) -> bytes:
    """Equity curves above, drawdowns below, of every strategy in ``equity``; under 60 kB of SVG.

    ``equity`` has columns strategy, time (UTC), equity (fraction of the initial capital) and drawdown
    (fraction, zero or negative). The benchmark is the thick grey line. ``size`` is in inches.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    style: Any = {
        "svg.hashsalt": f"crypto_bt {size[0]}x{size[1]}",
        "svg.fonttype": "none",
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.edgecolor": INK,
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.unicode_minus": True,
        "timezone": "UTC",
    }
    with rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_alpha(0.0)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
        _draw(above, below, thinned(equity), benchmark, mark=" (benchmark)" if size[0] >= WIDE[0] else "")
        above.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value - 1, "+")))
        below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, "")))
        above.axhline(1.0, color=INK, linewidth=0.7, zorder=1)
        for axes, title in ((above, "Return on initial capital"), (below, "Drawdown")):
            axes.set_title(title, loc="left", fontsize=9, fontweight="bold")
            _calm(axes)
        _date_axis(below)
        _legend(figure, above, size[0])
        return _svg_bytes(figure)


def data_uri(svg: bytes) -> str:
    """``svg`` as an address for a Markdown picture: ``![curves](data:image/svg+xml;base64,...)``."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode('ascii')}"


def inline(svg: bytes) -> str:
    """``svg`` for the body of an HTML page: without XML prolog and namespace addresses."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :].replace("xlink:href", "href")
    return re.sub(r' xmlns(:\w+)?="[^"]*"', "", text, count=2)


def _draw(above: "Axes", below: "Axes", curves: pl.DataFrame, benchmark: str, mark: str) -> None:
    strategies = sorted(curves["strategy"].unique().to_list(), key=lambda name: (name != benchmark, name))
    colour = colours(strategies, benchmark)
    rivals = [name for name in strategies if name != benchmark]
    for name in strategies:
        curve = curves.filter(pl.col("strategy") == name)
        times = curve["time"].dt.replace_time_zone(None).to_numpy()
        is_benchmark = name == benchmark
        line: dict[str, Any] = {
            "color": colour[name],
            "linewidth": 2.8 if is_benchmark else 1.4,
            "linestyle": "-" if is_benchmark else DASHES[rivals.index(name) // len(PALETTE) % len(DASHES)],
            "solid_joinstyle": "round",
            "zorder": 2 if is_benchmark else 3,
        }
        label = f"{name}{mark}" if is_benchmark else name
        above.plot(times, curve["equity"].to_numpy(), label=label.lstrip("_") or "?", **line)
        below.plot(times, curve["drawdown"].to_numpy(), **line)


def _tick(fraction: float, sign: str) -> str:
    value = round(100 * fraction, 6)
    return f"{value:{sign}.4g} %".replace("-", MINUS) if value else "0 %"


def _calm(axes: "Axes") -> None:
    axes.patch.set_alpha(0.0)
    axes.grid(axis="y", color=INK, alpha=0.18, linewidth=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.margins(x=0.01)
    axes.locator_params(axis="y", nbins=6)


def _date_axis(axes: "Axes") -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator_of: Any = AutoDateLocator
    formatter_of: Any = ConciseDateFormatter
    locator = locator_of(tz=UTC, minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter_of(locator, tz=UTC))
    axes.set_xlabel("days in UTC", fontsize=8)


def _legend(figure: Any, axes: "Axes", width: float) -> None:
    """As many columns as the longest name leaves room for in ``width`` inches."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    size = 9 if width >= WIDE[0] else 8
    columns = max(1, int(width / (NAME_BEGINS + CHARACTER * size * max(map(len, labels)))))
    legend = figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=min(columns, len(labels)),
        frameon=False,
        fontsize=size,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a name may hold a dollar sign


def _svg_bytes(figure: Any) -> bytes:
    """The figure as SVG without date and generator, coordinates to a tenth of a point, no needless ids."""
    from io import BytesIO

    buffer = BytesIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    svg = buffer.getvalue()
    svg = re.sub(rb' d="[^"]*"', _shortened, svg)
    return re.sub(rb'<g id="[A-Za-z0-9]+_\d+"', b"<g", svg)


def _shortened(path: re.Match[bytes]) -> bytes:
    return re.sub(rb"(\.\d)\d+", rb"\1", path.group()).replace(b" \n", b"\n")
