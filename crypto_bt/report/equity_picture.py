"""The equity curves as a PNG, for messages: they take no SVG."""

import polars as pl

from crypto_bt.report.charts import equity_and_drawdown_svg

#: Pixels for each of the drawing's own.
ZOOM = 2.0
#: Points of the drawing are measured by it.
DPI = 96
_FAMILY = "DejaVu Sans"
_PAPER = "#ffffff"


def equity_png(equity: pl.DataFrame, benchmark: str) -> bytes | None:
    """The curves of ``equity`` (see the function it draws with) on white.

    None where the extra ``png`` is not installed: a message is sent without its picture then.
    """
    try:
        import resvg_py
    except ImportError:
        return None
    drawn = resvg_py.svg_to_bytes(
        svg_string=equity_and_drawdown_svg(equity, benchmark).decode(),
        zoom=ZOOM,
        dpi=DPI,
        background=_PAPER,
        font_family=_FAMILY,
        sans_serif_family=_FAMILY,
    )
    return bytes(drawn)
