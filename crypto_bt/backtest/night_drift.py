"""What the check ``drift`` decides: does a night say of the past what the night before said of it?"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
import polars as pl

from crypto_bt.backtest.drift import (
    SIGNALS,
    TRADES,
    Change,
    Comparison,
    Table,
    compare_nights,
    performance_drift,
)
from crypto_bt.backtest.needs import NEEDS
from crypto_bt.core.verdict import Severity, Verdict, some

RECENT_DAYS: Final = 30
RUN_AGAIN: Final = "crypto-bt backtest"
#: Above this share of rows that changed with their data, somebody should look at the data.
EXPLAINED: Final = 0.10
#: Where the symbols, and so each one's capital, differ: orders are rounded to other lots, or too small, and a
#: scaled-out trade's mean exit moves; more than this share of trades that left otherwise is not that.
ROUNDED: Final = 0.05
#: Of trades that both nights have, what does not depend on the capital, orders' rounding aside.
FILLS: Final = Table(
    "trades",
    "entry_time",
    "exit_time",
    ("side", "entry_price", "exit_time", "exit_price", "exit_reason"),
    ("side", "entry_price"),
)
#: The data that every strategy rests on, beside what it needs.
_OF_ALL: Final = ("candles_", "funding_rates", "mark_price_1h")
_TRADE_KEYS: Final = ("strategy", "symbol", "entry_time")


@dataclass(frozen=True)
class NightTables:
    """One night as another one is compared with it: stamp, trades, targets, equity, and the windows of the
    walk-forward, if they are known."""

    stamp: Mapping[str, Any]
    trades: pl.DataFrame
    targets: pl.DataFrame
    equity: pl.DataFrame
    windows: pl.DataFrame | None = None


@dataclass
class _Found:
    """What the comparison of several tables and strategies came to."""

    rows: int = 0
    explained: int = 0
    sentences: list[str] = field(default_factory=list)

    def add(self, found: Comparison, *, forgiven: float = 0.0) -> None:
        self.rows += found.rows
        self.explained += found.explained
        if found.first_unexplained is not None and found.unexplained > forgiven * found.rows:
            told = f"{found.first_unexplained} ({found.unexplained} of {found.rows} rows)"
            self.sentences.append(told)


def drift(now: NightTables, before: NightTables | None, changes: Collection[Change]) -> Verdict:
    """Fails where the same days give other targets or trades without a change of data that explains it.

    ``changes`` are the data of the days both nights know that the two snapshots hold differently. A change
    explains what differs of its own symbol; of any symbol for a strategy that sets symbols against each other
    and for one whose choice of parameters it changed, as they are chosen on all symbols together. A dataset
    that a strategy does not need explains nothing of it. Where the nights have other symbols, the strategies
    that look at one symbol at a time and kept their choice are compared on the symbols of both.
    """
    if before is None:
        return Verdict(True, "There is no earlier night to compare with.")
    comparable = comparable_strategies(now.stamp, before.stamp)
    if comparable is None:
        return Verdict(True, "Not compared with the night before: the code, costs or capital are others.")
    if not comparable:
        return Verdict(True, "Not compared with the night before: no strategy has the same parameters.")
    spread = {name for name in comparable if _works_across(now, name) or _chose_otherwise(now, before, name)}
    ours, theirs = set(now.stamp["symbols"]), set(before.stamp["symbols"])
    symbols, beside = sorted(ours & theirs), ""
    if ours != theirs:
        lost = f"; not comparable then: {some(sorted(spread))}" if spread else ""
        beside = (
            f" On {len(symbols)} common symbols (in one night alone: {some(sorted(ours ^ theirs))}{lost})."
        )
        comparable = [name for name in comparable if name not in spread]
        if not comparable or not symbols:
            return Verdict(True, f"Not compared with the night before.{beside}")
    found = _Found()
    until = overlap_end(before.stamp)
    for name in comparable:
        own = [change for change in changes if _rests_on(now, name, change)]
        for table, earlier, later in _sides(before, now, name, ours == theirs):
            since = max((_first(side, table.time) for side in (earlier, later) if len(side)), default=until)
            compared = compare_nights(
                table, earlier, later, strategies=[name], symbols=symbols, since=since, until=until,
                changes=own, across=[name] if name in spread else [],
            )  # fmt: skip
            found.add(compared, forgiven=ROUNDED if table is FILLS else 0.0)
    return _decided(now, found, beside)


def _decided(now: NightTables, found: _Found, beside: str) -> Verdict:
    unexplained = found.sentences
    figures = {"compared": found.rows, "explained": found.explained, "unexplained": len(unexplained)}
    if unexplained:
        return Verdict(False, " ".join(unexplained) + beside, Severity.ERROR, RUN_AGAIN, figures)
    drifted = _drifted(now)
    if drifted:
        return Verdict(False, f"Performance drifted: {some(drifted)}", Severity.WARN, figures=figures)
    if found.explained > EXPLAINED * found.rows:
        what = (
            f"{found.explained:,} of {found.rows:,} targets and trades of the night before changed with "
            f"their data, more than {EXPLAINED:.0%}: so many that no other change would be seen.{beside}"
        )
        return Verdict(False, what, Severity.WARN, figures=figures)
    why = f", {found.explained:,} changed with their data" if found.explained else ""
    what = f"{found.rows:,} targets and trades of the night before came out the same{why}.{beside}"
    return Verdict(True, what, figures=figures)


def comparable_strategies(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str] | None:
    """Strategies that both nights ran in the same way; None where nothing can be compared."""
    same = ("code_version", "costs", "walk_forward", "execution", "initial_capital", "history_start")
    if any(now.get(name) != before.get(name) for name in same):
        return None
    alike = ("parameters", "parameter_sets", "content", "error")
    earlier = {entry["name"]: entry for entry in before["strategies"]}
    return [
        entry["name"]
        for entry in now["strategies"]
        if not entry["error"]
        and entry["name"] in earlier
        and all(entry.get(name) == earlier[entry["name"]].get(name) for name in alike)
    ]


def overlap_end(before: Mapping[str, Any]) -> datetime:
    """The start of the earlier night's own day, by its stamp: that day's last bars were still to come."""
    cutoff = datetime.fromisoformat(before["cutoff"])
    return cutoff.replace(hour=0, minute=0, second=0, microsecond=0)


def _works_across(now: NightTables, name: str) -> bool:
    """Whether its targets of one symbol depend on the others; so it is taken where that was not examined."""
    return bool(_entry(now, name).get("across_symbols", True))


def _chose_otherwise(now: NightTables, before: NightTables, name: str) -> bool:
    """Whether a window that both nights know has another parameter set in charge, or that is not known."""
    if now.windows is None or before.windows is None:
        return True
    chosen = [
        night.filter(pl.col("strategy") == name).select("test_start", "parameter_set")
        for night in (before.windows, now.windows)
    ]
    both = chosen[0].join(chosen[1], on="test_start", suffix="_now")
    return both.filter(pl.col("parameter_set").ne_missing(pl.col("parameter_set_now"))).height > 0


def _rests_on(now: NightTables, name: str, change: Change) -> bool:
    """Whether the strategy's targets or trades depend on the dataset of ``change``."""
    needs: Iterable[str] | None = _entry(now, name).get("needs")
    needed = {NEEDS[need].dataset for need in needs or () if need in NEEDS}
    return needs is None or change.dataset.startswith(_OF_ALL) or change.dataset in needed


def _entry(night: NightTables, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(one for one in night.stamp["strategies"] if one["name"] == name)
    return found


def _sides(
    before: NightTables, now: NightTables, name: str, alike: bool
) -> Sequence[tuple[Table, pl.DataFrame, pl.DataFrame]]:
    """What is compared of one strategy; of nights that are not ``alike`` in their symbols only the trades
    that both have, by what does not depend on the capital."""
    targets, trades = (
        [side.filter(pl.col("strategy") == name) for side in sides]
        for sides in ((before.targets, now.targets), (before.trades, now.trades))
    )
    if alike:
        return (SIGNALS, targets[0], targets[1]), (TRADES, trades[0], trades[1])
    common = [one.join(other, on=_TRADE_KEYS, how="semi") for one, other in (trades, trades[::-1])]
    return (SIGNALS, targets[0], targets[1]), (FILLS, common[0], common[1])


def _drifted(now: NightTables) -> list[str]:
    found = []
    for (name,), rows in now.equity.sort("strategy", "time").group_by("strategy", maintain_order=True):
        equity = rows["equity"].to_numpy()
        returns = np.diff(equity) / equity[:-1]
        if name == now.stamp["benchmark"] or len(returns) < 3 * RECENT_DAYS or not (equity > 0.0).all():
            continue
        drifted = performance_drift(
            returns[:-RECENT_DAYS], returns[-RECENT_DAYS:], seed=int(now.stamp["seed"])
        )
        if drifted is not None and drifted.drifted:
            found.append(f"{name}: {drifted}")
    return found


def _first(rows: pl.DataFrame, time: str) -> datetime:
    first: datetime = rows.select(pl.col(time).min()).item()
    return first
