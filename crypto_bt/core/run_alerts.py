"""From the ends of runs to alerts: the first failure is told, its retries are not, then how it ended."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from crypto_bt.core.alert_causes import severity_of
from crypto_bt.core.alerts import Alert

CAUSE: Final = "run_failed"
#: What Dagster calls a run that a person started for chosen assets.
_BY_HAND: Final = "__ASSET_JOB"
#: Jobs that are about the present: with a later day an earlier one has nothing left to do.
_OF_THE_LATEST: Final = frozenset({"nightly_backtest", "intraday_update"})
#: Most letters of the assets that are named in a place.
_NAMED: Final = 300
_OF: Final = " of "
_TO: Final = " to "
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_REMEDIES: Final = {
    "nightly_backtest": "crypto-bt backtest",
    "data_update": "crypto-bt data repair",
    "intraday_update": "crypto-bt data repair",
    "sentiment_macro_update": "crypto-bt data repair",
}


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The end of a run of ``job`` at ``at``: it succeeded, or failed because of ``why``.

    ``partition``: its only one, or "first to last" of a range. ``assets``: those that a person chose.
    ``attempt`` counts from 1; ``retried``: another attempt follows. ``told_elsewhere``: nothing failed but
    blocking checks, which are told by themselves, or it was ended for its time, which is told as job_late.
    """

    run: str
    job: str
    success: bool
    at: datetime
    why: str = ""
    partition: str = ""
    attempt: int = 1
    retried: bool = False
    told_elsewhere: bool = False
    assets: tuple[str, ...] = ()

    @property
    def event(self) -> str:
        """The name of this end among all events."""
        return f"run:{self.run}"


def decide(
    ends: Sequence[RunEnd], known: Collection[str], standing: Mapping[str, datetime], now: datetime
) -> list[tuple[Alert, str]]:
    """The alerts of the ``ends`` that are not among the ``known`` events, each with its event, in order.

    ``standing``: the places whose failure has been told and is not over, and when each failed. It is over
    when a run of the same job over the same days, or more, has succeeded; of jobs about the present, also
    over later ones. An older success, seen only now, ends nothing; but any ends one that a clock dates later
    than ``now``.
    """
    failing = dict(standing)
    found = []
    for end in sorted(ends, key=lambda end: (end.at, end.run)):
        if end.event in known or end.told_elsewhere:
            continue
        if not end.success:
            failing[_place(end)] = end.at
            found.append((_alert(end, _place(end)), end.event))
            continue
        for place, since in sorted(failing.items()):
            if _ends(end, place) and (end.at > since or since > now):
                del failing[place]
                found.append((_alert(end, place), f"{end.event}:{place}"))
    return found


def _place(end: RunEnd) -> str:
    return _name(end) + (f"{_OF}{end.partition}" if end.partition else "")


def _name(end: RunEnd) -> str:
    if end.job != _BY_HAND:
        return end.job
    named = ", ".join(sorted(end.assets))
    if len(named) > _NAMED:
        named = f"{named[:_NAMED]}… {hashlib.sha256(named.encode()).hexdigest()[:8]}"
    return "assets run by hand" + (f" ({named})" if named else "")


def _ends(end: RunEnd, place: str) -> bool:
    """Whether the success ``end`` makes up for the failure at ``place``."""
    name, _, partition = place.rpartition(_OF) if _OF in place else (place, "", "")
    if name != _name(end) or not (partition and end.partition):
        return place == _place(end)
    failed, done = partition.split(_TO), end.partition.split(_TO)
    if not all(_DAY.fullmatch(day) for day in (*failed, *done)):
        # Symbols, in an order of their own: a range of them is all that there are.
        return failed == done or len(done) > 1
    return done[-1] >= failed[-1] and (end.job in _OF_THE_LATEST or done[0] <= failed[0])


def _alert(end: RunEnd, place: str) -> Alert:
    attempts = f" after {end.attempt} attempts" if end.attempt > 1 else ""
    if end.success:
        what = f"A run of {_place(end)} succeeded{attempts}."
    elif end.retried:
        what = f"A run of {_place(end)} failed: {end.why}"
    else:
        what = f"A run of {_place(end)} failed{' for good' + attempts if attempts else ''}: {end.why}"
    return Alert(
        cause=CAUSE,
        severity=severity_of(CAUSE),
        what=what,
        where=place,
        value="",
        limit="",
        since=end.at,
        command=_REMEDIES.get(end.job, ""),
        resolved=end.success,
        doing="It is tried again." if end.retried else "Nothing; the next scheduled run is the next attempt.",
        run=end.run,
        news=not end.success and not end.retried and end.attempt > 1,
    )
