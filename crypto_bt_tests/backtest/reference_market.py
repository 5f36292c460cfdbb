"""Frames as :func:`crypto_bt.backtest.simulate` takes them, made into the candles of the slow simulator."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from crypto_bt.backtest.contracts import Contract
from crypto_bt.backtest.rules import Rules
from crypto_bt_tests.backtest.reference import Account
from crypto_bt_tests.backtest.reference_parts import Candle, Settlement, Wish

HOUR = timedelta(hours=1)
Ohlc = tuple[float, float, float, float]
Bars = dict[datetime, Ohlc]


def reference_accounts(
    candles: pl.DataFrame,
    targets: pl.DataFrame,
    *,
    length: timedelta,
    rules: Rules,
    capital: float,
    contracts: Mapping[str, Contract] | None = None,
    **given: Any,
) -> dict[str, Account]:
    """The slow simulator on each symbol of ``candles``; ``capital`` is each account's, for ``given`` see
    :func:`reference_candles`."""
    accounts: dict[str, Account] = {}
    for symbol, line in reference_candles(candles, targets, length=length, **given).items():
        accounts[symbol] = Account(rules, (contracts or {}).get(symbol, Contract()), capital, length)
        accounts[symbol].run(line)
    return accounts


def reference_candles(
    candles: pl.DataFrame,
    targets: pl.DataFrame,
    *,
    length: timedelta,
    target_length: timedelta | None = None,
    funding_rates: pl.DataFrame | None = None,
    mark_prices: pl.DataFrame | None = None,
    finer: pl.DataFrame | None = None,
    finer_length: timedelta = HOUR,
) -> dict[str, list[Candle]]:
    """The candles of each symbol with all that belongs to them."""
    marks, fine = _bars(mark_prices), _bars(finer)
    wishes, settled = _wishes(targets), _settlements(funding_rates)
    lines: dict[str, list[Candle]] = {}
    for (symbol,), rows in candles.sort("symbol", "open_time").group_by("symbol", maintain_order=True):
        hours, parts, wished = marks.get(symbol, {}), fine.get(symbol, {}), wishes.get(symbol, {})
        rates, times = settled.get(symbol, []), sorted(wished)
        line = lines.setdefault(symbol, [])
        for time, *prices, volume in rows.select(
            "open_time", "open", "high", "low", "close", "volume"
        ).rows():
            candle = _candle(time, tuple(prices), volume, length, hours)
            followed = _followed(times, time + length, target_length or length)
            candle.wish = wished[followed] if followed else Wish()
            candle.settlements = [
                Settlement(at, _mark(at, published, hours, candle.open), rate)
                for at, rate, published in rates[_from(rates, time) : _from(rates, time + length)]
            ]
            inside = [time + finer_length * step for step in range(length // finer_length)]
            if all(at in parts for at in inside):
                candle.finer = [_candle(at, parts[at], 0.0, finer_length, hours) for at in inside]
            line.append(candle)
    return lines


def _bars(frame: pl.DataFrame | None) -> dict[str, Bars]:
    found: dict[str, Bars] = {}
    if frame is not None:
        for symbol, time, *prices in frame.select(
            "symbol", "open_time", "open", "high", "low", "close"
        ).rows():
            found.setdefault(symbol, {})[time] = tuple(prices)
    return found


def _wishes(targets: pl.DataFrame) -> dict[str, dict[datetime, Wish]]:
    found: dict[str, dict[datetime, Wish]] = {}
    for row in targets.rows(named=True):
        given = [row.get(name) for name in ("target", "stop_price", "target_price", "atr", "rank")]
        found.setdefault(row["symbol"], {})[row["open_time"]] = Wish(given[0] or 0.0, *given[1:])
    return found


def _settlements(rates: pl.DataFrame | None) -> dict[str, list[tuple[datetime, float, float | None]]]:
    found: dict[str, list[tuple[datetime, float, float | None]]] = {}
    if rates is not None:
        columns = ("symbol", "funding_time", "funding_rate", "mark_price")
        for symbol, *settlement in rates.sort("symbol", "funding_time").select(columns).rows():
            found.setdefault(symbol, []).append(tuple(settlement))
    return found


def _candle(time: datetime, prices: Ohlc, volume: float, length: timedelta, hours: Bars) -> Candle:
    """A candle with the extremes of the mark candles inside it, else its own (rule 22)."""
    inside = [hours[at] for at in _hours(time, length) if at in hours] or [prices]
    return Candle(time, *prices, volume, max(bar[1] for bar in inside), min(bar[2] for bar in inside))


def _hours(time: datetime, length: timedelta) -> list[datetime]:
    return [time + HOUR * step for step in range(length // HOUR)]


def _mark(at: datetime, published: float | None, hours: Bars, open_: float) -> float:  # 27
    hour = at.replace(minute=0, second=0, microsecond=0)
    if published is not None:
        return published
    return hours[hour][0] if hour in hours else open_


def _from(rates: Sequence[tuple[datetime, float, float | None]], time: datetime) -> int:
    return bisect_left(rates, time, key=lambda settlement: settlement[0])


def _followed(times: Sequence[datetime], close: datetime, step: timedelta) -> datetime | None:
    """When the target opened that a bar which closes at ``close`` follows (rule 6)."""
    known = bisect_right(times, close - step)
    if not known or close - (times[known - 1] + step) >= step:
        return None
    return times[known - 1]
