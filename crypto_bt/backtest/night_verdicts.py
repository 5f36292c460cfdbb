"""What the checks of a night decide, from its stamp and its tables."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import polars as pl

from crypto_bt.backtest.drift import SIGNALS, TRADES, Change, Table, compare_nights, performance_drift
from crypto_bt.backtest.gates import Decision
from crypto_bt.core.verdict import Severity, Verdict, some

RECENT_DAYS: Final = 30
#: Running windows round their last digit by where they began, and at a tie that decides a target: fewer than
#: this share of targets that differ are that, more are memory.
ROUNDED: Final = 0.001
RUN_AGAIN: Final = "crypto-bt backtest"


@dataclass(frozen=True)
class NightTables:
    """One night as another one is compared with it: stamp, trades, targets, and equity."""

    stamp: Mapping[str, Any]
    trades: pl.DataFrame
    targets: pl.DataFrame
    equity: pl.DataFrame


def gates(stamp: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> Verdict:
    """Fails where a verdict could not be computed, and where a strategy fell from promote; both warn.

    ``earlier`` are the stamps of the nights before, oldest first: a night without a verdict hides no fall.
    """
    verdicts = {entry["name"]: entry["verdict"] for entry in stamp["strategies"] if entry.get("verdict")}
    unknown = [
        f"{name} ({verdict['reason'].rstrip('.')})"
        for name, verdict in verdicts.items()
        if verdict["decision"] == Decision.NOT_COMPUTED
    ]
    before = {
        entry["name"]: entry["verdict"]["decision"]
        for night in earlier
        for entry in night["strategies"]
        if entry.get("verdict") and entry["verdict"]["decision"] != Decision.NOT_COMPUTED
    }
    fallen = [
        f"{name}: {verdict['reason'].rstrip('.')}"
        for name, verdict in verdicts.items()
        if before.get(name) == Decision.PROMOTE and verdict["decision"] in (Decision.WATCH, Decision.RETIRE)
    ]
    counts = {
        decision.value.replace(" ", "_"): sum(v["decision"] == decision for v in verdicts.values())
        for decision in Decision
    }
    if fallen:
        what = f"No longer promoted: {some(fallen)}."
        return Verdict(False, what, Severity.WARN, figures=counts)
    if unknown:
        what = f"{len(unknown)} of {len(verdicts)} verdicts could not be computed: {some(unknown)}."
        return Verdict(False, what, Severity.WARN, figures=counts)
    found = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items() if number)
    return Verdict(True, f"Verdicts: {found or 'none asked for'}.", figures=counts)


def no_lookahead(stamp: Mapping[str, Any]) -> Verdict:
    """Fails where the targets of the past change with data of later days."""
    examined = [entry for entry in stamp["strategies"] if "lookahead" in entry]
    leaks = [entry["lookahead"] for entry in examined if entry["lookahead"]]
    figures = {"strategies": len(examined), "leaks": len(leaks)}
    if leaks:
        return Verdict(False, " ".join(leaks), Severity.ERROR, figures=figures)
    return Verdict(
        True,
        f"No target of {len(examined)} strategies changed with data of later days (truncated and compared).",
        figures=figures,
    )


def warm_up(stamp: Mapping[str, Any]) -> Verdict:
    """Warns where a longer history changes targets that the declared warm-up lets count."""
    found = {
        entry["name"]: entry["warm_up_analysis"] for entry in stamp["strategies"] if "lookahead" in entry
    }
    unsettled = {
        name: analysis
        for name, analysis in found.items()
        if analysis["unsettled"] > ROUNDED * analysis["compared"]
    }
    figures = {"strategies": len(found), "unsettled": len(unsettled)}
    if unsettled:
        what = " ".join(analysis["text"] for analysis in unsettled.values())
        return Verdict(False, what, Severity.WARN, figures=figures)
    return Verdict(
        True, f"The targets of {len(found)} strategies settle within their warm-up.", figures=figures
    )


def drift(now: NightTables, before: NightTables | None, changes: Collection[Change]) -> Verdict:
    """Fails where the same days give other targets or trades without a change of data that explains it.

    ``changes`` are the data of the days both nights know that the two snapshots hold differently. Any
    symbol's change may explain any difference: the parameters are chosen on all symbols together.
    """
    if before is None:
        return Verdict(True, "There is no earlier night to compare with.")
    comparable = comparable_strategies(now.stamp, before.stamp)
    if comparable is None:
        return Verdict(True, "Not compared with the night before: the code, costs or capital are others.")
    if not comparable:
        return Verdict(True, "Not compared with the night before: no strategy has the same parameters.")
    if set(now.stamp["symbols"]) != set(before.stamp["symbols"]):
        return Verdict(
            True, "Not compared with the night before: the symbols, and so each one's capital, differ."
        )
    until = overlap_end(before.stamp)
    compared = explained = 0
    unexplained: list[str] = []
    for table, earlier, later in _sides(before, now):
        since = max((_first(side, table.time) for side in (earlier, later) if len(side)), default=until)
        found = compare_nights(
            table, earlier, later, strategies=comparable, symbols=now.stamp["symbols"],
            since=since, until=until, changes=changes, across=comparable,
        )  # fmt: skip
        compared += found.rows
        explained += found.explained
        if found.first_unexplained is not None:
            unexplained.append(f"{found.first_unexplained} ({found.unexplained} of {found.rows} rows)")
    figures = {"compared": compared, "explained": explained, "unexplained": len(unexplained)}
    if unexplained:
        return Verdict(False, " ".join(unexplained), Severity.ERROR, RUN_AGAIN, figures)
    drifted = _drifted(now)
    if drifted:
        return Verdict(False, f"Performance drifted: {some(drifted)}", Severity.WARN, figures=figures)
    why = f", {explained} changed with their data" if explained else ""
    return Verdict(
        True, f"{compared:,} targets and trades of the night before came out the same{why}.", figures=figures
    )


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


def _sides(before: NightTables, now: NightTables) -> Sequence[tuple[Table, pl.DataFrame, pl.DataFrame]]:
    return ((SIGNALS, before.targets, now.targets), (TRADES, before.trades, now.trades))


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


def overlap_end(before: Mapping[str, Any]) -> datetime:
    """The start of the earlier night's own day, by its stamp: that day's last bars were still to come."""
    cutoff = datetime.fromisoformat(before["cutoff"])
    return cutoff.replace(hour=0, minute=0, second=0, microsecond=0)
