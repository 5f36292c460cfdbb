"""What differs between two runs: what went in (from their stamps), and what came out (figures, trades)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from crypto_bt.report.figures import known
from crypto_bt.report.scorecard import PORTFOLIO

#: Parts of a stamp that went in, and under which heading a person looks for them.
_INPUTS: Final[Mapping[str, str]] = {
    "night": "night",
    "cutoff": "night",
    "history_start": "night",
    "snapshot": "snapshot",
    "symbols": "snapshot",
    "left_out": "snapshot",
    "symbols_without_funding": "snapshot",
    "order_rules_unknown": "snapshot",
    "code_version": "code",
    "libraries": "code",
    "schema_version": "code",
    "benchmark": "settings",
    "costs": "settings",
    "walk_forward": "settings",
    "execution": "settings",
    "trials": "settings",
    "trials_doubt": "settings",
    "seed": "settings",
    "initial_capital": "settings",
}
#: The same of each strategy.
_OF_STRATEGY: Final[Mapping[str, str]] = {
    "content": "code",
    "parameters": "settings",
    "parameter_sets": "settings",
    "timeframe": "settings",
    "needs": "settings",
    "warm_up": "settings",
    "in_charge": "chosen",
    "error": "failed",
}
_KEY: Final = ("strategy", "symbol", "entry_time")
_FIELDS: Final = (
    "side", "entry_price", "quantity", "exit_time", "exit_price", "exit_reason", "commission", "slippage",
    "funding", "net_pnl",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class InputChange:
    """``name`` of what went in, such as costs.taker_bps; None where a run does not have it. ``kind``: night,
    snapshot, code, settings, chosen (the set in charge) or failed."""

    kind: str
    name: str
    before: Any
    after: Any

    @property
    def belongs_to(self) -> str:
        """The part of the stamp that it is in, such as costs, or trend.parameters of a strategy."""
        parts = self.name.split(".")
        return parts[0] if parts[0] in _INPUTS else ".".join(parts[:2])


@dataclass(frozen=True, slots=True)
class FigureChange:
    """A figure of a strategy's portfolio that is not the same; None where there is none. The figure
    ``verdict`` is a word, all others are numbers."""

    strategy: str
    figure: str
    before: float | str | None
    after: float | str | None


@dataclass(frozen=True, slots=True)
class TradeDifference:
    """The first trade that is not the same, by entry time, strategy and symbol.

    ``field`` is the first column that differs, or ``trade`` where one run alone has it: then ``before`` and
    ``after`` say which.
    """

    strategy: str
    symbol: str
    entry_time: datetime
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class TradesCompared:
    """Trades of the strategies that both runs have: how many are equal, differ, and are in one run alone."""

    same: int
    different: int
    only_before: int
    only_after: int
    first: TradeDifference | None


@dataclass(frozen=True, slots=True)
class RunDifferences:
    """All of it; ``only_before`` and ``only_after`` are strategies that one run alone has."""

    inputs: tuple[InputChange, ...]
    figures: tuple[FigureChange, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    trades: TradesCompared

    @property
    def same_results(self) -> bool:
        """Whether every figure and trade of one run is that of the other."""
        compared = self.trades
        return not (
            self.figures
            or self.only_before
            or self.only_after
            or compared.different
            or compared.only_before
            or compared.only_after
        )


def differences(
    before: tuple[Mapping[str, Any], pl.DataFrame, pl.DataFrame],
    after: tuple[Mapping[str, Any], pl.DataFrame, pl.DataFrame],
) -> RunDifferences:
    """Compare two runs, each as (stamp, metrics, trades)."""
    strategies = [set(metrics["strategy"].unique()) for _, metrics, _ in (before, after)]
    common = strategies[0] & strategies[1]
    return RunDifferences(
        inputs=tuple(input_changes(before[0], after[0])),
        figures=tuple(figure_changes(before, after, common)),
        only_before=tuple(sorted(strategies[0] - common)),
        only_after=tuple(sorted(strategies[1] - common)),
        trades=compare_trades(before[2], after[2], common),
    )


def input_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[InputChange]:
    """What went into the two runs and is not the same, in the order of the headings above."""
    sides = [dict(_inputs(stamp)) for stamp in (before, after)]
    names = list(dict.fromkeys([*sides[0], *sides[1]]))
    order = list(dict.fromkeys([*_INPUTS.values(), *_OF_STRATEGY.values()]))
    changed = [name for name in names if sides[0].get(name) != sides[1].get(name)]
    for kind, name in sorted(changed, key=lambda key: order.index(key[0])):
        yield InputChange(kind, name, sides[0].get((kind, name)), sides[1].get((kind, name)))


def figure_changes(
    before: tuple[Mapping[str, Any], pl.DataFrame, Any],
    after: tuple[Mapping[str, Any], pl.DataFrame, Any],
    strategies: set[str],
) -> Iterator[FigureChange]:
    """Verdicts and figures of the portfolios that differ, in order of strategy and column."""
    rows = [_portfolios(metrics) for _, metrics, _ in (before, after)]
    verdicts = [_verdicts(stamp) for stamp, _, _ in (before, after)]
    for strategy in sorted(strategies):
        words = [side.get(strategy) for side in verdicts]
        if words[0] != words[1]:
            yield FigureChange(strategy, "verdict", *words)
        own = [side[strategy] for side in rows]
        for figure in (name for name in own[0] if name in own[1]):
            values = [_comparable(side[figure]) for side in own]
            if values[0] != values[1]:
                yield FigureChange(strategy, figure, *values)


def compare_trades(before: pl.DataFrame, after: pl.DataFrame, strategies: set[str]) -> TradesCompared:
    """Match trades by strategy, symbol and entry time."""
    fields: list[str] = [name for name in _FIELDS if name in before.columns and name in after.columns]
    sides = [
        trades.filter(pl.col("strategy").is_in(list(strategies))).select(
            *_KEY, *fields, there=pl.lit(True), again=pl.int_range(pl.len()).over(_KEY)
        )
        for trades in (before, after)
    ]
    both = sides[0].join(sides[1], on=[*_KEY, "again"], how="full", coalesce=True, suffix="|after")
    here, there = pl.col("there").is_not_null(), pl.col("there|after").is_not_null()
    equal = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}|after")) for name in fields)
    marked = both.with_columns(
        what=pl.when(~here).then(pl.lit("only_after")).when(~there).then(pl.lit("only_before"))
        .when(equal).then(pl.lit("same")).otherwise(pl.lit("different"))
    )  # fmt: skip
    counts = dict(marked.group_by("what").len().iter_rows())
    rest = marked.filter(pl.col("what") != "same").sort("entry_time", "strategy", "symbol").head(1).to_dicts()
    return TradesCompared(
        same=counts.get("same", 0),
        different=counts.get("different", 0),
        only_before=counts.get("only_before", 0),
        only_after=counts.get("only_after", 0),
        first=_first(rest[0], fields) if rest else None,
    )


def _first(row: Mapping[str, Any], fields: list[str]) -> TradeDifference:
    place = row["strategy"], row["symbol"], row["entry_time"]
    if row["what"] != "different":
        return TradeDifference(*place, "trade", row["what"] == "only_before", row["what"] == "only_after")
    field = next(name for name in fields if row[name] != row[f"{name}|after"])
    return TradeDifference(*place, field, row[field], row[f"{field}|after"])


def _inputs(stamp: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    for name, kind in _INPUTS.items():
        for path, value in _leaves(name, stamp.get(name)):
            yield (kind, path), value
    for entry in stamp["strategies"]:
        for name, kind in _OF_STRATEGY.items():
            for path, value in _leaves(f"{entry['name']}.{name}", entry.get(name)):
                yield (kind, path), value


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The plain values in ``value``, named by their path; lists of names are there or not."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}", inner)
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield from ((f"{name}.{item}", True) for item in value)
    else:
        yield name, json.loads(json.dumps(value))


def _portfolios(metrics: pl.DataFrame) -> dict[str, dict[str, Any]]:
    rows = metrics.filter(pl.col("symbol") == PORTFOLIO).drop("symbol").to_dicts()
    return {row.pop("strategy"): row for row in rows}


def _verdicts(stamp: Mapping[str, Any]) -> dict[str, str | None]:
    return {entry["name"]: (entry.get("verdict") or {}).get("decision") for entry in stamp["strategies"]}


def _comparable(value: Any) -> float | str | None:
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime) else known(value)
