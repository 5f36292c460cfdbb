"""The night's page: one self-contained HTML file, readable offline, on a phone and on paper."""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from crypto_bt.report import figures, luck, sections, verdicts
from crypto_bt.report.charts.curves import drawdown_chart, equity_chart, night_curves
from crypto_bt.report.drawing.canvas import NARROW, WIDE
from crypto_bt.report.remarks import headline, lead, remarks, scope
from crypto_bt.report.rendering import render
from crypto_bt.report.scorecard import PORTFOLIO, Scorecard
from crypto_bt.report.stamp import Stamp, read_stamp

TRADES_SHOWN: Final = 40
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def night_page(
    metrics: pl.DataFrame,
    equity: pl.DataFrame,
    trades: pl.DataFrame,
    signals: pl.DataFrame,
    stamp: Mapping[str, Any],
    card: Scorecard,
    *,
    windows: pl.DataFrame | None = None,
    parameter_sets: pl.DataFrame | None = None,
    tear_sheets: Mapping[str, str] | None = None,
) -> str:
    """The page as text; every value from outside is escaped, nothing is loaded from anywhere.

    The frames are the night's tables (see :mod:`crypto_bt.backtest.nightly.outcome`); nights of schema
    version 1 have no ``windows`` and no ``parameter_sets``. ``tear_sheets``: the address of each strategy's
    own page, relative to this one.
    """
    read = read_stamp(stamp)
    curves = night_curves(equity, card.benchmark)
    return render(
        "night.html",
        stamp=read,
        card=card,
        headline=headline(card, read),
        lead=lead(card, read),
        scope=scope(card, read),
        runs=read.by_name,
        word=verdicts.word,
        reasons=verdicts.reasons(read),
        gates=verdicts.gate_table(read),
        remarks=_not_told_above(remarks(read, card), read, scope(card, read)),
        charts=[(draw(curves, WIDE), draw(curves, NARROW)) for draw in (equity_chart, drawdown_chart)],
        tear_sheets=tear_sheets or {},
        interval=_interval,
        windows=sections.windows_with_sets(windows, parameter_sets),
        best_sets=sections.best_sets(parameter_sets),
        track_record=luck.track_record(read, _sharpes(card), card.days),
        search=luck.search(read),
        survivors=[run for run in read.runs if run.survivorship],
        months=sections.months(equity),
        month_names=MONTHS,
        by_symbol=sections.by_strategy(
            metrics.filter(pl.col("symbol") != PORTFOLIO), ["net_return"], descending=True
        ),
        trades=sections.by_strategy(
            trades, ["exit_time", "entry_time", "symbol"], descending=True, at_most=TRADES_SHOWN
        ),
        signals=sections.held_signals(signals),
        sides=sections.SIDES,
        trades_shown=TRADES_SHOWN,
    )


def _interval(run: Any) -> str:
    return figures.interval(run.luck.get("sharpe_low"), run.luck.get("sharpe_high"))


def _sharpes(card: Scorecard) -> dict[str, float | None]:
    return {row.strategy: row.portfolio.sharpe for row in card.rows}


def _not_told_above(found: list[str], stamp: Stamp, scope_told: str) -> list[str]:
    """Remarks without those that the page has in a place of their own."""
    told = {scope_told, stamp.market} if stamp.simulated else {scope_told}
    return [remark for remark in found if remark not in told]
