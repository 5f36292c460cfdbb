"""The scorecard as Markdown, for the metadata of its asset in the web UI."""

import base64
from collections.abc import Mapping
from typing import Any

import polars as pl

from crypto_bt.report.charts.curves import drawdown_chart, equity_chart, night_curves
from crypto_bt.report.drawing.canvas import WIDE
from crypto_bt.report.drawing.style import stacked, standalone
from crypto_bt.report.figures import count, interval, known, percent, points, ratio
from crypto_bt.report.remarks import headline, lead, remarks
from crypto_bt.report.scorecard import Row, Scorecard
from crypto_bt.report.stamp import Run, read_stamp
from crypto_bt.report.verdicts import reasons, word

COLUMNS = (
    "strategy", "verdict", "net return", "vs benchmark", "vs last night", "Sharpe (95 %)", "max drawdown",
    "win rate", "profit factor", "trades",
)  # fmt: skip


def scorecard_markdown(card: Scorecard, stamp: Mapping[str, Any], equity: pl.DataFrame) -> str:
    """Headline, table, the reason of each verdict, the curves of ``equity`` and remarks."""
    read = read_stamp(stamp)
    under = lead(card, read)
    lines = [
        f"**Night of {read.night}.** {_escaped(headline(card, read))}",
        "",
        *([_escaped(under), ""] if under else []),
        f"| {' | '.join(COLUMNS)} |",
        "|---|---|" + "---:|" * (len(COLUMNS) - 2),
        *(f"| {' | '.join(_cells(row, read.by_name.get(row.strategy)))} |" for row in card.rows),
        "",
        *(f"- **{_escaped(run.name)}** {_escaped(reason)}" for run, reason in reasons(read)),
        "",
        f"![Equity and drawdown of each strategy]({night_picture(equity, card.benchmark)})",
        "",
        *(f"- {_escaped(remark)}" for remark in remarks(read, card)),
        f"- Snapshot {read.snapshot} ({read.digest[:12]}), code {read.code_version[:12]}, {read.cutoff}.",
    ]
    return "\n".join(lines)


def night_picture(equity: pl.DataFrame, benchmark: str) -> str:
    """Equity and drawdown of every strategy as the address of a picture, on light pages and dark ones."""
    curves = night_curves(equity, benchmark)
    svg = standalone(stacked([equity_chart(curves, WIDE), drawdown_chart(curves, WIDE)]), "either")
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode('ascii')}"


def _cells(row: Row, run: Run | None) -> list[str]:
    figures = row.portfolio
    benchmark = row.versus_benchmark.difference if row.versus_benchmark else None
    before = row.versus_previous.difference if row.versus_previous else None
    return [
        _escaped(f"{row.strategy} (benchmark)" if row.is_benchmark else row.strategy),
        word(run),
        percent(figures.net_return),
        points(benchmark),
        points(before),
        _sharpe(figures.sharpe, run),
        percent(figures.max_drawdown),
        percent(figures.win_rate, signed=False),
        ratio(figures.profit_factor),
        count(figures.trades),
    ]


def _sharpe(sharpe: float | None, run: Run | None) -> str:
    low, high = (run.luck.get("sharpe_low"), run.luck.get("sharpe_high")) if run else (None, None)
    if known(low) is None or known(high) is None:
        return ratio(sharpe)
    return f"{ratio(sharpe)} ({interval(low, high)})"


def _escaped(text: str) -> str:
    """Text that Markdown leaves alone: no table cell is split, no markup starts."""
    for mark in "\\`*_|<>[]":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
