"""One strategy on a home's data, by the night's own code; nothing is published."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_bt.commands.options import parse_symbols
from crypto_bt.core.errors import UsageError
from crypto_bt.core.verdict import not_loaded

if TYPE_CHECKING:
    import polars as pl

    from crypto_bt.backtest.nightly.market import NightMarket
    from crypto_bt.backtest.nightly.sweeping import Sweeps, Trial
    from crypto_bt.commands.output import Output
    from crypto_bt.defs.resources import Desk


def try_strategy(
    desk: "Desk", name: str, symbols: str | None, start: datetime | None, end: datetime | None, out: "Output"
) -> "tuple[NightMarket, Trial, Sweeps]":
    """Sweep the grid of the strategy ``name`` over the candles closed by ``end`` (now).

    What is tried is entered into the trial ledger. Raises UsageError for an empty home, and BacktestError for
    a strategy that does not exist or fails.
    """
    from crypto_bt.backtest.nightly.parameter_sets import parameter_sets
    from crypto_bt.backtest.nightly.signals import signals_of_sets
    from crypto_bt.backtest.nightly.sweeping import Trial, sweep_all

    sets = parameter_sets(name, {})
    market = market_of(desk, name, symbols, start, end)
    with out.stages() as advance:
        out.note(f"Evaluating {len({each.signal_set for each in sets})} sets of signals ...")
        trial = Trial(sets, signals_of_sets(market, sets, partial(advance, "signals")))
        out.note(f"Simulating {len(sets)} parameter sets on {len(market.traded_symbols)} symbols ...")
        return market, trial, sweep_all(market, {name: trial}, partial(advance, "symbols"))


def market_of(
    desk: "Desk", name: str, symbols: str | None, start: datetime | None, end: datetime | None
) -> "NightMarket":
    """What the strategy ``name`` may know by ``end`` (now); its grid is entered into the trial ledger."""
    from crypto_bt.backtest.nightly.market import NightMarket
    from crypto_bt.backtest.spec import NightSpec
    from crypto_bt.defs.night_settings import costs_of, gates_of, walk_forward_of
    from crypto_bt.defs.trial_ledger import record_trials

    settings, now = desk.settings, desk.clock()
    empty = not_loaded(now).at_home(settings.home_option).text
    current = desk.store.current()
    if current is None:
        raise UsageError("There is nothing to try it on.", empty)
    cutoff = min(end or now, now)
    tried = record_trials(desk, cutoff.date(), {name: {}}, now)
    spec = NightSpec(
        store=str(desk.store.root),
        snapshot=current.id,
        night=cutoff.date(),
        cutoff=cutoff,
        symbols=tuple(sorted(parse_symbols(symbols, settings.SYMBOLS))),
        strategies={name: {}},
        costs=costs_of(settings),
        walk_forward=walk_forward_of(settings),
        gates=gates_of(settings),
        initial_capital=settings.BACKTEST_CAPITAL,
        trials=tried.count,
        trials_doubt=tried.doubt,
        threads=settings.BACKTEST_THREADS,
        history_start=start or settings.history_start,
    )
    market = NightMarket(desk.store, spec)
    if market.span.is_empty():
        raise UsageError(f"There are no {spec.execution} candles of these symbols and days.", empty)
    return market


def write_frames(folder: Path, frames: "dict[str, pl.DataFrame]") -> list[str]:
    """Each frame as Parquet and CSV into ``folder`` (made if missing); returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
        frame.write_csv(folder / f"{name}.csv")
        written += [str(folder / f"{name}.parquet"), str(folder / f"{name}.csv")]
    return written
