"""What the choice of symbols is worth: today's list against the universe that was known at each time.

Today's list is made of symbols that lived and grew until today. In the other account a symbol may be held
only while it was listed and among the most liquid, by what was known at each day's start (rules 44 to 46).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest import metrics
from crypto_bt.backtest.bars import Bars
from crypto_bt.backtest.candle_rows import DAY_MS
from crypto_bt.backtest.engine import Signals, run
from crypto_bt.backtest.nightly.market import NightMarket
from crypto_bt.backtest.nightly.recording import InCharge, stitched_equity
from crypto_bt.backtest.nightly.sweeping import Trial
from crypto_bt.backtest.parameters import parameter_array
from crypto_bt.backtest.return_matrix import matrix_returns
from crypto_bt.core.schemas import UTC_MS
from crypto_bt.core.universe_history import VOLUME_DAYS


def members(
    universe: pl.DataFrame, symbols: Sequence[str], days: tuple[int, int], count: int
) -> NDArray[np.bool_]:
    """(symbols, days): whether the symbol was among the ``count`` most liquid known at the day's start.

    ``days`` are the first and the last UTC day, counted from 1970.
    """
    return _members(most_liquid_by_day(universe, count, days), symbols, days)


def _members(chosen: pl.DataFrame, symbols: Sequence[str], days: tuple[int, int]) -> NDArray[np.bool_]:
    """Of ``chosen`` (symbol, day) those of ``symbols``, as (symbols, days)."""
    found = np.zeros((len(symbols), days[1] - days[0] + 1), np.bool_)
    place = {symbol: row for row, symbol in enumerate(symbols)}
    for symbol, day in chosen.filter(pl.col("symbol").is_in(list(symbols))).iter_rows():
        found[place[symbol], day - days[0]] = True
    return found


@dataclass(frozen=True, slots=True)
class Places:
    """How many places of the universe known then stayed empty, on average of the days: ``empty`` in all, of
    which ``without_candles`` were of ``symbols`` (the most frequent first) that the night has no candles of,
    as a rule because they were delisted or are not followed; the rest were of nobody that is known."""

    empty: float
    without_candles: float
    symbols: tuple[str, ...]


def empty_places(chosen: pl.DataFrame, symbols: Sequence[str], days: NDArray[np.int64], count: int) -> Places:
    """Of ``count`` places on each of ``days``; ``chosen`` (symbol, day) fill theirs if of ``symbols``."""
    own = chosen.filter(pl.col("day").is_in(days.tolist()))
    lacking = own.filter(~pl.col("symbol").is_in(list(symbols)))
    frequent = lacking.group_by("symbol").len().sort("len", "symbol", descending=[True, False])
    empty = count * len(days) - (own.height - lacking.height)
    return Places(empty / len(days), lacking.height / len(days), tuple(frequent["symbol"].to_list()))


def most_liquid_by_day(universe: pl.DataFrame, count: int, days: tuple[int, int]) -> pl.DataFrame:
    """symbol and day of each member, the most liquid first: what
    :func:`crypto_bt.core.universe_history.most_liquid` says at the start of every day, in one pass."""
    starts = pl.DataFrame({"day_start": np.arange(days[0], days[1] + 1) * DAY_MS}).cast(UTC_MS)
    grid = universe.select("symbol").unique().join(starts, how="cross").sort("symbol", "day_start")
    rows = universe.sort("symbol", "available_at", "day").drop("day")
    known = grid.join_asof(
        rows, left_on="day_start", right_on="available_at", by="symbol", strategy="backward",
        check_sortedness=False,
    )  # fmt: skip
    size = pl.coalesce("quote_volume_30d", pl.col("quote_volume_24h") * VOLUME_DAYS)
    ranked = (
        known.filter("tradable")
        .with_columns(size=size)
        .drop_nulls("size")
        .sort("day_start", "size", "symbol", descending=[False, True, False])
    )
    kept = ranked.filter(pl.int_range(pl.len()).over("day_start") < count)
    return kept.select("symbol", day=pl.col("day_start").dt.epoch("ms") // DAY_MS)


class PointInTime:
    """Runs the sets in charge on the universe known then, group by group, beside the recording."""

    def __init__(self, market: NightMarket, in_charge: Mapping[str, InCharge]) -> None:
        spec, self._days = market.spec, market.days
        self._market = market
        self._in_charge = in_charge
        self._chosen = most_liquid_by_day(market.universe, spec.liquidity, self._days)
        self._members = _members(self._chosen, market.traded_symbols, self._days)
        width = self._days[1] - self._days[0] + 2
        self._daily = {name: np.zeros((len(own.sets), width)) for name, own in in_charge.items()}

    @property
    def known(self) -> bool:
        """Whether the home knows anything of the universe of those days."""
        return bool(self._members.any())

    def add(self, bars: Bars, first_symbol: int, name: str, trial: Trial, signals: Signals) -> None:
        """The accounts of the symbols of ``bars``, which begin with number ``first_symbol``."""
        spec, sets = self._market.spec, self._in_charge[name].sets
        if not sets:
            return
        symbol = np.repeat(np.arange(len(bars.symbols)), np.diff(bars.offsets)) + first_symbol
        allowed = self._members[symbol, bars.open_time // DAY_MS - self._days[0]]
        parameters = parameter_array(
            [(trial.sets[n].signal_set, trial.sets[n].rules(spec.costs, spec.execution)) for n in sets]
        )
        run(
            bars,
            Signals(signals.targets * allowed, atr=signals.atr),
            parameters,
            capital=spec.initial_capital / spec.liquidity,
            threads=spec.threads,
            daily=self._daily[name],
        )

    def compared(self, name: str, returns: NDArray[np.float64]) -> dict[str, Any] | None:
        """Figures of today's list (daily ``returns``) and of the universe known then, and the difference.

        Each symbol gets an equal share of the capital among so many as the universe holds; a place without a
        symbol that has candles waits in cash, and ``empty_places``, ``without_candles`` (both by day) and
        ``lacking`` (symbols) say how many. None where the home knows nothing of the universe of those days.
        """
        own, spec = self._in_charge[name], self._market.spec
        if not self.known or not own.sets:
            return None
        idle = spec.initial_capital * (len(self._market.traded_symbols) / spec.liquidity - 1.0)
        by_set = matrix_returns(self._daily[name] - idle)
        stitched = np.zeros(len(own.days))
        for row, number in enumerate(own.sets):
            days = np.flatnonzero(own.chosen == number)
            stitched[days] = by_set[row, own.days[days] - self._days[0]]
        listed, known_then = stitched_equity(returns), stitched_equity(stitched)
        both = metrics.net_return(listed), metrics.net_return(known_then)
        places = empty_places(self._chosen, self._market.traded_symbols, own.days, spec.liquidity)
        return {
            "symbols_known_then": spec.liquidity,
            "net_return": both[0],
            "net_return_known_then": both[1],
            "sharpe": metrics.sharpe(listed),
            "sharpe_known_then": metrics.sharpe(known_then),
            "difference": both[0] - both[1],
            "empty_places": places.empty,
            "without_candles": places.without_candles,
            "lacking": list(places.symbols),
        }
