"""Whether the live trader could be harmed by how the night's process ran."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Final

from crypto_bt.core.verdict import Verdict

#: A group so many times lighter than the trader's takes a tenth of a processor from it at most.
_LIGHTER: Final = 10
_OF_A_PROCESS: Final = "100"


def isolation(priority: Mapping[str, str], trader: Mapping[str, str] | None = None) -> Verdict:
    """Of the priorities that took effect in the night's process, by name (as
    :func:`crypto_bt.runtime.isolation.lower_priority` tells them, with its ``cgroup`` and
    ``cgroup_weights``), and the same two of the live trader's process, if there is one.

    nice and the idle scheduler only count among the processes of one session (autogroup) and one cgroup;
    between two cgroups their weights do, at the level where their paths part.
    """
    if not priority:
        return Verdict(True, "Nothing is known of the priorities: the night was computed elsewhere.")
    wrong = []
    if priority.get("nice") != "19" and priority.get("scheduler") != "idle":
        wrong.append(
            f"its priority is that of any process (nice: {priority.get('nice')}, "
            f"scheduler: {priority.get('scheduler')})"
        )
    group = priority.get("autogroup", "")
    if group.lstrip("-").isdigit() and group != "19":
        wrong.append(f"its session has the weight of any other (autogroup {group})")
    if trader and not _lighter(priority, trader):
        wrong.append(
            f"it ran in the cgroup {priority.get('cgroup')} (weights {priority.get('cgroup_weights')}), "
            f"the live trader in {trader.get('cgroup')} (weights {trader.get('cgroup_weights')}): "
            "between them nice does not count"
        )
    if wrong:
        return Verdict(
            False,
            f"The live trader could be slowed down by the backtest: {'; '.join(wrong)}. "
            "Run the desk in a slice with CPUWeight=idle (docs/deployment.md).",
        )
    return Verdict(True, "The night's process gave way to every other.")


def _lighter(ours: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    """Whether the two compete by nice, or else as groups of which ours weighs little."""
    for (name, weight), (other, other_weight) in zip_longest(
        _levels(ours), _levels(theirs), fillvalue=("", _OF_A_PROCESS)
    ):
        if name == other:
            continue
        if weight == "idle" or not name:
            return other_weight != "idle"
        known = weight.isdigit() and other_weight.isdigit()
        return known and int(weight) * _LIGHTER <= int(other_weight)
    return True


def _levels(told: Mapping[str, str]) -> list[tuple[str, str]]:
    """The levels of a cgroup's path that have a weight of their own, each as its path and weight."""
    names = told.get("cgroup", "/").strip("/").split("/")
    weights = told.get("cgroup_weights", "").split("/")
    found = []
    for number, name in enumerate(names, 1):
        weight = weights[number - 1] if number <= len(weights) else "?"
        if name and weight != "-":
            found.append(("/".join(names[:number]), weight or "?"))
    return found
