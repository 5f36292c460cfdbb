"""From the ends of runs to alerts: the first failure is told, its retries are not, then how it ended."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from crypto_bt.core.alert_causes import severity_of
from crypto_bt.core.alerts import Alert

CAUSE: Final = "run_failed"
#: What Dagster calls a run that a person started for chosen assets.
_BY_HAND: Final = "__ASSET_JOB"
_REMEDIES: Final = {
    "nightly_backtest": "crypto-bt backtest",
    "data_update": "crypto-bt data repair",
    "intraday_update": "crypto-bt data repair",
    "sentiment_macro_update": "crypto-bt data repair",
}


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The end of a run of ``job`` at ``at``: it succeeded, or failed because of ``why``.

    ``attempt`` counts from 1; ``retried``: another attempt follows. ``checks_only``: nothing failed but
    blocking checks, which are told by themselves.
    """

    run: str
    job: str
    success: bool
    at: datetime
    why: str = ""
    partition: str = ""
    attempt: int = 1
    retried: bool = False
    checks_only: bool = False

    @property
    def event(self) -> str:
        """The name of this end among all events."""
        return f"run:{self.run}"


def decide(
    ends: Sequence[RunEnd], known: Collection[str], standing: Mapping[str, datetime], now: datetime
) -> list[tuple[Alert, str]]:
    """The alerts of the ``ends`` that are not among the ``known`` events, each with its event, in order.

    ``standing``: the jobs whose failure has been told and is not over, and when each failed. An older
    success, seen only now, ends nothing; but any ends a failure that a clock dates later than ``now``.
    """
    failing = dict(standing)
    found = []
    for end in sorted(ends, key=lambda end: (end.at, end.run)):
        if end.event in known or end.checks_only:
            continue
        since = failing.get(_place(end))
        if end.success and since is not None and (end.at > since or since > now):
            del failing[_place(end)]
            found.append((_alert(end), end.event))
        elif not end.success:
            failing[_place(end)] = end.at
            found.append((_alert(end), end.event))
    return found


def _place(end: RunEnd) -> str:
    return "assets run by hand" if end.job == _BY_HAND else end.job


def _alert(end: RunEnd) -> Alert:
    of = f" of {end.partition}" if end.partition else ""
    attempts = f" after {end.attempt} attempts" if end.attempt > 1 else ""
    if end.success:
        what = f"A run of {_place(end)}{of} succeeded{attempts}."
    elif end.retried:
        what = f"A run of {_place(end)}{of} failed: {end.why}"
    else:
        what = f"A run of {_place(end)}{of} failed{' for good' + attempts if attempts else ''}: {end.why}"
    return Alert(
        cause=CAUSE,
        severity=severity_of(CAUSE),
        what=what,
        where=_place(end),
        value="",
        limit="",
        since=end.at,
        command=_REMEDIES.get(end.job, ""),
        resolved=end.success,
        doing="It is tried again." if end.retried else "Nothing; the next scheduled run is the next attempt.",
        run=end.run,
        news=not end.success and not end.retried and end.attempt > 1,
    )
