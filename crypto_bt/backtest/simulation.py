"""The face of the engine: frames in, a :class:`Result` out."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from crypto_bt.backtest.bars import Bars, arrange_bars
from crypto_bt.backtest.contracts import Contract
from crypto_bt.backtest.engine import Signals, record
from crypto_bt.backtest.funding import FundingUse
from crypto_bt.backtest.portfolio import DailyEquity, daily_equity
from crypto_bt.backtest.rules import Rules
from crypto_bt.backtest.signal_arrays import signals_of
from crypto_bt.backtest.tables import bar_equity_table, equity_table, metrics_table, trades_table
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe


@dataclass(frozen=True)
class Result:
    """Tables in the schemas of :mod:`crypto_bt.backtest.tables`; ``bar_equity`` has symbol, open_time and
    equity (quote, marked at the bar's close) of every bar; ``funding`` says where mark prices came from."""

    trades: pl.DataFrame
    equity: pl.DataFrame
    metrics: pl.DataFrame
    bar_equity: pl.DataFrame
    daily: DailyEquity
    funding: FundingUse


def simulate(
    candles: pl.DataFrame,
    targets: pl.DataFrame,
    *,
    timeframe: Timeframe | str,
    target_timeframe: Timeframe | str | None = None,
    rules: Rules | None = None,
    funding_rates: pl.DataFrame | None = None,
    mark_prices: pl.DataFrame | None = None,
    finer: pl.DataFrame | None = None,
    contracts: Mapping[str, Contract] | None = None,
    initial_capital: float = 10_000.0,
) -> Result:
    """Backtest ``targets`` (symbol, open_time, target from -1 to 1 at that bar's close) on ``candles``.

    Frames have the schemas of :mod:`crypto_bt.core.datasets`; ``targets`` may also have stop_price,
    target_price and atr (quote, null for none), and be of a coarser ``target_timeframe``. ``finer`` are
    candles that resolve a bar in which both stop and target lie. ``contracts`` gives order sizes and margin
    tiers by symbol. ``initial_capital`` (quote) is shared equally by the symbols. The rules of the market
    are those of docs/assumptions.md. Raises :class:`BacktestError` for data or targets the engine cannot
    use.
    """
    timeframe = Timeframe(timeframe)
    candles = candles.sort("symbol", "open_time")
    bars = arrange_bars(
        candles,
        timeframe,
        funding_rates=funding_rates,
        mark_prices=mark_prices,
        finer=finer,
        contracts=contracts,
    )
    of_targets = Timeframe(target_timeframe) if target_timeframe else timeframe
    signals = signals_of(candles, targets, timeframe, of_targets)
    return simulate_bars(bars, signals, rules=rules or Rules(), initial_capital=initial_capital)


def simulate_bars(bars: Bars, signals: Signals, *, rules: Rules, initial_capital: float) -> Result:
    """:func:`simulate` of the first signal set on candles arranged before."""
    if initial_capital <= 0.0:
        raise BacktestError(f"The initial capital is {initial_capital}.", "It must be above 0.")
    capital = initial_capital / len(bars.symbols)
    recording = record(bars, signals, rules, capital=capital)
    daily = daily_equity(bars, recording.daily)
    trades = trades_table(bars, recording)
    return Result(
        trades=trades,
        equity=equity_table(daily),
        metrics=metrics_table(bars, recording, daily, trades),
        bar_equity=bar_equity_table(bars, recording.equity),
        daily=daily,
        funding=bars.funding_use,
    )
