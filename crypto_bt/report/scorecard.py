"""The scorecard of a night: each strategy against the benchmark and against the previous night.

Two sets of results are comparable on the symbols they share only. So every difference is recomputed:
the mean of the symbols' ``net_return`` over the symbols that have one on both sides. The symbols that
have one on one side alone are named, never silently dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from crypto_bt.backtest.gates import Decision
from crypto_bt.report.figures import known
from crypto_bt.report.stamp import Run, Stamp, last_decisions

PORTFOLIO: Final = "ALL"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Mean net return (fractions) of two sides over their ``symbols`` in common.

    ``this`` and ``other`` are None when the two have no symbol in common.
    """

    symbols: tuple[str, ...]
    this: float | None
    other: float | None
    only_this: tuple[str, ...]
    only_other: tuple[str, ...]

    @property
    def difference(self) -> float | None:
        """``this - other``, or None without a common symbol."""
        return None if self.this is None or self.other is None else self.this - self.other


@dataclass(frozen=True, slots=True)
class Portfolio:
    """A strategy's figures as one equal-share portfolio; fractions, None where there is no such figure.

    Definitions are those of the backtest's metrics; ``commission``, ``slippage`` and ``funding`` are too.
    """

    symbols: int
    trades: int
    net_return: float | None
    annual_return: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float | None
    win_rate: float | None
    profit_factor: float | None
    exposure: float | None
    commission: float | None
    slippage: float | None
    funding: float | None
    liquidations: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """One strategy's place. ``versus_previous`` is None when there was no previous night to compare."""

    rank: int
    strategy: str
    is_benchmark: bool
    portfolio: Portfolio
    versus_benchmark: Comparison | None
    versus_previous: Comparison | None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All strategies, best net return first; ``gone`` ran the previous night and not in this one.

    ``began`` is (this night's, the previous night's) first day shown when the two begin at different times:
    then their returns are not comparable and are not compared. ``before`` is each strategy's last decision.
    """

    benchmark: str
    rows: tuple[Row, ...]
    gone: tuple[str, ...]
    began: tuple[datetime, datetime] | None
    before: Mapping[str, Decision]

    @property
    def reference(self) -> Row | None:
        """The benchmark's row, if the benchmark ran."""
        return next((row for row in self.rows if row.is_benchmark), None)

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """The first moment and the last that any strategy's figures cover; None without one."""
        firsts = [row.portfolio.first for row in self.rows if row.portfolio.first is not None]
        lasts = [row.portfolio.last for row in self.rows if row.portfolio.last is not None]
        return (min(firsts), max(lasts)) if firsts and lasts else None

    @property
    def days(self) -> int | None:
        """How many days :attr:`span` has."""
        return round((self.span[1] - self.span[0]).total_seconds() / 86_400) if self.span else None


def build_scorecard(
    metrics: pl.DataFrame,
    previous_metrics: pl.DataFrame | None,
    benchmark: str,
    *,
    earlier: Sequence[Mapping[str, Any]] = (),
) -> Scorecard:
    """Rank the strategies of ``metrics`` by the portfolio's net return and compare each of them.

    ``metrics`` has a row per strategy and symbol, and one per strategy with the symbol ``ALL``.
    Strategies without a net return come last; equal ones in order of name. ``earlier``: stamps of the nights
    before, the oldest first, for what became of their verdicts.
    """
    returns = symbol_returns(metrics)
    began = _different_start(metrics, previous_metrics)
    comparable = previous_metrics is not None and began is None
    before = symbol_returns(previous_metrics) if previous_metrics is not None and comparable else {}
    whole = {
        str(row["strategy"]): row
        for row in metrics.filter(pl.col("symbol") == PORTFOLIO).iter_rows(named=True)
    }
    rows = []
    for rank, strategy in enumerate(sorted(whole, key=lambda name: _place(whole[name])), start=1):
        own = returns.get(strategy, {})
        rival = strategy != benchmark and benchmark in returns
        rows.append(
            Row(
                rank=rank,
                strategy=strategy,
                is_benchmark=strategy == benchmark,
                portfolio=_portfolio(whole[strategy], len(own)),
                versus_benchmark=compare(own, returns[benchmark]) if rival else None,
                versus_previous=compare(own, before[strategy]) if strategy in before else None,
            )
        )
    gone = tuple(sorted(set(before) - set(whole)))
    return Scorecard(benchmark, tuple(rows), gone, began, last_decisions(earlier))


def _different_start(
    metrics: pl.DataFrame, previous: pl.DataFrame | None
) -> tuple[datetime, datetime] | None:
    starts = [table["first"].min() for table in (metrics, previous) if table is not None]
    if len(starts) == 2 and isinstance(starts[0], datetime) and isinstance(starts[1], datetime):
        return (starts[0], starts[1]) if starts[0] != starts[1] else None
    return None


def symbol_returns(metrics: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Net return by strategy and symbol, without the portfolio and without null or NaN returns."""
    returns: dict[str, dict[str, float]] = {}
    for strategy, symbol, value in metrics.select("strategy", "symbol", "net_return").iter_rows():
        of_strategy = returns.setdefault(strategy, {})
        figure = known(value)
        if symbol != PORTFOLIO and figure is not None:
            of_strategy[symbol] = figure
    return returns


def compare(this: Mapping[str, float], other: Mapping[str, float]) -> Comparison:
    """Means of both sides over their common symbols, summed in order of name so that bytes repeat."""
    common = tuple(sorted(this.keys() & other.keys()))
    return Comparison(
        symbols=common,
        this=sum(this[symbol] for symbol in common) / len(common) if common else None,
        other=sum(other[symbol] for symbol in common) / len(common) if common else None,
        only_this=tuple(sorted(this.keys() - other.keys())),
        only_other=tuple(sorted(other.keys() - this.keys())),
    )


def summary_rows(card: Scorecard, stamp: Stamp) -> list[dict[str, object]]:
    """One row a strategy for the terminal and for ``--json``, best net return first; fractions, differences
    of fractions, and None where there is no such figure."""
    return [_summary(row, stamp.by_name.get(row.strategy)) for row in card.rows]


def _summary(row: Row, run: Run | None) -> dict[str, object]:
    figures, benchmark, before = row.portfolio, row.versus_benchmark, row.versus_previous
    verdict = run.verdict if run else None
    luck = run.luck if run else {}
    return {
        "strategy": row.strategy,
        "benchmark": row.is_benchmark,
        "out_of_sample": run.out_of_sample if run else False,
        "verdict": verdict.decision.value if verdict else None,
        "reason": verdict.reason if verdict else None,
        "symbols": figures.symbols,
        "trades": figures.trades,
        "net_return": figures.net_return,
        "versus_benchmark": benchmark.difference if benchmark else None,
        "versus_last_night": before.difference if before else None,
        "sharpe": figures.sharpe,
        "sharpe_low": luck.get("sharpe_low"),
        "sharpe_high": luck.get("sharpe_high"),
        "max_drawdown": figures.max_drawdown,
        "win_rate": figures.win_rate,
        "profit_factor": figures.profit_factor,
    }


def _place(row: Mapping[str, object]) -> tuple[bool, float, str]:
    figure = known(row["net_return"])
    return (figure is None, -(figure or 0.0), str(row["strategy"]))


def _portfolio(row: Mapping[str, object], symbols: int) -> Portfolio:
    figures = {name: known(row[name]) for name in _FRACTIONS}
    first, last = row["first"], row["last"]
    return Portfolio(
        symbols=symbols,
        trades=int(known(row["trades"]) or 0),
        liquidations=int(known(row["liquidations"]) or 0),
        first=first if isinstance(first, datetime) else None,
        last=last if isinstance(last, datetime) else None,
        **figures,
    )


_FRACTIONS: Final = (
    "net_return",
    "annual_return",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "win_rate",
    "profit_factor",
    "exposure",
    "commission",
    "slippage",
    "funding",
)
