"""One strategy's page of a night: self-contained, readable offline, on a phone and on paper; under 2 MB."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl

from crypto_bt.backtest.trade_metrics import closed, traded_notional
from crypto_bt.report import luck, sections, verdicts
from crypto_bt.report.assumptions import ASSUMPTIONS
from crypto_bt.report.charts.curves import drawdown_chart, equity_chart, own_curves
from crypto_bt.report.charts.days import days_chart
from crypto_bt.report.charts.months import months_chart
from crypto_bt.report.charts.surface import surface_chart, surface_of
from crypto_bt.report.charts.trades import trades_chart
from crypto_bt.report.drawing.canvas import NARROW, WIDE
from crypto_bt.report.key_figures import costs, key_figures
from crypto_bt.report.remarks import remarks, scope
from crypto_bt.report.rendering import render
from crypto_bt.report.scorecard import PORTFOLIO, Scorecard
from crypto_bt.report.stamp import Run, Stamp, read_stamp

TRADES_SHOWN: Final = 60
Draw = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class NightTables:
    """The tables of a night (:mod:`crypto_bt.backtest.nightly.outcome`); what older nights lack is None."""

    metrics: pl.DataFrame
    equity: pl.DataFrame
    trades: pl.DataFrame
    signals: pl.DataFrame
    windows: pl.DataFrame | None = None
    parameter_sets: pl.DataFrame | None = None
    market: pl.DataFrame | None = None

    def of(self, strategy: str) -> "NightTables":
        """The rows of one strategy; the market's are everybody's."""

        def own(frame: pl.DataFrame) -> pl.DataFrame:
            return frame.filter(pl.col("strategy") == strategy)

        return NightTables(
            own(self.metrics),
            own(self.equity),
            own(self.trades),
            own(self.signals),
            None if self.windows is None else own(self.windows),
            None if self.parameter_sets is None else own(self.parameter_sets),
            self.market,
        )


def charts(strategy: str, tables: NightTables, benchmark: str, run: Run | None) -> dict[str, Draw]:
    """The pictures of one strategy by name, each a function of the width in pixels.

    ``parameters`` is there only where there was a choice among parameter sets.
    """
    own = tables.of(strategy)
    curves = own_curves(tables.equity, strategy, benchmark, tables.market)
    found: dict[str, Draw] = {
        "equity": lambda width: equity_chart(curves, width),
        "drawdown": lambda width: drawdown_chart(curves, width),
        "months": lambda width: months_chart(own.equity, width),
        "daily_returns": lambda width: days_chart(own.equity, width),
        "trades": lambda width: trades_chart(own.trades, width),
    }
    if own.parameter_sets is not None and own.parameter_sets.height > 1:
        surface = surface_of(own.parameter_sets, own.windows, run.in_charge if run else {})
        found["parameters"] = lambda width: surface_chart(surface, width)
    return found


def tear_sheet(
    strategy: str,
    tables: NightTables,
    stamp: Mapping[str, Any],
    card: Scorecard,
    *,
    night_page: str = "",
    others: Mapping[str, str] | None = None,
) -> str:
    """The page as text; every value from outside is escaped, nothing is loaded from anywhere.

    ``night_page`` and ``others`` (by strategy) are addresses of other pages relative to this one. Raises
    :class:`crypto_bt.core.errors.BacktestError` for a stamp that cannot be read.
    """
    read = read_stamp(stamp)
    run = read.by_name.get(strategy)
    own = tables.of(strategy)
    portfolio = own.metrics.filter(pl.col("symbol") == PORTFOLIO).to_dicts()
    figures = portfolio[0] if portfolio else {}
    alone = _alone(read, strategy)
    drawn = charts(strategy, tables, card.benchmark, run)
    place = next((row for row in card.rows if row.strategy == strategy), None)
    told = scope(card, read)
    return render(
        "tear_sheet.html",
        stamp=read,
        run=run,
        entry=next((entry for entry in stamp["strategies"] if entry["name"] == strategy), {}),
        strategy=strategy,
        is_benchmark=strategy == card.benchmark,
        place=place,
        places=len(card.rows),
        word=verdicts.word(run),
        before=card.before.get(strategy),
        gates=verdicts.gate_table(alone),
        scope=told,
        groups=key_figures(figures),
        charts={name: (draw(WIDE), draw(NARROW)) for name, draw in drawn.items()},
        market=tables.market["symbol"][0] if tables.market is not None and len(tables.market) else "",
        reasons=_by_reason(own.trades),
        trades=sections.by_strategy(
            own.trades, ["exit_time", "entry_time", "symbol"], descending=True, at_most=TRADES_SHOWN
        ).get(strategy, []),
        sides=sections.SIDES,
        costs=costs(figures, read.initial_capital, traded_notional(own.trades)),
        by_symbol=sections.by_strategy(
            own.metrics.filter(pl.col("symbol") != PORTFOLIO), ["net_return"], descending=True
        ).get(strategy, []),
        windows=sections.windows_with_sets(own.windows, own.parameter_sets).get(strategy, []),
        luck=_luck(alone, place.portfolio.sharpe if place else None, card.days),
        signals=sections.held_signals(own.signals).get(strategy, []),
        assumptions=ASSUMPTIONS,
        remarks=[remark for remark in remarks(alone, card) if remark not in (told, read.market)],
        night_page=night_page,
        others=others or {},
    )


def file_name(strategy: str) -> str:
    """What a strategy's page is called: its name, with whatever is no letter, digit, dot or dash replaced."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', strategy)}.html".lstrip(".")


def _alone(stamp: Stamp, strategy: str) -> Stamp:
    """The stamp as if the night had had one strategy."""
    return replace(stamp, runs=tuple(run for run in stamp.runs if run.name == strategy))


def _luck(
    stamp: Stamp, sharpe: float | None, days: int | None
) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Title and (name, figure, meaning) of each statistic against luck that there is."""
    found = []
    for title, table in (
        (
            "The record, out of sample",
            luck.track_record(stamp, {run.name: sharpe for run in stamp.runs}, days),
        ),
        ("The search, all sets over all days, in sample", luck.search(stamp)),
    ):
        if table is not None:
            cells = table.rows[0][1]
            rows = [(name, cell, meaning) for (name, meaning), cell in zip(table.columns, cells, strict=True)]
            found.append((title, rows))
    return found


def _by_reason(trades: pl.DataFrame) -> list[dict[str, Any]]:
    """What became of the closed trades by the reason to leave, the most frequent first."""
    won = pl.col("net_pnl") > 0
    hours = (pl.col("exit_time") - pl.col("entry_time")).dt.total_minutes() / 60.0
    return (
        closed(trades)
        .group_by("exit_reason")
        .agg(
            trades=pl.len(),
            win_rate=won.mean(),
            mean_return=pl.col("net_return").mean(),
            worst=pl.col("net_return").min(),
            net_pnl=pl.col("net_pnl").sum(),
            hours=hours.median(),
        )
        .sort(["trades", "exit_reason"], descending=[True, False])
        .to_dicts()
    )
