"""Runs the night from its specification to its tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl

from crypto_bt.backtest.candle_rows import DAY_MS
from crypto_bt.backtest.contract_rules import figures_unknown
from crypto_bt.backtest.funding import MARK_SOURCES
from crypto_bt.backtest.market_factor import market_marks
from crypto_bt.backtest.nightly.evaluating import Evaluate, evaluate_here
from crypto_bt.backtest.nightly.judging import Chosen, choose, hold, overfitting
from crypto_bt.backtest.nightly.market import NightMarket, Reader
from crypto_bt.backtest.nightly.outcome import (
    Days,
    equity_rows,
    market_rows,
    metrics_rows,
    reconciled,
    sets_rows,
    verdict_entry,
    verdict_of,
    windows_rows,
)
from crypto_bt.backtest.nightly.parameter_sets import parameter_sets
from crypto_bt.backtest.nightly.recording import Recorded, record_all
from crypto_bt.backtest.nightly.signals import StrategySignals
from crypto_bt.backtest.nightly.stitched_targets import recent_targets
from crypto_bt.backtest.nightly.survivorship import PointInTime
from crypto_bt.backtest.nightly.sweeping import Advance, Swept, Trial, sweep_all
from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe

#: The tables of the strategies, and :data:`MARKET_TABLE`, which has none.
TABLES: Final = ("equity", "metrics", "parameter_sets", "signals", "targets", "trades", "windows")
MARKET_TABLE: Final = "market"
Say = Callable[[Mapping[str, Any]], None]


@dataclass
class Night:
    """Tables by name; per strategy what was run and its error, if any; symbols used and left out."""

    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    strategies: list[dict[str, Any]] = field(default_factory=list)
    symbols: set[str] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MARK_SOURCES, 0))
    symbols_without_funding: set[str] = field(default_factory=set)
    order_rules_unknown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trials: int = 0

    def entry(self, name: str) -> dict[str, Any]:
        """What is told of one strategy."""
        return next(entry for entry in self.strategies if entry["name"] == name)


def compute_night(store: Reader, spec: NightSpec, say: Say, evaluate: Evaluate | None = None) -> Night:
    """Run every strategy of the spec; one that fails is reported with its error and the others finish.

    ``evaluate`` says where signals come from (none: they are evaluated here).
    Raises :class:`BacktestError` when none finishes, or there is no candle to trade on.
    """
    market = NightMarket(store, spec)
    night = Night(left_out=dict(spec.left_out))
    if market.span.is_empty():
        raise BacktestError(
            f"There are no {spec.execution} candles to backtest.", "Load some: crypto-bt data backfill."
        )
    night.symbols.update(market.traded_symbols)
    for symbol in sorted(set(spec.symbols) - night.symbols):
        night.left_out[symbol] = f"{symbol} has no {spec.execution} candle closed by the cutoff"
    trials = _signals(market, night, evaluate or evaluate_here(say))
    if not trials:
        errors = "; ".join(f"{entry['name']}: {entry['error']}" for entry in night.strategies)
        raise BacktestError(f"No strategy finished ({errors or 'none was asked for'}).")
    market_days = _market_days(market)
    market.forget_candles()
    sweeps = sweep_all(market, trials, _stage("simulating", say))
    night.marks, night.symbols_without_funding = sweeps.marks, sweeps.symbols_without_funding
    say({"event": "swept", "parameter_sets": sum(len(trial.sets) for trial in trials.values())})
    chosen = _choices(market, trials, sweeps.swept)
    in_charge = {name: own.in_charge for name, own in chosen.items()}
    known_then = PointInTime(market, in_charge)
    recorded = record_all(market, trials, in_charge, known_then, _stage("recording", say))
    say({"event": "recorded", "strategies": len(recorded)})
    for name, own in chosen.items():
        night.entry(name)["survivorship"] = known_then.compared(name, own.returns)
    night.order_rules_unknown = figures_unknown(market.universe, market.traded_symbols)
    _write_down(market, market_days, night, trials, sweeps.swept, chosen, recorded, say)
    return night


def _stage(name: str, say: Say) -> Advance:
    """Says how far a stage of the night is, in symbols."""

    def told(done: int, of: int) -> None:
        say({"event": "stage", "stage": name, "done": done, "of": of})

    return told


def _market_days(market: NightMarket) -> Days:
    first_day, last_day = market.days
    midnights = np.arange(first_day, last_day + 2) * DAY_MS
    return Days(first_day, market_marks(market.candles(Timeframe.D1), midnights), market.spec.initial_capital)


def _signals(market: NightMarket, night: Night, evaluate: Evaluate) -> dict[str, Trial]:
    spec = market.spec
    names = sorted(spec.strategies)
    trials: dict[str, Trial] = {}
    for found in evaluate(market, names):
        given = {"name": found.name, "parameters": dict(spec.strategies[found.name]), "error": found.error}
        night.strategies.append({**given, **found.told})
        if found.targets is not None:
            bars = market.signal_bars(Timeframe(found.told["timeframe"]))
            sets = parameter_sets(found.name, spec.strategies[found.name])
            trials[found.name] = Trial(sets, StrategySignals(bars, found.targets))
    return trials


def _choices(
    market: NightMarket, trials: Mapping[str, Trial], swept: Mapping[str, Swept]
) -> dict[str, Chosen]:
    """Each strategy's choice; the benchmark is shown on the days that the others are."""
    spec, first_day = market.spec, market.days[0]
    rivals = [name for name in trials if name != spec.benchmark]
    chosen = {name: choose(swept[name].daily, first_day, spec.walk_forward) for name in rivals}
    if spec.benchmark in trials:
        daily = swept[spec.benchmark].daily
        days = np.arange(first_day, first_day + daily.shape[1] - 1)
        shown = next((own.in_charge.days for own in chosen.values()), days)
        chosen[spec.benchmark] = hold(daily, first_day, shown)
    return dict(sorted(chosen.items()))


def _write_down(
    market: NightMarket,
    days: Days,
    night: Night,
    trials: Mapping[str, Trial],
    swept: Mapping[str, Swept],
    chosen: Mapping[str, Chosen],
    recorded: Mapping[str, Recorded],
    say: Say,
) -> None:
    spec = market.spec
    tables: dict[str, list[pl.DataFrame]] = {name: [] for name in TABLES}
    tonight = sum(len(trial.sets) for name, trial in trials.items() if name != spec.benchmark)
    night.trials = spec.trials if spec.trials is not None else max(1, tonight)
    for name, own in chosen.items():
        entry = night.entry(name)
        figures = metrics_rows(own, recorded[name], days)
        found = {
            "equity": equity_rows(own),
            "metrics": figures,
            "parameter_sets": sets_rows(trials[name].sets, swept[name]),
            "signals": trials[name].signals.newest(trials[name].sets[own.current].signal_set),
            "targets": recent_targets(trials[name], own.in_charge),
            "trades": recorded[name].trades,
            "windows": windows_rows(own, days.first),
        }
        for table, frame in found.items():
            tables[table].append(frame.select(pl.lit(name).alias("strategy"), pl.all()))
        entry["out_of_sample"] = own.walk is not None
        entry["in_charge"] = trials[name].sets[own.current].described
        entry["reconciled"] = reconciled(own, recorded[name].trades, spec.initial_capital)
        if name != spec.benchmark:
            luck = overfitting(swept[name].daily, own, trials=night.trials, seed=spec.seed)
            portfolio = figures.row(0, named=True)
            verdict = verdict_of(own, portfolio, recorded[name].trades, spec, luck, entry.get("lookahead"))
            entry["verdict"] = verdict_entry(verdict)
            entry["overfitting"] = luck
            say({"event": "judged", "strategy": name, "verdict": verdict.reason})
    night.tables = {name: pl.concat(frames) for name, frames in tables.items()}
    night.tables[MARKET_TABLE] = market_rows(days)
