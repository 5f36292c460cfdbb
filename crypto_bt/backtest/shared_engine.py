"""Runs the kernel of the portfolio with shared capital: parameter sets in, statistics and equity out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest.bars import Bars
from crypto_bt.backtest.engine import Signals, kernel_market, require_fit, spread
from crypto_bt.backtest.kernel.shared_layout import (
    LIMITS_DTYPE,
    PLACE_FIELDS,
    SHARED_STATISTICS,
    STEP_FIELDS,
    Grid,
)
from crypto_bt.backtest.layout import ACCOUNT_DTYPE, TRADE_FIELDS
from crypto_bt.backtest.parameters import (
    contract_array,
    largest_notionals,
    parameter_array,
    tier_arrays,
)
from crypto_bt.backtest.portfolio_rules import PortfolioRules
from crypto_bt.backtest.rules import Rules
from crypto_bt.backtest.shared_events import entry_events, grid_of
from crypto_bt.backtest.shared_history import history_of

Floats = NDArray[np.float64]
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class SharedSet:
    """One parameter set of a sweep: the row of the signals it follows, and its rules."""

    signal_set: int
    rules: Rules
    portfolio: PortfolioRules


@dataclass(frozen=True)
class SharedSweep:
    """``statistics`` (parameter sets, 29) in the columns of SHARED_STATISTICS; ``daily`` (parameter sets,
    days + 1) equity in quote at the start and at each UTC midnight; ``days`` (days) counted from 1970."""

    statistics: Floats
    daily: Floats
    days: NDArray[np.int64]


@dataclass(frozen=True)
class SharedRecording:
    """One parameter set in full: ``statistics`` (29); ``trades`` (n, 13) in the order in which they ended;
    ``daily`` (days + 1); ``steps`` (steps, 5) in the columns of STEP_FIELDS at each step's close; ``stops``
    (n, 3): the step at whose close a drawdown stop was triggered, 1 for the total one, and the equity."""

    statistics: Floats
    trades: Floats
    daily: Floats
    steps: Floats
    stops: Floats
    grid: Grid


@dataclass(frozen=True)
class _Output:
    statistics: Floats
    daily: Floats
    trades: Floats
    steps: Floats
    stops: Floats


def sweep_shared(
    bars: Bars,
    signals: Signals,
    sets: Sequence[SharedSet],
    *,
    ranks: Floats | None = None,
    capital: float = 1.0,
    threads: int = 1,
) -> SharedSweep:
    """One portfolio of ``capital`` (quote) for each of ``sets``; the same bits on any number of ``threads``.

    ``ranks`` (signal sets, bars), highest first, decide which of competing entries goes first (rule 56).
    Raises :class:`BacktestError` where the arrays or the rules do not fit one another.
    """
    output = _Output(
        statistics=np.zeros((len(sets), len(SHARED_STATISTICS))),
        daily=np.zeros((len(sets), bars.days + 1)),
        trades=np.empty((0, len(TRADE_FIELDS))),
        steps=np.empty((0, len(STEP_FIELDS))),
        stops=np.empty((0, 3)),
    )
    run_range = _prepared(bars, signals, sets, ranks, capital, output)
    spread(run_range, len(sets), threads)
    return SharedSweep(output.statistics, output.daily, np.arange(bars.first_day, bars.first_day + bars.days))


def record_shared(
    bars: Bars,
    signals: Signals,
    rules: Rules,
    portfolio: PortfolioRules,
    *,
    ranks: Floats | None = None,
    capital: float = 1.0,
) -> SharedRecording:
    """Trades and equity of the first signal set, by the same code as :func:`sweep_shared`."""
    grid = grid_of(bars)
    output = _Output(
        statistics=np.zeros((1, len(SHARED_STATISTICS))),
        daily=np.zeros((1, bars.days + 1)),
        trades=np.empty((len(entry_events(bars, signals.targets[0])) + 1, len(TRADE_FIELDS))),
        steps=np.full((grid.last + 1, len(STEP_FIELDS)), np.nan),
        stops=np.full((grid.last + 2, 3), np.nan),
    )
    chosen = Signals(signals.targets[:1], signals.stop_prices[:1], signals.target_prices[:1], signals.atr[:1])
    run_range = _prepared(bars, chosen, [SharedSet(0, rules, portfolio)], ranks, capital, output)
    run_range(0, 1)
    statistics = output.statistics[0]
    stops = output.stops[~np.isnan(output.stops[:, 0])]
    trades = output.trades[: int(statistics[SHARED_STATISTICS.index("trades")])]
    _fill_idle(output.steps, capital)
    return SharedRecording(statistics, trades, output.daily[0], output.steps, stops, grid)


def _prepared(
    bars: Bars,
    signals: Signals,
    sets: Sequence[SharedSet],
    ranks: Floats | None,
    capital: float,
    output: _Output,
) -> Callable[[int, int], None]:
    """A function that runs the sets from the first to the last (exclusive) index."""
    from crypto_bt.backtest.kernel.shared_steps import run_portfolios

    for each in sets:
        each.portfolio.require_fit(each.rules)
    parameters = parameter_array([(each.signal_set, each.rules) for each in sets])
    require_fit(bars, signals, parameters, capital, np.empty((0, 0, 0)))
    grid = grid_of(bars)
    events = [
        entry_events(bars, targets, None if ranks is None else ranks[row])
        for row, targets in enumerate(signals.targets)
    ]
    offsets = np.append(0, np.cumsum([len(each) for each in events])).astype(np.int64)
    slots = min(max((each.portfolio.max_positions for each in sets), default=1), len(bars.symbols))
    inputs = (
        kernel_market(bars, signals),
        history_of(bars),
        grid,
        contract_array(bars.contracts),
        *tier_arrays(bars.contracts),
        np.ascontiguousarray(largest_notionals(bars.contracts, parameters).T),
        np.concatenate(events),
        offsets,
        parameters,
        limits_array([each.portfolio for each in sets], bars.timeframe.milliseconds),
        float(capital),
    )

    def run_range(first: int, last: int) -> None:
        scratch = (
            np.zeros(1, ACCOUNT_DTYPE)[0],
            np.zeros(slots, ACCOUNT_DTYPE),
            np.empty(slots, np.int64),
            np.empty((slots, PLACE_FIELDS), np.int64),
        )
        run_portfolios(
            first, last, *inputs, output.statistics, output.daily, output.trades, output.steps,
            output.stops, scratch,
        )  # fmt: skip

    return run_range


def limits_array(portfolios: Sequence[PortfolioRules], step_ms: int) -> NDArray[np.void]:
    """The kernel's portfolio rules for steps of ``step_ms`` milliseconds."""
    array = np.zeros(len(portfolios), LIMITS_DTYPE)
    unlimited = ("risk_per_trade", "total_risk", "target_volatility", "max_asset_share", "max_correlation")
    for line, rules in zip(array, portfolios, strict=True):
        for name in unlimited:
            value = getattr(rules, name)
            line[name] = np.inf if value is None else value
        line["max_leverage"], line["max_positions"] = rules.max_leverage, rules.max_positions
        line["daily_floor"] = -1.0 if rules.daily_drawdown is None else 1.0 - rules.daily_drawdown
        line["total_floor"] = -1.0 if rules.total_drawdown is None else 1.0 - rules.total_drawdown
        line["wait"] = ceil(rules.wait_hours * HOUR_MS / step_ms)
    return array


def _fill_idle(steps: Floats, capital: float) -> None:
    """Fill the steps that were jumped over, on which nothing was held, from the one before them."""
    jumped = np.isnan(steps[:, 0])
    last = np.maximum.accumulate(np.where(jumped, -1, np.arange(len(steps))))
    cash = np.where(last >= 0, steps[np.maximum(last, 0), 1], capital)
    steps[jumped] = 0.0
    steps[jumped, 0] = steps[jumped, 1] = cash[jumped]
