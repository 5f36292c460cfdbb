"""The equity curves as a PNG, for messages: they take no SVG."""

import polars as pl

from crypto_bt.report.charts.curves import drawdown_chart, equity_chart, night_curves
from crypto_bt.report.drawing.canvas import WIDE
from crypto_bt.report.drawing.png import NoPictures, png
from crypto_bt.report.drawing.style import stacked


def equity_png(equity: pl.DataFrame, benchmark: str) -> bytes | None:
    """Equity and drawdown of every strategy of a night, on white.

    None where this machine cannot draw it: a message is sent without its picture then.
    """
    curves = night_curves(equity, benchmark)
    try:
        return png(stacked([equity_chart(curves, WIDE), drawdown_chart(curves, WIDE)]))
    except NoPictures:
        return None
