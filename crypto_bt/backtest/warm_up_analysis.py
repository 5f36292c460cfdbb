"""Recursive warm-up analysis: does a longer history change today's signal?

A strategy declares how many bars it must have seen (``warm_up``). An average that forgets exponentially, an
extreme since the beginning, or a position held until something ends it looks back further than the code
suggests; then the day from which history is kept decides what is traded today. For a position that is held,
that is the strategy's nature and not a mistake; such targets are counted apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from crypto_bt.backtest.signals import evaluate, hundredths, is_target, strategy_frame
from crypto_bt.core.errors import BacktestError
from crypto_bt.strategies import Strategy


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The target that changed with the most bars before it: ``full`` with all history, ``short`` with only
    the ``bars`` bars before it."""

    symbol: str
    open_time: datetime
    bars: int
    full: float
    short: float


@dataclass(frozen=True, slots=True)
class WarmUpNeed:
    """How many bars before a signal it takes until more of them change nothing.

    ``declared``: the strategy's ``warm_up``. ``needed``: one bar more than the longest history that still
    gave another target; 0 if none did. ``tested``: the longest history tried. ``compared``: targets with the
    declared history or more before them, of which ``differing`` changed all the same; of these ``carried``
    are positions held without a change since before the warm-up ended, which a shorter history merely did not
    see begin. ``last``: the evidence for ``needed``.
    """

    strategy: str
    declared: int
    needed: int
    tested: int
    compared: int
    differing: int
    carried: int
    last: Unsettled | None

    @property
    def enough(self) -> bool:
        """Whether the declared warm-up covers what was seen to be needed."""
        return self.needed <= self.declared

    def __str__(self) -> str:
        last = self.last
        if last is None or self.enough:
            return (
                f"{self.strategy} settles within {self.needed} bars and declares a warm-up of "
                f"{self.declared} (tried with up to {self.tested} bars)."
            )
        return (
            f"{self.strategy} needs a warm-up of {self.needed} bars and declares {self.declared}: "
            f"{last.symbol} at {last.open_time:%Y-%m-%d %H:%M} has the target {last.full} with all history, "
            f"but {last.short} with the {last.bars} bars before it ({self.differing} of {self.compared} "
            f"targets changed, {self.carried} of them positions held since before)."
        )


def analyse_warm_up(
    strategy: Strategy,
    candles: pl.DataFrame,
    extras: Mapping[str, pl.DataFrame] | None = None,
    *,
    starts: int = 6,
) -> WarmUpNeed:
    """Evaluate ``strategy`` on histories that begin later and later, and find where its targets settle.

    The ``starts`` are spread evenly over the bars; after each, every bar is compared with the same bar of the
    whole history, however many bars it has before it. Targets are compared before the warm-up holds them
    flat, so that a need below the declared one shows too. Needs (``extras`` as for
    :func:`crypto_bt.backtest.signals.targets`) stay what they were known to be at each bar. As symbols may be
    compared with each other, a bar's history is the shortest among the symbols that have this bar and existed
    before the start. A need beyond ``tested`` bars is not seen; rounding that depends on where a running
    window began counts as a change. Raises BacktestError where the strategy fails, without a start, or for
    less than two bars.
    """
    frame = strategy_frame(candles, strategy, extras)
    if starts < 1 or frame["open_time"].n_unique() < 2:
        raise BacktestError(
            f"{strategy.name} was to be tried on {starts} later starts within "
            f"{frame['open_time'].n_unique()} bars.",
            "Give 1 start or more, and a longer history.",
        )
    evaluate(strategy, frame)
    return warm_up_need(strategy, frame, starts=starts)


def warm_up_need(strategy: Strategy, frame: pl.DataFrame, *, starts: int) -> WarmUpNeed:
    """:func:`analyse_warm_up` on a frame of two bars or more on which ``strategy`` is known to work."""
    times = frame["open_time"].unique().sort()
    full = _targets(strategy, frame)
    places = sorted({max(1, number * len(times) // (starts + 1)) for number in range(1, starts + 1)})
    rows = pl.concat([_compared(strategy, frame, full, times[place]) for place in places])
    changed = rows.filter(pl.col("full") != pl.col("short"))
    warm = pl.col("bars") >= strategy.warm_up
    last = changed.sort("bars", "open_time", "symbol", descending=[True, False, False]).head(1)
    found = [Unsettled(**row) for row in last.drop("carried").to_dicts()]
    return WarmUpNeed(
        strategy=strategy.name,
        declared=strategy.warm_up,
        needed=found[0].bars + 1 if found else 0,
        tested=int(rows.select(pl.col("bars").max().fill_null(0)).item()),
        compared=rows.filter(warm).height,
        differing=changed.filter(warm).height,
        carried=changed.filter(warm & pl.col("carried")).height,
        last=found[0] if found else None,
    )


def _compared(strategy: Strategy, frame: pl.DataFrame, full: pl.Series, start: datetime) -> pl.DataFrame:
    """The targets of the bars from ``start`` on, with all history (full) and with that since then (short)."""
    later = frame.select(pl.col("open_time") >= start).to_series()
    short = frame.filter(later)
    listed_before = frame.filter(~later)["symbol"].unique()
    own_bars = pl.int_range(pl.len(), dtype=pl.Int64).over("symbol")
    rows = short.select(
        "symbol",
        "open_time",
        bars=pl.when(pl.col("symbol").is_in(listed_before.implode())).then(own_bars),
    ).with_columns(
        bars=pl.col("bars").min().over("open_time"),
        full=full.filter(later),
        short=_targets(strategy, short),
    )
    rows = rows.drop_nulls("bars")
    moved = (pl.col("full") != pl.col("full").shift(1)) & (pl.col("bars") > strategy.warm_up)
    same = moved.fill_null(False).cum_sum().over("symbol") == 0
    return rows.with_columns(carried=same & (pl.col("short") == 0.0))


def _targets(strategy: Strategy, frame: pl.DataFrame) -> pl.Series:
    """The targets in hundredths, over 1, before the warm-up; what is none counts as flat."""
    try:
        raw = frame.select("open_time", target=strategy.target())
    except (Exception, pl.exceptions.PanicException) as error:
        raise BacktestError(
            f"Strategy {strategy.name} failed on a history that begins later: {error}.",
            "It must give a target, or null, however short the history is.",
        ) from error
    wanted = pl.col("target")
    return raw.select(hundredths(pl.when(is_target(wanted)).then(wanted)) / 100).to_series()
