"""Drift: does last night say the same of the past as the nights before, and is performance what it was?

On unchanged data the signals and trades of the days that two nights share must be identical to the last bit;
the first difference is named, or explained by the data that changed under it. Performance is compared by two
tests with a stated rate of false alarms.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import polars as pl

from crypto_bt.backtest.bootstrap import optimal_block_days, resampled_days
from crypto_bt.backtest.return_matrix import NO_VARIATION, Floats, checked_series
from crypto_bt.core.errors import BacktestError

_KEYS: Final = ("strategy", "symbol")
#: In place of a field: the whole row is there in one night alone.
_ROW: Final = "row"
#: Datasets that speak of the whole market, so that a change in them explains a difference of any symbol.
_OF_THE_MARKET: Final = frozenset({"market_regime"})
#: A mean off by no more than this (in daily standard deviations) does not add up in the CUSUM.
_ALLOWANCE: Final = 0.25
_FEWEST_EARLIER: Final = 60
_FEWEST_RECENT: Final = 10


@dataclass(frozen=True, slots=True)
class Table:
    """A table that two nights share: one row a strategy, symbol and ``time``; ``fields`` must not change.
    A row rests on data up to the day of its ``reach``. Of trades that were still open (exit_reason) in the
    earlier night only ``entry_fields`` must not change."""

    name: str
    time: str
    reach: str
    fields: tuple[str, ...]
    entry_fields: tuple[str, ...] = ()


SIGNALS: Final = Table("signals", "open_time", "open_time", ("target",))
_ENTRY: Final = ("side", "entry_price", "quantity")
TRADES: Final = Table(
    "trades",
    "entry_time",
    "exit_time",
    (*_ENTRY, "exit_time", "exit_price", "exit_reason", "commission", "slippage", "funding", "net_pnl"),
    _ENTRY,
)


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """Data of one day (UTC) that the two nights' snapshots hold differently."""

    day: date
    symbol: str
    dataset: str


@dataclass(frozen=True, slots=True)
class Difference:
    """The first value that changed: ``before`` in the earlier night, ``after`` in the later one (for the
    field ``row``: whether it was there). ``cause``: the change of data that explains it, if any does."""

    table: str
    strategy: str
    symbol: str
    time: datetime
    field: str
    before: Any
    after: Any
    cause: Change | None

    def __str__(self) -> str:
        said = (
            f"{self.strategy}: {self.field} of {self.symbol} at {self.time:%Y-%m-%d %H:%M} in the "
            f"{self.table} was {_said(self.before)} and is now {_said(self.after)}"
        )
        if self.cause is None:
            return f"{said}, though no data that it rests on changed."
        return f"{said}, because {self.cause.dataset} of {self.cause.symbol} changed on {self.cause.day}."


@dataclass(frozen=True, slots=True)
class Comparison:
    """``rows`` compared, how many of them differ with and without a cause, and the first of either kind
    (by time, then strategy and symbol)."""

    rows: int
    explained: int
    unexplained: int
    first_explained: Difference | None
    first_unexplained: Difference | None


@dataclass(frozen=True, slots=True)
class PerformanceDrift:
    """Recent daily returns against those before. ``welch_t`` and ``cusum`` are the statistics, ``welch_p``
    and ``cusum_p`` how often chance alone gives as much; ``drifted``: either is below half of the rate of
    false alarms. Means are by day."""

    earlier_mean: float
    recent_mean: float
    welch_t: float
    welch_p: float
    cusum: float
    cusum_p: float
    drifted: bool

    def __str__(self) -> str:
        verdict = "drifted" if self.drifted else "within chance"
        return (
            f"Performance {verdict}: {self.recent_mean * 1e4:.1f} bp a day lately, "
            f"{self.earlier_mean * 1e4:.1f} before (p = {self.welch_p:.2g} Welch, {self.cusum_p:.2g} CUSUM)."
        )


def compare_nights(
    table: Table,
    before: pl.DataFrame,
    after: pl.DataFrame,
    *,
    strategies: Collection[str],
    symbols: Collection[str],
    since: datetime,
    until: datetime,
    changes: Collection[Change] = (),
    across: Collection[str] = (),
) -> Comparison:
    """Compare ``table`` of an earlier and a later night, exactly; a row in one night alone differs too.

    ``strategies`` and ``symbols``: those that both nights ran, with the same parameters. ``since``: the later
    of the two histories' starts; ``until`` (exclusive): the end of the earlier night's last bar on the
    table's timeframe. A difference has a cause where data of its symbol (for a strategy in ``across``, which
    sets symbols against each other: of any symbol; a change of a dataset of the whole market: always) changed
    on a day up to the row's own: look-back and compounding carry a change on without end. A symbol that
    joined or left the universe is, for those in ``across``, a change like any other. Raises BacktestError for
    two rows of the same strategy, symbol and time.
    """
    keys = [*_KEYS, table.time]
    wanted = (
        pl.col("strategy").is_in(list(strategies))
        & pl.col("symbol").is_in(list(symbols))
        & (pl.col(table.time) >= since)
        & (pl.col(table.time) < until)
    )
    columns = list(dict.fromkeys([*keys, *table.fields, table.reach]))
    sides = [
        night.filter(wanted).select(columns).with_columns(pl.lit(True).alias(_ROW))
        for night in (before, after)
    ]
    for side in sides:
        _refuse_twins(side, keys, table)
    values = [name for name in sides[0].columns if name not in keys]
    earlier = sides[0].rename({name: f"{name}|before" for name in values})
    later = sides[1].rename({name: f"{name}|after" for name in values})
    joined = earlier.join(later, on=keys, how="full", coalesce=True).sort(table.time, *_KEYS)
    differing = joined.filter(pl.any_horizontal(_differs(table, field) for field in (_ROW, *table.fields)))
    earliest = _Earliest.among(changes)
    causes = [earliest.under(row, table, across) for row in differing.iter_rows(named=True)]
    explained = [number for number, cause in enumerate(causes) if cause is not None]
    unexplained = [number for number, cause in enumerate(causes) if cause is None]

    def first(of: list[int]) -> Difference | None:
        return _difference(table, differing.slice(of[0], 1), causes[of[0]]) if of else None

    return Comparison(joined.height, len(explained), len(unexplained), first(explained), first(unexplained))


def performance_drift(
    earlier: Floats, recent: Floats, *, seed: int, false_alarms: float = 0.001, resamples: int = 4_000
) -> PerformanceDrift | None:
    """Are the ``recent`` daily returns (days,), say of 30 days, like the out-of-sample ones before them?

    Two statistics: Welch's t of the two means (Welch 1947), and a two-sided CUSUM over the recent days,
    max of max(0, S + |z| - 0.25) in either direction, z by mean and deviation of the earlier days (Page
    1954), which sees a break within the span. Both are held against the stationary bootstrap of all days
    pooled (Politis and Romano 1994), split as the real ones are, so that fat tails and dependence of days
    raise no alarm, and the error of the earlier mean is allowed for. An alarm when either p-value is at most
    ``false_alarms`` / 2: a night's alarm is then false with at most about that probability (Bonferroni).
    Neighbouring nights share their days, so that false alarms come in runs. 30 days show no more than a
    collapse: of losses of 0.5, 0.75 and 1 standard deviations every day the default sees 22, 70 and 97 %
    (simulated: normal returns, 500 earlier days).

    None below 60 earlier or 10 recent days, or where the earlier ones do not vary. Raises BacktestError for
    a rate outside (0, 1), too few resamples for it, or NaN.
    """
    if not 0.0 < false_alarms < 1.0 or (resamples + 1) * false_alarms < 2.0:
        raise BacktestError(
            f"A false alarm rate of {false_alarms} with {resamples} resamples.",
            "Give a rate between 0 and 1, and more than 2 / rate resamples.",
        )
    if len(earlier) < _FEWEST_EARLIER or len(recent) < _FEWEST_RECENT:
        return None
    pooled = checked_series(np.concatenate([earlier, recent]))
    if float(np.std(earlier, ddof=1)) <= NO_VARIATION:
        return None
    split = len(earlier)
    seen_t, seen_cusum = (float(one[0]) for one in _statistics(pooled[np.newaxis], split))
    block = float(optimal_block_days(pooled[np.newaxis])[0])
    at_or_above = np.zeros(2, dtype=np.int64)
    for chosen in resampled_days(len(pooled), block, resamples, seed):
        t, cusum = _statistics(pooled[chosen], split)
        at_or_above += (np.count_nonzero(np.abs(t) >= abs(seen_t)), np.count_nonzero(cusum >= seen_cusum))
    welch_p, cusum_p = ((1.0 + at_or_above) / (1.0 + resamples)).tolist()
    return PerformanceDrift(
        earlier_mean=float(np.mean(earlier)),
        recent_mean=float(np.mean(recent)),
        welch_t=seen_t,
        welch_p=welch_p,
        cusum=seen_cusum,
        cusum_p=cusum_p,
        drifted=min(welch_p, cusum_p) <= false_alarms / 2.0,
    )


def _statistics(series: Floats, split: int) -> tuple[Floats, Floats]:
    """Welch's t and the CUSUM of each row of ``series`` (rows, days); the recent days begin at ``split``."""
    earlier, recent = series[:, :split], series[:, split:]
    mean, deviation = earlier.mean(axis=1), earlier.std(axis=1, ddof=1)
    error = np.sqrt(deviation**2 / split + recent.var(axis=1, ddof=1) / recent.shape[1])
    varies = deviation > NO_VARIATION
    t, scale = np.zeros(len(series)), np.ones(len(series))
    np.divide(recent.mean(axis=1) - mean, error, out=t, where=varies)
    np.divide(1.0, deviation, out=scale, where=varies)
    z = (recent - mean[:, np.newaxis]) * scale[:, np.newaxis]
    cusum = np.zeros(len(series))
    for side in (z, -z):
        risen = np.cumsum(np.pad(side - _ALLOWANCE, ((0, 0), (1, 0))), axis=1)
        # max(0, S + z - k) day by day is the rise of the plain sum from its lowest point so far.
        np.maximum(cusum, (risen - np.minimum.accumulate(risen, axis=1)).max(axis=1), out=cusum)
    return t, np.where(varies, cusum, 0.0)


def _differs(table: Table, field: str) -> pl.Expr:
    differs = pl.col(f"{field}|before").ne_missing(pl.col(f"{field}|after"))
    if not table.entry_fields or field in (_ROW, *table.entry_fields):
        return differs
    return differs & (pl.col("exit_reason|before") != "open")


@dataclass(frozen=True, slots=True)
class _Earliest:
    """The earliest change of each symbol, of the whole market's datasets, and of all."""

    of_symbol: dict[str, Change]
    of_market: Change | None
    of_all: Change | None

    @classmethod
    def among(cls, changes: Collection[Change]) -> "_Earliest":
        ordered = sorted(changes)
        of_symbol = {change.symbol: change for change in reversed(ordered)}
        of_market = next((change for change in ordered if change.dataset in _OF_THE_MARKET), None)
        return cls(of_symbol, of_market, ordered[0] if ordered else None)

    def under(self, row: dict[str, Any], table: Table, across: Collection[str]) -> Change | None:
        """The earliest change that the values of ``row`` rest on."""
        names = (
            [table.time]
            if table.reach == table.time
            else [f"{table.reach}|{night}" for night in ("before", "after")]
        )
        last = max(row[name] for name in names if row[name] is not None).date()
        own = self.of_all if row["strategy"] in across else self.of_symbol.get(row["symbol"])
        felt = (change for change in (own, self.of_market) if change is not None and change.day <= last)
        return min(felt, default=None)


def _difference(table: Table, line: pl.DataFrame, cause: Change | None) -> Difference:
    field = next(field for field in (_ROW, *table.fields) if line.select(_differs(table, field)).item())
    row = line.row(0, named=True)
    before, after = row[f"{field}|before"], row[f"{field}|after"]
    if field == _ROW:
        before, after = bool(before), bool(after)
    return Difference(
        table.name, row["strategy"], row["symbol"], row[table.time], field, before, after, cause
    )


def _refuse_twins(side: pl.DataFrame, keys: list[str], table: Table) -> None:
    twins = side.filter(pl.struct(keys).is_duplicated())
    if not twins.is_empty():
        strategy, symbol, time = twins.select(keys).row(0)
        raise BacktestError(
            f"The {table.name} of {strategy} hold {symbol} at {time:%Y-%m-%d %H:%M} more than once.",
            "Give one night's table of one parameter set.",
        )


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "there" if value else "missing"
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
