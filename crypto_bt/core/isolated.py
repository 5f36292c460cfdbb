"""Whether the live trader could be harmed by how the night's process ran."""

from collections.abc import Mapping

from crypto_bt.core.verdict import Verdict


def isolation(priority: Mapping[str, str], trader: Mapping[str, str] | None = None) -> Verdict:
    """Of the priorities that took effect in the night's process, by name (as
    :func:`crypto_bt.runtime.isolation.lower_priority` tells them, with its ``cgroup``, ``cgroup_idle`` and
    ``cgroup_weight``), and the same three of the live trader's process, if there is one.

    nice and the idle scheduler only count among the processes of one session (autogroup) and one cgroup.
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
    if trader and trader.get("cgroup") != priority.get("cgroup") and not _lighter(priority, trader):
        wrong.append(
            f"it ran in the cgroup {priority.get('cgroup')} (weight {priority.get('cgroup_weight')}), "
            f"the live trader in {trader.get('cgroup')} (weight {trader.get('cgroup_weight')}): "
            "between them nice does not count"
        )
    if wrong:
        return Verdict(
            False,
            f"The live trader could be slowed down by the backtest: {'; '.join(wrong)}. "
            "Run the backtest in a slice with CPUWeight=idle.",
        )
    return Verdict(True, "The night's process gave way to every other.")


def _lighter(ours: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    if ours.get("cgroup_idle") == "1":
        return True
    weights = ours.get("cgroup_weight", ""), theirs.get("cgroup_weight", "")
    return all(weight.isdigit() for weight in weights) and int(weights[0]) * 10 <= int(weights[1])
