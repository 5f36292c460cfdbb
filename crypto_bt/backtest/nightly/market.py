"""What a night may know, read from its snapshot, and the bars it trades on, a few symbols at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.bars import Bars, arrange_bars
from crypto_bt.backtest.candle_rows import DAY_MS
from crypto_bt.backtest.contract_rules import contracts_known
from crypto_bt.backtest.signal_arrays import followed_rows, place
from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.market import Timeframe
from crypto_bt.strategies import average_true_range

#: Symbols simulated together: few enough that their bars are a small part of the night's memory.
GROUP = 3
_INSTANT = timedelta(milliseconds=1)
_BAR_COLUMNS = ("symbol", "open_time", "open", "high", "low", "close", "volume")
_MARK_COLUMNS = ("symbol", "open_time", "open", "high", "low")


class Reader(Protocol):
    """The part of a market store that the night needs."""

    def read(
        self, dataset: str, *, symbols: Any, start: Any, end: Any, columns: Any, at: str | None
    ) -> pl.DataFrame:
        """Rows with start <= time < end of one dataset at one snapshot."""


#: By timeframe of the strategies: of each bar traded on, the row of the signals' bars it follows, or -1.
Placement = Mapping[Timeframe, NDArray[np.int64]]


def symbol_groups(spec: NightSpec) -> list[tuple[str, ...]]:
    """The spec's symbols in order, :data:`GROUP` at a time."""
    return [spec.symbols[first : first + GROUP] for first in range(0, len(spec.symbols), GROUP)]


def group_datasets(spec: NightSpec) -> tuple[str, ...]:
    """What is read group by group."""
    return (spec.execution.dataset, "mark_price_1h", "funding_rates")


@dataclass(frozen=True)
class SignalBars:
    """``rows`` (symbol, open_time, close_time) of one timeframe and their ``atr`` (rows), quote."""

    timeframe: Timeframe
    rows: pl.DataFrame
    atr: NDArray[np.float64]


@dataclass
class NightMarket:
    """The store as of the spec's cutoff: candles closed, settlements made and values available by then."""

    store: Reader
    spec: NightSpec
    _candles: dict[Timeframe, pl.DataFrame] = field(default_factory=dict)
    _needed: dict[str, pl.DataFrame] = field(default_factory=dict)
    _signal_bars: dict[Timeframe, SignalBars] = field(default_factory=dict)

    def candles(self, timeframe: Timeframe) -> pl.DataFrame:
        """All candles of ``timeframe``, sorted by symbol, open_time."""
        if timeframe not in self._candles:
            self._candles[timeframe] = self._closed(timeframe, self.spec.symbols, None)
        return self._candles[timeframe]

    def signal_bars(self, timeframe: Timeframe) -> SignalBars:
        """The bars that strategies of ``timeframe`` give their targets for."""
        if timeframe not in self._signal_bars:
            frame = self.candles(timeframe).select(
                "symbol",
                "open_time",
                close_time=pl.col("open_time") + timeframe.delta,
                atr=average_true_range().cast(pl.Float64).fill_null(np.nan),
            )
            rows = frame.drop("atr").with_columns(pl.col("symbol").cast(pl.Categorical))
            self._signal_bars[timeframe] = SignalBars(timeframe, rows, frame["atr"].to_numpy())
        return self._signal_bars[timeframe]

    def forget_candles(self) -> None:
        """Give back the memory of what only the signals needed."""
        self._candles.clear()
        self._needed = {name: rows for name, rows in self._needed.items() if name in ("span", "universe")}

    def needed(self, dataset: str) -> pl.DataFrame:
        """The rows of ``dataset`` that a strategy needs, as they were known by the cutoff."""
        if dataset not in self._needed:
            self._needed[dataset] = self._known(dataset)
        return self._needed[dataset]

    @property
    def universe(self) -> pl.DataFrame:
        """What was known of every listed symbol by the cutoff, day by day."""
        return self.needed("universe")

    def execution_groups(self, days: tuple[int, int]) -> Iterator[tuple[Bars, Placement]]:
        """Bars of the timeframe that is traded on, :data:`GROUP` symbols at a time.

        ``days`` are the first and the last UTC day of the equity, counted from 1970.
        """
        traded = set(self.traded_symbols)
        for group in symbol_groups(self.spec):
            symbols = [symbol for symbol in group if symbol in traded]
            if symbols:
                yield self.bars_of(symbols, days)

    @property
    def traded_symbols(self) -> tuple[str, ...]:
        """The symbols with candles, sorted."""
        return tuple(self.span["symbol"].to_list())

    @property
    def span(self) -> pl.DataFrame:
        """symbol, first and last open time of the candles traded on; sorted by symbol."""
        if "span" not in self._needed:
            parts = [self._span_of(group) for group in symbol_groups(self.spec)]
            self._needed["span"] = pl.concat(parts).sort("symbol")
        return self._needed["span"]

    @property
    def days(self) -> tuple[int, int]:
        """The first and the last UTC day of the candles traded on, counted from 1970."""
        found = self.span.select(
            pl.col("first").min().dt.epoch("ms") // DAY_MS, pl.col("last").max().dt.epoch("ms") // DAY_MS
        ).row(0)
        return int(found[0]), int(found[1])

    def bars_of(self, symbols: Sequence[str], days: tuple[int, int]) -> tuple[Bars, Placement]:
        """The bars of these symbols that are traded on, and where the signals' bars lie among them."""
        candles = self._closed(self.spec.execution, symbols, _BAR_COLUMNS)
        marks = self._read("mark_price_1h", symbols, self.spec.cutoff, _MARK_COLUMNS)
        bars = arrange_bars(
            candles,
            self.spec.execution,
            funding_rates=self._read("funding_rates", symbols, self.spec.cutoff + _INSTANT, None),
            mark_prices=marks.filter(pl.col("open_time") + Timeframe.H1.delta <= self.spec.cutoff),
            contracts=contracts_known(self.universe, symbols),
            days=days,
        )
        keys = candles.select("symbol", "open_time")
        return bars, {timeframe: self._placement(keys, symbols, timeframe) for timeframe in self._signal_bars}

    def _placement(
        self, keys: pl.DataFrame, symbols: Sequence[str], timeframe: Timeframe
    ) -> NDArray[np.int64]:
        own = (
            self._signal_bars[timeframe]
            .rows.select("symbol", "open_time")
            .with_row_index("row")
            .filter(pl.col("symbol").is_in(list(symbols)))
            .with_columns(pl.col("symbol").cast(pl.String))
        )
        near = followed_rows(keys, own.drop("row"), self.spec.execution, timeframe)
        return place(own["row"].cast(pl.Int64).to_numpy(), near, -1)

    def _span_of(self, symbols: Sequence[str]) -> pl.DataFrame:
        times = self._closed(self.spec.execution, symbols, ("symbol", "open_time"))
        return times.group_by("symbol").agg(first=pl.col("open_time").min(), last=pl.col("open_time").max())

    def _closed(
        self, timeframe: Timeframe, symbols: Sequence[str], columns: Sequence[str] | None
    ) -> pl.DataFrame:
        candles = self._read(timeframe.dataset, symbols, self.spec.cutoff, columns)
        return candles.filter(pl.col("open_time") + timeframe.delta <= self.spec.cutoff)

    def _known(self, dataset: str) -> pl.DataFrame:
        if dataset == "funding_rates":
            return self._read(dataset, self.spec.symbols, self.spec.cutoff + _INSTANT, None)
        if dataset == "mark_price_1h":
            marks = self._read(dataset, self.spec.symbols, self.spec.cutoff, None)
            return marks.filter(pl.col("open_time") + Timeframe.H1.delta <= self.spec.cutoff)
        # The regime is measured on one symbol, which need not be among the night's.
        symbols = None if dataset in ("market_regime", "universe") else self.spec.symbols
        rows = self._read(dataset, symbols, self.spec.cutoff, None)
        return rows.filter(pl.col("available_at") <= self.spec.cutoff)

    def _read(
        self, dataset: str, symbols: Sequence[str] | None, end: datetime, columns: Sequence[str] | None
    ) -> pl.DataFrame:
        return self.store.read(
            dataset,
            symbols=None if symbols is None else list(symbols),
            start=self.spec.history_start,
            end=end,
            columns=columns,
            at=self.spec.snapshot,
        )
