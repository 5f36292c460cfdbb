"""Rows of the night's page that are put together from the night's tables, by strategy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from crypto_bt.backtest.monthly import monthly_returns
from crypto_bt.report.figures import names, percent

Rows = list[dict[str, Any]]

#: As many of the parameter sets as are shown, the best in sample first.
SETS_SHOWN: Final = 5
SIDES: Final = {1: "long", -1: "short", 0: "flat"}


@dataclass(frozen=True, slots=True)
class Year:
    """One line of the table of months: None for a month without a day; ``whole`` is the year's return."""

    year: int
    months: tuple[float | None, ...]
    whole: float


def by_strategy(
    frame: pl.DataFrame, order: list[str], *, descending: bool, at_most: int | None = None
) -> dict[str, Rows]:
    """Rows by strategy, sorted, the first ``at_most`` of each."""
    ordered = frame.sort(order, descending=descending, nulls_last=True, maintain_order=True)
    parts = ordered.partition_by("strategy", as_dict=True)
    return {
        str(key[0]): (part.head(at_most) if at_most else part).to_dicts()
        for key, part in sorted(parts.items(), key=lambda item: str(item[0][0]))
    }


def months(equity: pl.DataFrame) -> dict[str, list[Year]]:
    """Returns by calendar month of each strategy, the newest year first."""
    found: dict[str, list[Year]] = {}
    for (name,), curve in equity.sort("strategy", "time").group_by("strategy", maintain_order=True):
        years: dict[int, dict[int, float]] = {}
        for year, month, value in monthly_returns(curve).iter_rows():
            years.setdefault(year, {})[month] = value
        found[str(name)] = [
            Year(year, tuple(own.get(month) for month in range(1, 13)), _compounded(own))
            for year, own in sorted(years.items(), reverse=True)
        ]
    return dict(sorted(found.items()))


def windows_with_sets(windows: pl.DataFrame | None, sets: pl.DataFrame | None) -> dict[str, Rows]:
    """The windows of the walk-forward, the newest first, each with the ``signals`` and ``exits`` of the set
    that was chosen; empty where the history was too short for one, or the night is from before."""
    if windows is None:
        return {}
    names_of = ["strategy", "parameter_set", "signals", "exits"]
    described = pl.DataFrame(schema=dict.fromkeys(names_of, pl.String)) if sets is None else sets
    key = pl.col("parameter_set").cast(pl.Int64)
    told = windows.with_columns(key).join(
        described.select(names_of).with_columns(key),
        on=["strategy", "parameter_set"],
        how="left",
    )
    return by_strategy(told, ["test_start"], descending=True)


def best_sets(sets: pl.DataFrame | None) -> dict[str, Rows]:
    """The sets with the highest Sharpe ratio in sample, of strategies that had a choice."""
    if sets is None:
        return {}
    choice = sets.filter(pl.len().over("strategy") > 1)
    return by_strategy(choice, ["sharpe"], descending=True, at_most=SETS_SHOWN)


def held_signals(signals: pl.DataFrame) -> dict[str, list[tuple[str, str]]]:
    """The current targets of each strategy as (side, symbols), a target that is not whole with its share."""
    return {
        name: [(SIDES[side], told) for side in SIDES if (told := _on_side(rows, side))]
        for name, rows in by_strategy(signals, ["symbol"], descending=False).items()
    }


def in_words(in_charge: Mapping[str, object]) -> str:
    """A parameter set in a line: ``window 180, entry 2, exits: stop loss 0.1``."""
    signal = [f"{name} {_value(value)}" for name, value in in_charge.items() if name != "exits"]
    exits = str(in_charge.get("exits", "")).replace("_", " ")
    return ", ".join([text.replace("_", " ") for text in signal] + ([f"exits: {exits}"] if exits else []))


def _on_side(rows: Rows, side: int) -> str:
    own = [row for row in rows if (row["target"] > 0) - (row["target"] < 0) == side]
    return names([_target(row["symbol"], row["target"]) for row in own], len(own))


def _target(symbol: str, target: float) -> str:
    share = abs(target)
    return symbol if share in (0.0, 1.0) else f"{symbol} {percent(share, signed=False, digits=0)}"


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _compounded(months: dict[int, float]) -> float:
    whole = 1.0
    for _, value in sorted(months.items()):
        whole *= 1.0 + value
    return whole - 1.0
