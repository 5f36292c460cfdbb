"""What the checks of a night decide, from its stamp and those of the nights before."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from crypto_bt.backtest.gates import Decision
from crypto_bt.core.verdict import Severity, Verdict, some

#: Running windows round their last digit by where they began, and at a tie that decides a target: fewer than
#: this share of targets that differ are that, more are memory.
ROUNDED: Final = 0.001
HISTORY: Final = "Load more of it: crypto-bt data backfill --start DAY."


def gates(stamp: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> Verdict:
    """Fails where a verdict could not be computed, and where a strategy fell from promote; both warn.

    ``earlier`` are the stamps of the nights before, oldest first: a night without a verdict hides no fall.
    A history that has always been too short to test on is a home that is new, and nothing that went wrong.
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
    judged = [entry for entry in stamp["strategies"] if entry.get("verdict")]
    early = all(not entry.get("out_of_sample", True) and not entry.get("lookahead") for entry in judged)
    if unknown and early and not before:
        what = "No strategy is judged yet: the history is too short to choose parameters and to test them."
        return Verdict(True, f"{what} {HISTORY}", figures=counts)
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


def trial_ledger(stamp: Mapping[str, Any]) -> Verdict:
    """Warns where the number of trials that the statistics allow for may be too small."""
    doubt, figures = stamp.get("trials_doubt"), {"trials": int(stamp.get("trials") or 0)}
    if doubt:
        what = f"{doubt} A backup of the home has the file results/trials.jsonl as it was."
        return Verdict(False, what, Severity.WARN, figures=figures)
    return Verdict(True, f"{figures['trials']:,} trials are counted, and none is lost.", figures=figures)
