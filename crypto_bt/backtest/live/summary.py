"""The pairs' differences summed up: by symbol and in all, with the range in which the true mean lies."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest.bootstrap_intervals import Interval

Floats = NDArray[np.float64]
FIGURES: Final = ("entry", "exit", "commission", "funding")
#: Days below which no range is given: a day's trades fell on the same market and count together.
FEWEST_DAYS: Final = 10
_CONFIDENCE: Final = 0.95
_RESAMPLES: Final = 2_000
_NO_SPREAD: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Mean:
    """Of ``n`` values on ``days`` UTC days: mean, median, range of the true mean; None where too few."""

    n: int
    days: int
    mean: float | None
    median: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Difference:
    """``live`` and ``model``: means in basis points over the same pairs; ``difference``: live - model."""

    live: float | None
    model: float | None
    difference: Mean


@dataclass(frozen=True, slots=True)
class MeasuredSlippage:
    """``live``: what market orders slipped by, in basis points of the price; ``model``: what the backtest
    took for the same fills, on average."""

    live: Mean
    model: float | None


@dataclass(frozen=True, slots=True)
class SymbolDifferences:
    """One symbol's pairs (or all, ``symbol`` None), how many left at the same time, and each figure.

    ``quantity`` is the median of live over backtest quantity, divided by that of all pairs of the strategy,
    so 1.0 is what the account's size makes of it.
    """

    symbol: str | None
    pairs: int
    same_exits: int
    quantity: float | None
    figures: dict[str, Difference]


def summarize(pairs: pl.DataFrame, seed: int) -> list[SymbolDifferences]:
    """All pairs first, then each symbol's; ``pairs`` has ``quantity_scaled`` beside PAIRS_SCHEMA."""
    symbols = pairs["symbol"].unique().sort().to_list()
    parts = [(None, pairs), *((symbol, pairs.filter(pl.col("symbol") == symbol)) for symbol in symbols)]
    return [
        SymbolDifferences(
            symbol=symbol,
            pairs=part.height,
            same_exits=int(part["same_exit"].sum()),
            quantity=_float(part["quantity_scaled"].median()),
            figures={name: _difference(part, name, seed) for name in FIGURES},
        )
        for symbol, part in parts
    ]


def measured_slippage(pairs: pl.DataFrame, seed: int) -> MeasuredSlippage:
    """Slippage of every fill that was a market order live and in the backtest, in basis points of the price.

    Entries, and exits where both left at the same time by a signal, a stop or a time stop; orders that live
    filled as maker do not count.
    """
    parts = [
        pairs.filter(f"{end}_market").select(
            "entry_time", live=pl.col(f"{end}_live"), model=pl.col(f"{end}_model")
        )
        for end in ("entry", "exit")
    ]
    fills = pl.concat(parts)
    measured = _mean(fills["live"].to_numpy(), _days(fills), seed)
    return MeasuredSlippage(measured, _float(fills["model"].mean()))


def mean_interval(
    values: Floats, days: NDArray[np.int64], *, seed: int, confidence: float = _CONFIDENCE
) -> Interval | None:
    """The range in which the true mean of ``values`` (n,) lies; None below :data:`FEWEST_DAYS` days.

    Values of one day are not independent, so whole ``days`` (n,) are resampled. Studentised bootstrap of
    clusters (Cameron, Gelbach and Miller, 2008): each resample's distance from the mean in its own standard
    errors, those of a ratio of sums over clusters (Cochran, Sampling Techniques, 1977, section 6.3).
    """
    _, places = np.unique(days, return_inverse=True)
    sums = np.bincount(places, weights=values).astype(np.float64)
    counts: Floats = np.bincount(places).astype(np.float64)
    if len(sums) < FEWEST_DAYS:
        return None
    mean, error = (float(figure[0]) for figure in _ratios(sums[np.newaxis], counts[np.newaxis]))
    if error <= _NO_SPREAD:
        return Interval(mean, mean, confidence)
    chosen = np.random.default_rng(seed).integers(0, len(sums), (_RESAMPLES, len(sums)))
    means, errors = _ratios(sums[chosen], counts[chosen])
    defined = errors > _NO_SPREAD
    distances = (means[defined] - mean) / errors[defined]
    tail = (1.0 - confidence) / 2.0
    lowest, highest = np.quantile(distances, [tail, 1.0 - tail]).tolist()
    return Interval(mean - highest * error, mean - lowest * error, confidence)


def _ratios(sums: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Mean and its standard error of each row of clusters (rows, clusters)."""
    clusters = sums.shape[1]
    total = counts.sum(axis=1)
    means = sums.sum(axis=1) / total
    residuals = sums - means[:, np.newaxis] * counts
    spread = np.square(residuals).sum(axis=1) * clusters / (clusters - 1)
    return means, np.sqrt(spread) / total


def _difference(pairs: pl.DataFrame, figure: str, seed: int) -> Difference:
    known = pairs.select(
        "entry_time", live=pl.col(f"{figure}_live"), model=pl.col(f"{figure}_model")
    ).drop_nulls()
    apart = (known["live"] - known["model"]).to_numpy()
    return Difference(
        _float(known["live"].mean()), _float(known["model"].mean()), _mean(apart, _days(known), seed)
    )


def _mean(values: Floats, days: NDArray[np.int64], seed: int) -> Mean:
    if not len(values):
        return Mean(0, 0, None, None, None)
    return Mean(
        n=len(values),
        days=len(np.unique(days)),
        mean=float(values.mean()),
        median=float(np.median(values)),
        interval=mean_interval(values, days, seed=seed),
    )


def _days(rows: pl.DataFrame) -> NDArray[np.int64]:
    return rows["entry_time"].dt.epoch("d").cast(pl.Int64).to_numpy()


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
