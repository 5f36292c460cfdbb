"""The night's computation: market frames in, the four result tables and the facts of the stamp out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import polars as pl

from crypto_bt.backtest.bars import Bars, arrange_bars
from crypto_bt.backtest.funding import MARK_SOURCES
from crypto_bt.backtest.needs import datasets_needed
from crypto_bt.backtest.rules import Rules
from crypto_bt.backtest.signals import targets
from crypto_bt.backtest.simulation import Result, simulate_bars
from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.strategies import Strategy, build_strategy

TABLES = ("trades", "equity", "metrics", "signals")
Say = Callable[[Mapping[str, Any]], None]


class Reader(Protocol):
    """The part of a market store that the night needs."""

    def read(
        self, dataset: str, *, symbols: Any, start: Any, end: Any, columns: Any, at: str | None
    ) -> pl.DataFrame:
        """Rows with start <= time < end of one dataset at one snapshot."""


@dataclass(frozen=True)
class Market:
    """What the night may know on one timeframe; ``extras`` grows by the datasets that strategies need."""

    candles: pl.DataFrame
    bars: Bars
    extras: dict[str, pl.DataFrame]


@dataclass
class Night:
    """Tables by name; per strategy what was run and its error, if any; symbols used and left out."""

    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    strategies: list[dict[str, Any]] = field(default_factory=list)
    symbols: set[str] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MARK_SOURCES, 0))
    symbols_without_funding: set[str] = field(default_factory=set)


def read_market(store: Reader, spec: NightSpec, timeframe: Timeframe) -> Market:
    """Everything known by the cutoff, from the spec's snapshot: candles closed, funding settled by then."""
    symbols, at = list(spec.symbols), spec.snapshot

    def read(dataset: str, end: Any) -> pl.DataFrame:
        return store.read(dataset, symbols=symbols, start=spec.history_start, end=end, columns=None, at=at)

    instant = timedelta(milliseconds=1)
    candles = read(timeframe.dataset, spec.cutoff).filter(
        pl.col("open_time") + timeframe.delta <= spec.cutoff
    )
    funding = read("funding_rates", spec.cutoff + instant)
    marks = read("mark_price_1h", spec.cutoff)
    closed = marks.filter(pl.col("open_time") + Timeframe.H1.delta <= spec.cutoff)
    bars = arrange_bars(candles, timeframe, funding_rates=funding, mark_prices=marks)
    return Market(candles, bars, {"funding_rates": funding, "mark_price_1h": closed})


def read_needed(store: Reader, spec: NightSpec, dataset: str) -> pl.DataFrame:
    """The rows of ``dataset`` (with available_at) that were known by the cutoff, from the spec's snapshot."""
    # The regime is measured on one symbol, which need not be among the night's.
    symbols = None if dataset == "market_regime" else list(spec.symbols)
    rows = store.read(
        dataset,
        symbols=symbols,
        start=spec.history_start,
        end=spec.cutoff,
        columns=None,
        at=spec.snapshot,
    )
    return rows.filter(pl.col("available_at") <= spec.cutoff)


def compute_night(store: Reader, spec: NightSpec, say: Say) -> Night:
    """Run every strategy of the spec; one that fails is reported with its error and the others finish.

    Raises :class:`BacktestError` when none finishes.
    """
    night = Night(left_out=dict(spec.left_out))
    markets: dict[Timeframe, Market] = {}
    tables: dict[str, list[pl.DataFrame]] = {name: [] for name in TABLES}
    for number, name in enumerate(sorted(spec.strategies), start=1):
        entry: dict[str, Any] = {"name": name, "parameters": dict(spec.strategies[name]), "error": None}
        night.strategies.append(entry)
        try:
            strategy = build_strategy(name, spec.strategies[name])
            entry |= {"parameters": strategy.parameters, "timeframe": strategy.timeframe.value}
            entry |= {"needs": list(strategy.needs), "warm_up": strategy.warm_up}
            if strategy.timeframe not in markets:
                markets[strategy.timeframe] = read_market(store, spec, strategy.timeframe)
                _note_market(night, spec, markets[strategy.timeframe])
            market = markets[strategy.timeframe]
            for dataset in sorted(datasets_needed(strategy.needs) - market.extras.keys()):
                market.extras[dataset] = read_needed(store, spec, dataset)
            result, signals = _run_strategy(strategy, market, spec)
        except BacktestError as error:
            entry["error"] = str(error)
        else:
            found = {
                "trades": result.trades,
                "equity": result.equity,
                "metrics": result.metrics,
                "signals": signals,
            }
            for table, frame in found.items():
                tables[table].append(frame.select(pl.lit(name).alias("strategy"), pl.all()))
        say(
            {
                "event": "progress",
                "strategy": name,
                "done": number,
                "of": len(spec.strategies),
                "error": entry["error"],
            }
        )
    if not tables["metrics"]:
        errors = (
            "; ".join(f"{entry['name']}: {entry['error']}" for entry in night.strategies)
            or "none was asked for"
        )
        raise BacktestError(f"No strategy finished ({errors}).")
    night.tables = {name: pl.concat(frames) for name, frames in tables.items()}
    return night


def current_signals(wanted: pl.DataFrame, timeframe: Timeframe) -> pl.DataFrame:
    """The newest target of each symbol: it counts from the bar's close until the next bar closes."""
    return (
        wanted.group_by("symbol", maintain_order=True)
        .last()
        .select(
            "symbol", "open_time", "target", "close_time", valid_until=pl.col("close_time") + timeframe.delta
        )
        .sort("symbol")
    )


def _run_strategy(strategy: Strategy, market: Market, spec: NightSpec) -> tuple[Result, pl.DataFrame]:
    rules = Rules(
        costs=spec.costs,
        stop_loss=strategy.stop_loss,
        take_profit=strategy.take_profit,
        leverage=strategy.leverage,
    )
    wanted = targets(strategy, market.candles, market.extras)
    capital = spec.initial_capital
    result = simulate_bars(
        market.bars, market.candles, wanted, rules=rules, initial_capital=capital, threads=spec.threads
    )
    return result, current_signals(wanted, strategy.timeframe)


def _note_market(night: Night, spec: NightSpec, market: Market) -> None:
    bars = market.bars
    night.symbols.update(bars.symbols)
    for symbol in sorted(set(spec.symbols) - set(bars.symbols)):
        night.left_out[symbol] = f"{symbol} has no {bars.timeframe} candle closed by the cutoff"
    for source, count in bars.funding_use.marks.items():
        night.marks[source] += count
    night.symbols_without_funding.update(bars.funding_use.symbols_without)
