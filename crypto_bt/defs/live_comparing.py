"""Compares live trades with a backtest's, strategy by strategy; for the command and for the asset."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

from crypto_bt.backtest.live.compare import Comparison, Period, compare_strategy
from crypto_bt.backtest.live.summary import measured_slippage, summarize
from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import Timeframe
from crypto_bt.defs.live_side import Live, by_strategy
from crypto_bt.defs.live_sources import Backtest

_DAY: Final = timedelta(days=1)
#: Of the intervals' resampling.
_SEED: Final = 20_261_121


@dataclass(frozen=True, slots=True)
class Asked:
    """What is compared: ``strategy`` (None: as the file says), its ``timeframe`` (None: as the backtest
    says), how many of its bars two entries may be apart (``tolerance``), which days and which ``symbols``
    (None: all)."""

    strategy: str | None = None
    timeframe: Timeframe | None = None
    tolerance: float = 1.0
    start: datetime | None = None
    end: datetime | None = None
    symbols: Sequence[str] | None = None


def compare_all(live: Live, source: Backtest, asked: Asked) -> list[Comparison]:
    """One comparison for each strategy; raises UsageError where the two sides have nothing in common."""
    live, names = by_strategy(live, asked.strategy, source)
    comparisons = []
    for name in names:
        tested = source.of(name)
        bars = _timeframe(name, asked.timeframe, source)
        comparisons.append(
            compare_strategy(
                name,
                _only(tested, asked.symbols),
                _only(live.trades.filter(strategy=name), asked.symbols),
                _period(live, asked, source, bars),
                asked.tolerance * bars.delta,
                [trip for trip in live.opened_before if trip.strategy in (None, name)],
            )
        )
    return comparisons


def result_of(
    trades: Path, backtest: str, comparisons: Sequence[Comparison], notes: Sequence[str]
) -> dict[str, Any]:
    """The result of the comparison in plain values; basis points, a cost positive."""
    pairs = pl.concat([made.pairs for made in comparisons])
    slippage = measured_slippage(pairs, _SEED)
    mean = slippage.live.mean
    return {
        "trades": trades,
        "backtest": backtest,
        "strategies": [
            {
                "strategy": made.strategy,
                "start": made.period.start,
                "end": made.period.end,
                "tolerance_seconds": made.tolerance.total_seconds(),
                "matched": made.pairs.height,
                "missed": made.missed.height,
                "extra": made.extra.height,
                "outside": made.outside,
                "quantity_ratio": made.quantity_ratio,
                "missed_trades": _entries(made.missed),
                "extra_trades": _entries(made.extra),
                "matched_trades": made.pairs.to_dicts(),
            }
            for made in comparisons
        ],
        "differences": [asdict(row) for row in summarize(pairs, _SEED)],
        "slippage": {
            **asdict(slippage),
            "setting": None if mean is None else f"SLIPPAGE_BPS={max(mean, 0.0):.2f}",
        },
        "notes": list(notes),
    }


def _period(live: Live, asked: Asked, source: Backtest, bars: Timeframe) -> Period:
    first = asked.start or (live.first and Timeframe.D1.floor(live.first))
    last = asked.end or (live.last and Timeframe.D1.floor(live.last) + _DAY)
    if first is None or last is None:
        raise UsageError("The live file has no rows.", "Say which days it is of: --start and --end.")
    if source.cutoff is not None:
        last = min(last, bars.floor(source.cutoff))
    if last <= first:
        raise UsageError(
            f"There is nothing to compare from {first:%F %H:%M} to {last:%F %H:%M}.",
            "The live trades are later than the backtest, or --end is not after --start.",
        )
    return Period(first, last)


def _timeframe(strategy: str, asked: Timeframe | None, source: Backtest) -> Timeframe:
    if asked is not None:
        return asked
    if strategy not in source.timeframes:
        raise UsageError(
            f"{source.name} does not say on which bars {strategy} trades.", "Say it: --timeframe 4h"
        )
    return source.timeframes[strategy]


def _only(trades: pl.DataFrame, symbols: Sequence[str] | None) -> pl.DataFrame:
    return trades if symbols is None else trades.filter(pl.col("symbol").is_in(list(symbols)))


def _entries(trades: pl.DataFrame) -> list[dict[str, Any]]:
    return trades.select("symbol", "side", "entry_time", "entry_price", "exit_time", "quantity").to_dicts()
