"""What became of the strategies: the night's headline, its gates as a table, and each verdict's word."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from crypto_bt.backtest.gates import Decision, GateOutcome
from crypto_bt.report.figures import DASH, count, names, percent, ratio
from crypto_bt.report.stamp import Run, Stamp

#: As much of a list of strategies as a headline carries.
NAMED: Final = 4


def _plain_percent(value: object) -> str:
    return percent(value, signed=False)


#: By gate: its name, which side of the limit passes, how its figures are written.
_GATES: Final[dict[str, tuple[str, str, Callable[[object], str]]]] = {
    "sharpe": ("Sharpe ratio", "at least", ratio),
    "max_drawdown": ("drawdown", "at most", _plain_percent),
    "win_rate": ("win rate", "at least", _plain_percent),
    "profit_factor": ("profit factor", "at least", ratio),
    "consecutive_losses": ("losses in a row", "at most", count),
    "trades": ("closed trades", "at least", count),
    "days": ("days", "at least", count),
}


@dataclass(frozen=True, slots=True)
class GateCell:
    """One figure at its gate: the text, whether it passed (None: not known) and whether it alone retires."""

    text: str
    passed: bool | None
    retires: bool


@dataclass(frozen=True, slots=True)
class GateTable:
    """``columns`` are (gate, limit, source) and ``rows`` (strategy, one cell a column)."""

    columns: tuple[tuple[str, str, str], ...]
    rows: tuple[tuple[Run, tuple[GateCell, ...]], ...]


def word(run: Run | None) -> str:
    """The verdict in a table: promote, watch, retire, not judged, or a dash for what is not judged at all."""
    if run is None or run.verdict is None:
        return DASH
    decision = run.verdict.decision
    return "not judged" if decision is Decision.NOT_COMPUTED else decision.value


def reasons(stamp: Stamp) -> list[tuple[Run, str]]:
    """Each judged strategy and why, the promoted ones first; not for what was shown in sample, where all have
    the same reason."""
    order = list(Decision)
    found = [(run, run.verdict.reason) for run in stamp.judged if run.verdict and run.out_of_sample]
    return sorted(found, key=lambda pair: order.index(pair[0].verdict.decision) if pair[0].verdict else 0)


def verdict_headline(stamp: Stamp, before: Mapping[str, Decision]) -> str:
    """What was promoted, fell or was retired since ``before`` (last decision by strategy); "" without any."""
    now = {run.name: run.verdict.decision for run in stamp.judged if run.verdict}
    if not now:
        return ""
    if all(decision is Decision.NOT_COMPUTED for decision in now.values()):
        return "No strategy could be judged."
    promoted = _named(now, Decision.PROMOTE)
    new = [name for name in promoted if before.get(name) is not Decision.PROMOTE]
    still = [name for name in promoted if name not in new]
    fell = [
        f"{name} (now {decision})"
        for name, decision in now.items()
        if before.get(name) is Decision.PROMOTE and decision in (Decision.WATCH, Decision.RETIRE)
    ]
    retired = [
        name
        for name in _named(now, Decision.RETIRE)
        if before.get(name) not in (Decision.RETIRE, Decision.PROMOTE)
    ]
    told = [
        f"{what}: {names(found, NAMED)}."
        for what, found in (
            ("Promoted", new),
            ("Still promoted", still),
            ("Fell from promote", fell),
            ("Retired", retired),
        )
        if found
    ]
    if not promoted:
        told.insert(0, "Nothing is promoted.")
    return " ".join([*told, *_rest(now, before, retired)])


def _rest(now: Mapping[str, Decision], before: Mapping[str, Decision], retired: Sequence[str]) -> list[str]:
    """How many there are that a headline does not name."""
    unnamed = {name: what for name, what in now.items() if before.get(name) is not Decision.PROMOTE}
    counts = (
        ("watched", len(_named(unnamed, Decision.WATCH))),
        ("retired before", len(_named(unnamed, Decision.RETIRE)) - len(retired)),
        ("not judged", len(_named(now, Decision.NOT_COMPUTED))),
    )
    told = ", ".join(f"{number} {what}" for what, number in counts if number)
    return [f"{told[0].upper()}{told[1:]}."] if told else []


def gate_table(stamp: Stamp) -> GateTable | None:
    """Every judged strategy at every gate; None where none was judged out of sample."""
    judged = [run for run in stamp.judged if run.out_of_sample and run.verdict]
    if not judged:
        return None
    first = judged[0].verdict
    columns = tuple(_column(outcome) for outcome in first.outcomes) if first else ()
    rows = tuple((run, tuple(_cell(one) for one in run.verdict.outcomes)) for run in judged if run.verdict)
    return GateTable(columns, rows)


def _column(outcome: GateOutcome) -> tuple[str, str, str]:
    label, side, written = _GATES[outcome.name]
    limit = f"{100 * outcome.limit:g} %" if written is _plain_percent else f"{outcome.limit:g}"
    return label, f"{side} {limit}", outcome.source


def _cell(outcome: GateOutcome) -> GateCell:
    written = _GATES[outcome.name][2]
    text = "no loss" if outcome.value is None and outcome.passed else written(outcome.value)
    return GateCell(text, outcome.passed, outcome.retires)


def _named(now: Mapping[str, Decision], decision: Decision) -> list[str]:
    return [name for name, found in now.items() if found is decision]
