"""The recorded market: real candles, mark prices and funding out of a folder of parquet files, gaps and all;
positioning and series too where the folder holds them.

The clock stands at the end of the last recorded day. Nothing is filled in: what the recording lacks is
absent from an answer, or null in it.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import STANDARD_TIMEFRAMES, Timeframe, to_milliseconds
from crypto_bt.simulator.market import CandleRow, FundingRow, SymbolInfo, Window, decimal_text
from crypto_bt.simulator.recorded_positioning import RecordedPositioning
from crypto_bt.simulator.recorded_series import RecordedSeries
from crypto_bt.simulator.recording import (
    FILES,
    Table,
    best_covered,
    by_symbol,
    decimals,
    digest,
    end_of_recording,
)

_PRICES: Final = ["open", "high", "low", "close"]


class RecordedMarket:
    """What ``folder`` has recorded of the symbols with all three timeframes.

    ``symbols=N`` takes the N best covered over the last ``days`` recorded days: the largest share of the
    expected candles of the three timeframes, the name decides a tie. ``start`` is the first of these days;
    rows before it are served all the same. Raises :class:`UsageError` when a file is missing or
    when ``symbols`` or ``days`` cannot be met.
    """

    def __init__(self, folder: Path, symbols: int | None = None, days: int = 30) -> None:
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise UsageError(
                f"The recorded market in {folder} lacks {', '.join(missing)}.",
                f"Name a folder that holds {', '.join(FILES)}.",
            )
        if days < 1:
            raise UsageError(f"{days} days of the recorded market were asked for.", "Ask for at least 1.")
        self.source = f"recorded:{digest(folder)}"
        candles = {
            timeframe: pl.read_parquet(folder / f"{timeframe.dataset}.parquet")
            for timeframe in STANDARD_TIMEFRAMES
        }
        names = sorted(set.intersection(*(set(frame["symbol"].unique()) for frame in candles.values())))
        if symbols is not None and not 1 <= symbols <= len(names):
            raise UsageError(
                f"{symbols} symbols of the recorded market in {folder} were asked for.",
                f"Ask for 1 to {len(names)}: so many have all three timeframes.",
            )
        self._now = end_of_recording(candles, names)
        self.start = self._now - timedelta(days=days)
        begun = max(frame.select(pl.col("open_time").min()).item() for frame in candles.values())
        if self.start < begun:
            longest = (self._now - begun).days
            raise UsageError(
                f"{days} days of the recorded market in {folder} were asked for.",
                f"All three timeframes begin on {begun:%Y-%m-%d}: ask for at most {longest}.",
            )
        if symbols is not None:
            names = best_covered(candles, names, self.start, self._now)[:symbols]
        self._candles = {
            timeframe: by_symbol(frame, names, "open_time") for timeframe, frame in candles.items()
        }
        self._marks = by_symbol(pl.read_parquet(folder / "mark_1h.parquet"), names, "open_time")
        funding = pl.read_parquet(folder / "funding.parquet")
        self._funding = by_symbol(funding.sort("symbol", "funding_time"), names, "funding_time")
        self._symbols = [self._describe(name) for name in names]
        self.positioning = RecordedPositioning(folder, self._now)
        self.series = RecordedSeries(folder)

    def now(self) -> datetime:
        """The end of the last recorded day; it does not move."""
        return self._now

    def symbols(self) -> list[SymbolInfo]:
        """The chosen symbols, best covered first if a number was asked for, else by name."""
        return self._symbols

    def candles(self, symbol: str, timeframe: Timeframe, window: Window) -> list[CandleRow]:
        """See :class:`~crypto_bt.simulator.market.Market`; neither 15m nor taker volumes were
        recorded."""
        rows = self._rows(self._candles.get(timeframe, {}), symbol, window)
        span = timeframe.milliseconds - 1
        return [
            (
                time,
                *map(decimal_text, ohlcv),
                time + span,
                None if quote_volume is None else decimal_text(quote_volume),
                trades,
                None,
                None,
                "0",
            )
            for time, (*ohlcv, quote_volume, trades) in zip(
                rows.times.tolist(),
                rows.frame.select(*_PRICES, "volume", "quote_volume", "trades").iter_rows(),
                strict=True,
            )
        ]

    def mark_prices(self, symbol: str, timeframe: Timeframe, window: Window) -> list[CandleRow]:
        """See :class:`~crypto_bt.simulator.market.Market`; only 1h was recorded."""
        rows = self._rows(self._marks if timeframe is Timeframe.H1 else {}, symbol, window)
        span = timeframe.milliseconds - 1
        return [
            (time, *map(decimal_text, ohlc), "0", time + span, "0", 0, "0", "0", "0")
            for time, ohlc in zip(rows.times.tolist(), rows.frame.select(_PRICES).iter_rows(), strict=True)
        ]

    def funding(self, symbol: str, window: Window) -> list[FundingRow]:
        """See :class:`~crypto_bt.simulator.market.Market`; times with the exchange's own jitter."""
        rows = self._rows(self._funding, symbol, window)
        return [
            {
                "symbol": symbol,
                "fundingTime": time,
                "fundingRate": decimal_text(rate),
                "markPrice": "" if mark is None else decimal_text(mark),
            }
            for time, (rate, mark) in zip(
                rows.times.tolist(), rows.frame.select("funding_rate", "mark_price").iter_rows(), strict=True
            )
        ]

    def _rows(self, tables: dict[str, Table], symbol: str, window: Window) -> Table:
        table = tables.get(symbol)
        if table is None:
            return Table(np.empty(0, np.int64), _EMPTY)
        latest = to_milliseconds(self._now)
        end = latest if window.end is None else min(window.end, latest)
        part = replace(window, end=end).pick(table.times)
        return Table(table.times[part], table.frame[part])

    def _describe(self, symbol: str) -> SymbolInfo:
        tables = [tables[symbol] for tables in self._candles.values()]
        first = min(table.frame["open_time"][0] for table in tables)
        latest = tables[0].frame.tail(100)
        return SymbolInfo(symbol, first, decimals(latest["close"]), min(decimals(latest["volume"]), 3))


_EMPTY: Final = pl.DataFrame(
    schema=dict.fromkeys(
        [*_PRICES, "volume", "quote_volume", "trades", "funding_rate", "mark_price"], pl.Float64()
    )
)
