"""The scorecard as Markdown, for the metadata of its asset in the web UI."""

from collections.abc import Mapping
from typing import Any

from crypto_bt.report.charts import data_uri
from crypto_bt.report.figures import count, percent, points, ratio
from crypto_bt.report.remarks import headline, remarks
from crypto_bt.report.scorecard import Row, Scorecard
from crypto_bt.report.stamp import read_stamp

COLUMNS = (
    "strategy", "net return", "vs benchmark", "vs last night", "Sharpe", "max drawdown", "trades", "symbols",
)  # fmt: skip


def scorecard_markdown(card: Scorecard, stamp: Mapping[str, Any], picture: bytes) -> str:
    """Headline, table, curves (an SVG as a data address) and remarks."""
    read = read_stamp(stamp)
    lines = [
        f"**Night of {read.night}.** {_escaped(headline(card))}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---|" + "---:|" * (len(COLUMNS) - 1),
        *(f"| {' | '.join(_cells(row))} |" for row in card.rows),
        "",
        f"![Equity and drawdown of each strategy]({data_uri(picture)})",
        "",
        *(f"- {_escaped(remark)}" for remark in remarks(read, card)),
        f"- Snapshot {read.snapshot} ({read.digest[:12]}), code {read.code_version[:12]}, {read.cutoff}.",
    ]
    return "\n".join(lines)


def _cells(row: Row) -> list[str]:
    figures = row.portfolio
    benchmark = row.versus_benchmark.difference if row.versus_benchmark else None
    before = row.versus_previous.difference if row.versus_previous else None
    return [
        _escaped(f"{row.strategy} (benchmark)" if row.is_benchmark else row.strategy),
        percent(figures.net_return),
        points(benchmark),
        points(before),
        ratio(figures.sharpe),
        percent(figures.max_drawdown),
        count(figures.trades),
        count(figures.symbols),
    ]


def _escaped(text: str) -> str:
    """Text that Markdown leaves alone: no table cell is split, no markup starts."""
    for mark in "\\`*_|<>[]":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
