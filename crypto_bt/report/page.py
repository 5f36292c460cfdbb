"""The night's page: one self-contained HTML file, readable offline, on a phone and on paper."""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from crypto_bt.report import figures
from crypto_bt.report.charts import NARROW, equity_and_drawdown_svg, inline
from crypto_bt.report.remarks import headline, remarks
from crypto_bt.report.scorecard import PORTFOLIO, Scorecard
from crypto_bt.report.stamp import read_stamp

TRADES_SHOWN: Final = 40
SIDES: Final = {1: "long", -1: "short", 0: "flat"}


def night_page(
    metrics: pl.DataFrame,
    equity: pl.DataFrame,
    trades: pl.DataFrame,
    signals: pl.DataFrame,
    stamp: Mapping[str, Any],
    card: Scorecard,
) -> str:
    """The page as text; every value from outside is escaped, nothing is loaded from anywhere.

    The frames are the night's tables (see :mod:`crypto_bt.backtest.tables`).
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("crypto_bt.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "percent": figures.percent,
        "points": figures.points,
        "ratio": figures.ratio,
        "count": figures.count,
        "price": figures.price,
        "money": figures.money,
        "moment": figures.moment,
        "tone": figures.tone,
    }
    read = read_stamp(stamp)
    # The SVG is drawn by us from figures; names in it are escaped by matplotlib.
    wide = Markup(inline(equity_and_drawdown_svg(equity, card.benchmark)))
    narrow = Markup(inline(equity_and_drawdown_svg(equity, card.benchmark, NARROW)))
    return environment.get_template("night.html").render(
        stamp=read,
        card=card,
        headline=headline(card),
        remarks=remarks(read, card),
        wide=wide,
        narrow=narrow,
        by_symbol=_by_strategy(
            metrics.filter(pl.col("symbol") != PORTFOLIO), ["net_return"], descending=True
        ),
        trades=_by_strategy(
            trades, ["exit_time", "entry_time", "symbol"], descending=True, at_most=TRADES_SHOWN
        ),
        signals=_by_strategy(signals, ["symbol"], descending=False),
        trades_shown=TRADES_SHOWN,
        sides=SIDES,
    )


def _by_strategy(
    frame: pl.DataFrame, order: list[str], *, descending: bool, at_most: int | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Rows by strategy, sorted, the first ``at_most`` of each."""
    ordered = frame.sort(order, descending=descending, nulls_last=True, maintain_order=True)
    parts = ordered.partition_by("strategy", as_dict=True)
    return {
        str(key[0]): (part.head(at_most) if at_most else part).to_dicts()
        for key, part in sorted(parts.items(), key=lambda item: str(item[0][0]))
    }
