"""The face of the portfolio with shared capital: frames in, a :class:`SharedResult` out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.bars import Bars, arrange_bars
from crypto_bt.backtest.contracts import Contract
from crypto_bt.backtest.engine import Recording, Signals
from crypto_bt.backtest.funding import FundingUse
from crypto_bt.backtest.kernel.shared_layout import CAUSES, SHARED_STATISTICS, STEP_FIELDS
from crypto_bt.backtest.layout import TRADE_FIELDS
from crypto_bt.backtest.portfolio import DailyEquity
from crypto_bt.backtest.portfolio_rules import PortfolioRules
from crypto_bt.backtest.rules import Rules
from crypto_bt.backtest.shared_engine import SharedRecording, record_shared
from crypto_bt.backtest.shared_events import steps_of
from crypto_bt.backtest.signal_arrays import followed_rows, place, signals_of
from crypto_bt.backtest.tables import METRICS_SCHEMA, equity_table, portfolio_row, trades_table
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import UTC_MS

Floats = NDArray[np.float64]

#: Marked at the close of each bar that any symbol has; quote, but the number of positions.
BAR_EQUITY_SCHEMA: Final[dict[str, pl.DataType]] = {
    "open_time": UTC_MS,
    "equity": pl.Float64(),
    "cash": pl.Float64(),
    "positions": pl.Int64(),
    "open_risk": pl.Float64(),
    "notional": pl.Float64(),
}

#: ``time`` is the close at which the stop was triggered, ``cause`` daily or total, ``equity`` quote.
STOPS_SCHEMA: Final[dict[str, pl.DataType]] = {"time": UTC_MS, "cause": pl.String(), "equity": pl.Float64()}


@dataclass(frozen=True)
class SharedResult:
    """``trades``, ``equity`` and ``metrics`` (one row, ALL) are in the schemas of
    :mod:`crypto_bt.backtest.tables`, ``bar_equity`` in BAR_EQUITY_SCHEMA, ``drawdown_stops`` in
    STOPS_SCHEMA. ``refusals`` counts the refused entries by cause (rule 63), and ``daily`` is the equity in
    quote as that of one account."""

    trades: pl.DataFrame
    equity: pl.DataFrame
    bar_equity: pl.DataFrame
    metrics: pl.DataFrame
    refusals: dict[str, int]
    drawdown_stops: pl.DataFrame
    daily: DailyEquity
    funding: FundingUse


def simulate_shared(
    candles: pl.DataFrame,
    targets: pl.DataFrame,
    *,
    timeframe: Timeframe,
    target_timeframe: Timeframe | None = None,
    rules: Rules | None = None,
    portfolio: PortfolioRules | None = None,
    funding_rates: pl.DataFrame | None = None,
    mark_prices: pl.DataFrame | None = None,
    finer: pl.DataFrame | None = None,
    contracts: Mapping[str, Contract] | None = None,
    initial_capital: float = 10_000.0,
) -> SharedResult:
    """Backtest ``targets`` on ``candles`` with one account of ``initial_capital`` (quote) for all symbols.

    Everything is given as to :func:`crypto_bt.backtest.simulate`, but ``targets`` may have a column rank
    too (the highest first, null last), and ``portfolio`` says what may be risked. The rules are those of
    docs/assumptions.md, from 55 on. Raises :class:`BacktestError` for data, targets or rules the engine
    cannot use.
    """
    candles = candles.sort("symbol", "open_time")
    bars = arrange_bars(
        candles,
        timeframe,
        funding_rates=funding_rates,
        mark_prices=mark_prices,
        finer=finer,
        contracts=contracts,
    )
    signals = signals_of(candles, targets, timeframe, target_timeframe)
    return simulate_shared_bars(
        bars,
        signals,
        rules=rules or Rules(),
        portfolio=portfolio or PortfolioRules(),
        ranks=ranks_of(candles, targets, timeframe, target_timeframe),
        initial_capital=initial_capital,
    )


def simulate_shared_bars(
    bars: Bars,
    signals: Signals,
    *,
    rules: Rules,
    portfolio: PortfolioRules,
    ranks: Floats | None = None,
    initial_capital: float,
) -> SharedResult:
    """:func:`simulate_shared` of the first signal set on candles arranged before."""
    if initial_capital <= 0.0:
        raise BacktestError(f"The initial capital is {initial_capital}.", "It must be above 0.")
    recording = record_shared(bars, signals, rules, portfolio, ranks=ranks, capital=initial_capital)
    days = np.arange(bars.first_day, bars.first_day + bars.days)
    daily = DailyEquity(days, recording.daily[:, None], ((0, bars.days),))
    trades = _trades(bars, recording)
    return SharedResult(
        trades=trades,
        equity=equity_table(daily),
        bar_equity=_bar_equity(bars, recording),
        metrics=pl.DataFrame(
            [portfolio_row(bars, recording.statistics, daily, trades)], schema=METRICS_SCHEMA
        ),
        refusals=refusals_of(recording.statistics),
        drawdown_stops=_drawdown_stops(bars, recording),
        daily=daily,
        funding=bars.funding_use,
    )


def ranks_of(
    candles: pl.DataFrame,
    targets: pl.DataFrame,
    timeframe: Timeframe,
    target_timeframe: Timeframe | None = None,
) -> Floats | None:
    """The column rank of ``targets`` (1, bars) in the rows of the sorted ``candles``; NaN where it has none.

    None where there is no such column. Raises :class:`BacktestError` for ranks that are not numbers.
    """
    if "rank" not in targets.columns:
        return None
    ranks = targets["rank"].cast(pl.Float64)
    if not ranks.is_finite().all():
        wrong = ranks.filter(~ranks.is_finite())[0]
        raise BacktestError(f"A rank is {wrong}.", "Give a finite number, or null for the last.")
    rows = followed_rows(candles, targets, timeframe, target_timeframe or timeframe)
    return place(ranks.fill_null(np.nan).to_numpy(), rows, np.nan)[None, :]


def refusals_of(statistics: Floats) -> dict[str, int]:
    """Refused entries by cause, of one row of the kernel's statistics."""
    return {cause: int(statistics[SHARED_STATISTICS.index(f"refused_{cause}")]) for cause in CAUSES}


def _trades(bars: Bars, recording: SharedRecording) -> pl.DataFrame:
    """The trades table; bars lie symbol by symbol, so their order is that of symbols and time."""
    entry_bar = recording.trades[:, TRADE_FIELDS.index("entry_bar")]
    order = np.argsort(entry_bar, kind="stable")
    symbols = np.searchsorted(bars.offsets, entry_bar[order], side="right") - 1
    empty = np.empty((0, 0))
    return trades_table(bars, Recording(empty, recording.trades[order], symbols, empty, np.empty(0)))


def _bar_equity(bars: Bars, recording: SharedRecording) -> pl.DataFrame:
    steps = np.unique(steps_of(bars))
    times = bars.open_time.min() + steps * bars.timeframe.milliseconds
    columns = {name: recording.steps[steps, index] for index, name in enumerate(STEP_FIELDS)}
    return pl.DataFrame({"open_time": times, **columns}).cast(BAR_EQUITY_SCHEMA)  # type: ignore[arg-type]


def _drawdown_stops(bars: Bars, recording: SharedRecording) -> pl.DataFrame:
    step, total, equity = recording.stops.T
    close = bars.open_time.min() + (step.astype(np.int64) + 1) * bars.timeframe.milliseconds
    cause = ["total" if each else "daily" for each in total]
    return pl.DataFrame(
        {"time": close, "cause": cause, "equity": equity}, schema_overrides={"cause": pl.String}
    ).cast(STOPS_SCHEMA)  # type: ignore[arg-type]
