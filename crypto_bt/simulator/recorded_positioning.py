"""Positioning out of a recording: whatever falls into the 30 days that the exchange would still keep.

Two files, both optional: ``open_interest_sample.parquet`` (symbol, period, time, sum_open_interest,
sum_open_interest_value) and ``positioning_btc.parquet`` (symbol, period, time, global_long_short_ratio,
long_account, short_account, taker_buy_vol, taker_sell_vol). Periods are not turned into one another.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Final

import polars as pl

from crypto_bt.core.market import to_milliseconds
from crypto_bt.simulator.market import Window, decimal_text
from crypto_bt.simulator.positioning import KEPT, PERIODS, PositioningRow, taker_row

OPEN_INTEREST_FILE: Final = "open_interest_sample.parquet"
POSITIONING_FILE: Final = "positioning_btc.parquet"
_OPEN_INTEREST: Final = ("sum_open_interest", "sum_open_interest_value")
_ACCOUNTS: Final = ("long_account", "global_long_short_ratio", "short_account")
_TAKER: Final = ("taker_buy_vol", "taker_sell_vol")


class RecordedPositioning:
    """What ``folder`` holds, seen at ``now``; nothing where a file is missing."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self._now = to_milliseconds(now)
        self._open_interest = _kept(folder / OPEN_INTEREST_FILE, self._now)
        self._others = _kept(folder / POSITIONING_FILE, self._now)

    def open_interest(self, symbol: str, period: str, window: Window) -> list[PositioningRow]:
        """See :class:`~crypto_bt.simulator.positioning.Positioning`."""
        return [
            {"symbol": symbol, "sumOpenInterest": lots, "sumOpenInterestValue": value, "timestamp": stamp}
            for stamp, (lots, value) in self._rows(
                self._open_interest, symbol, period, window, _OPEN_INTEREST
            )
        ]

    def account_ratio(self, symbol: str, period: str, window: Window) -> list[PositioningRow]:
        """See :class:`~crypto_bt.simulator.positioning.Positioning`."""
        names = ("longAccount", "longShortRatio", "shortAccount")
        return [
            {"symbol": symbol, **dict(zip(names, row, strict=True)), "timestamp": stamp}
            for stamp, row in self._rows(self._others, symbol, period, window, _ACCOUNTS)
        ]

    def taker_volume(self, symbol: str, period: str, window: Window) -> list[PositioningRow]:
        """See :class:`~crypto_bt.simulator.positioning.Positioning`."""
        return [
            taker_row(stamp, bought, sold)
            for stamp, (bought, sold) in self._rows(self._others, symbol, period, window, _TAKER)
        ]

    def archived(self, symbol: str, day: date) -> Sequence[Sequence[str]] | None:
        """None: no file of the archive was recorded."""
        return None

    def _rows(
        self,
        table: pl.DataFrame | None,
        symbol: str,
        period: str,
        window: Window,
        columns: tuple[str, ...],
    ) -> list[tuple[int, list[str]]]:
        """Stamp, and ``columns`` as decimal texts, of rows whose period has ended and that have them all."""
        if table is None:
            return []
        rows = table.filter(pl.col("symbol") == symbol, pl.col("period") == period).drop_nulls(columns)
        times = rows["time"].dt.epoch("ms").to_numpy()
        last = self._now - PERIODS[period]
        end = last if window.end is None else min(window.end, last)
        part = replace(window, end=end).pick(times)
        return [
            (stamp, [decimal_text(value) for value in values])
            for stamp, values in zip(
                times[part].tolist(), rows.select(columns)[part].iter_rows(), strict=True
            )
        ]


def _kept(path: Path, now: int) -> pl.DataFrame | None:
    """The rows that the exchange would still give at ``now``, by time."""
    if not path.is_file():
        return None
    time = pl.col("time").dt.epoch("ms")
    return pl.read_parquet(path).filter(time >= now - KEPT, time <= now).sort("time")
