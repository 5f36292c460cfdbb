"""The chosen parameter sets simulated in full, and stitched as the walk-forward was in charge of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.bars import Bars
from crypto_bt.backtest.candle_rows import DAY_MS
from crypto_bt.backtest.engine import Recording, Signals, record
from crypto_bt.backtest.layout import TRADE_FIELDS
from crypto_bt.backtest.nightly.market import NightMarket
from crypto_bt.backtest.nightly.sweeping import Advance, Trial
from crypto_bt.backtest.tables import TRADES_SCHEMA, trades_table


@dataclass(frozen=True)
class InCharge:
    """Which parameter set counts on which day: ``days`` (n,) UTC days since 1970, one after the other, and
    ``chosen`` (n,) the number of the set, or -1 for none. ``carried``: positions entered before the first day
    count too, because nothing was chosen anew on it."""

    days: NDArray[np.int64]
    chosen: NDArray[np.int64]
    carried: bool = False

    @property
    def sets(self) -> list[int]:
        """The sets that are in charge on any day, ascending."""
        return sorted({int(number) for number in self.chosen if number >= 0})


@dataclass
class Recorded:
    """``trades`` entered on a day by the set in charge of it, with its number as ``parameter_set``, in order
    of symbol and time. ``returns`` (days, symbols): each symbol's account on each day, by the set in
    charge; 0 before the listing."""

    symbols: tuple[str, ...]
    trades: pl.DataFrame
    returns: NDArray[np.float64]


#: Columns of the night's trades besides the strategy's name.
RECORDED_TRADES = {**TRADES_SCHEMA, "parameter_set": pl.Int32()}


class Beside(Protocol):
    """What else is simulated of each strategy while the bars of some symbols are at hand."""

    def add(self, bars: Bars, first_symbol: int, name: str, trial: Trial, signals: Signals) -> None:
        """``bars`` begin with the symbol number ``first_symbol`` of all."""


class Alone:
    """Nothing else is simulated."""

    def add(self, bars: Bars, first_symbol: int, name: str, trial: Trial, signals: Signals) -> None:
        """Do nothing."""


def record_all(
    market: NightMarket,
    trials: Mapping[str, Trial],
    in_charge: Mapping[str, InCharge],
    beside: Beside,
    advance: Advance | None = None,
) -> dict[str, Recorded]:
    """Record the sets in charge of each strategy on every symbol; ``advance`` is told of the symbols."""
    symbols = market.traded_symbols
    spec, days = market.spec, market.days
    capital = spec.initial_capital / len(symbols)
    trades: dict[str, list[pl.DataFrame]] = {name: [] for name in in_charge}
    returns = {name: np.zeros((len(own.days), len(symbols))) for name, own in in_charge.items()}
    column = 0
    for bars, placement in market.execution_groups(days):
        width = len(bars.symbols)
        for name, own in in_charge.items():
            trial = trials[name]
            signals = trial.signals.on(placement)
            beside.add(bars, column, name, trial, signals)
            kept: list[Recording] = []
            numbers: list[int] = []
            for number in own.sets:
                each = trial.sets[number]
                one = Signals(signals.targets[each.signal_set][None, :], atr=signals.atr)
                rules = each.rules(spec.costs, spec.execution)
                recording = record(bars, one, rules, capital=capital, every_bar=False)
                kept.append(entered_in_charge(bars, recording, own, number))
                numbers += [number] * len(kept[-1].trades)
                rows = np.flatnonzero(own.chosen == number)
                day = own.days[rows] - days[0]
                returns[name][rows, column : column + width] = _returns(
                    recording.daily[:, day].T, recording.daily[:, day + 1].T
                )
            if numbers:
                table = trades_table(bars, _together(kept))
                by_set = table.with_columns(parameter_set=pl.Series(numbers, dtype=pl.Int32))
                trades[name].append(by_set.sort("symbol", "entry_time", maintain_order=True))
        column += width
        if advance:
            advance(column, len(symbols))
    empty = pl.DataFrame(schema=RECORDED_TRADES)
    # In one piece: the last digit of a sum depends on the pieces.
    return {
        name: Recorded(symbols, pl.concat([empty, *trades[name]], rechunk=True), returns[name])
        for name in in_charge
    }


def entered_in_charge(bars: Bars, recording: Recording, in_charge: InCharge, number: int) -> Recording:
    """``recording`` of the set ``number`` with the trades alone that were entered on a day in its charge."""
    entered, left = (
        recording.trades[:, TRADE_FIELDS.index(name)].astype(np.int64) for name in ("entry_bar", "exit_bar")
    )
    day = bars.open_time[entered] // DAY_MS
    counts = np.isin(day, in_charge.days[in_charge.chosen == number])
    if in_charge.carried:
        inside = recording.trades[:, TRADE_FIELDS.index("inside_bar")].astype(np.int64)
        exit_time = bars.open_time[left] + inside * bars.timeframe.milliseconds
        counts |= exit_time > in_charge.days[0] * DAY_MS
    return replace(recording, trades=recording.trades[counts], trade_symbol=recording.trade_symbol[counts])


def _together(recordings: Sequence[Recording]) -> Recording:
    """The trades of all, one recording after the other."""
    return replace(
        recordings[0],
        trades=np.concatenate([each.trades for each in recordings]),
        trade_symbol=np.concatenate([each.trade_symbol for each in recordings]),
    )


def stitched_equity(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Marks (days + 1,) that begin with 1.0, from daily returns (days,)."""
    marks: NDArray[np.float64] = np.cumprod(np.append(1.0, 1.0 + returns))
    return marks


def accounts_of(recorded: Recorded) -> Iterator[tuple[str, NDArray[np.float64], pl.DataFrame]]:
    """Symbol, its stitched equity and its trades, one after the other."""
    for number, symbol in enumerate(recorded.symbols):
        trades = recorded.trades.filter(pl.col("symbol") == symbol)
        yield symbol, stitched_equity(recorded.returns[:, number]), trades


def _returns(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    change = np.ones(before.shape)
    np.divide(after, before, out=change, where=before > 0.0)
    return change - 1.0
