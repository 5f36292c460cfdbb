"""What a night is to compute: the specification that the child process gets."""

from datetime import date, datetime

from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.market import Timeframe
from crypto_bt.core.night import cutoff_of, history_begins, knowable_at
from crypto_bt.defs.judgement import judge_dataset, left_out, tradable_symbols
from crypto_bt.defs.night_settings import costs_of, gates_of, walk_forward_of
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.trial_ledger import record_trials
from crypto_bt.strategies import build_strategy, strategy_classes

BENCHMARK = "buy_and_hold"


def plan_night(
    desk: Desk, snapshot: str, night: date, now: datetime, strategies: tuple[str, ...] = ()
) -> NightSpec:
    """All whole symbols; the strategies asked for, else of the settings, else all; and the benchmark.

    A night that is computed late judges the symbols as they were at its cutoff. What it tries is entered
    into the trial ledger. Raises BacktestError for a strategy that does not exist.
    """
    settings = desk.settings
    cutoff, now = cutoff_of(night, settings.night_time), knowable_at(night, now, settings.night_time)
    reasons = left_out([judge_dataset(desk, timeframe, snapshot, now) for timeframe in settings.TIMEFRAMES])
    listed = tradable_symbols(desk, snapshot, now)
    gone = {s: "not tradable on the exchange" for s in settings.SYMBOLS if s not in listed}
    names = strategies or settings.STRATEGIES or tuple(strategy_classes())
    for name in names:
        build_strategy(name)
    sets: dict[str, dict[str, object]] = {name: {} for name in names if name != BENCHMARK}
    tried = record_trials(desk, night, sets, now)
    return NightSpec(
        store=str(desk.store.root),
        snapshot=snapshot,
        night=night,
        cutoff=cutoff,
        symbols=tuple(symbol for symbol in listed if symbol not in reasons),
        left_out={**gone, **reasons},
        strategies={name: {} for name in dict.fromkeys((*names, BENCHMARK))},
        costs=costs_of(settings),
        walk_forward=walk_forward_of(settings),
        gates=gates_of(settings),
        initial_capital=settings.BACKTEST_CAPITAL,
        liquidity=settings.UNIVERSE_LIQUID,
        trials=tried.count,
        trials_doubt=tried.doubt,
        threads=settings.BACKTEST_THREADS,
        benchmark=BENCHMARK,
        history_start=history_begins(
            cutoff,
            settings.history_start,
            days=settings.BACKTEST_PERIOD_DAYS,
            warm_up=Timeframe.H4.delta * settings.BACKTEST_LOOKBACK_CANDLES,
        ),
        strategy_seconds=settings.BACKTEST_STRATEGY_TIMEOUT_MINUTES * 60.0,
        memory_mb=settings.BACKTEST_MEMORY_MB,
    )
