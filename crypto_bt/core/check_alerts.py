"""From the outcomes of asset checks to alerts: each outcome once, whenever it is seen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from crypto_bt.core.alert_causes import CAUSES, severity_of
from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.datasets import CANDLE_DATASETS

#: Checks of candles and of other feeds have the same name, and are not equally urgent.
_OF_FEEDS: Final = {"data_age": "feed_age"}
#: Checks that are named by what they look at, and their causes.
_CAUSES: Final = {
    "intact": "store_damaged",
    "verified": "backup",
    "offsite": "backup",
    "restorable": "restore_drill",
    "disk_room": "disk",
}
#: Whoever finds it, it is the same trouble.
STORES: Final = "market and results stores"
_BLOCKED: Final = (
    "The nightly backtest does not run; the last results stay in place, marked as stale with the reason."
)
_CATCH_UP: Final = "Catch-up looks every 5 minutes for what is missing, and fetches it."
_REFETCHED: Final = frozenset({"data_age", "coverage", "continuity"})


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """One evaluation of the check ``name`` on ``asset``, Dagster's ``number``-th, in ``run`` of ``job``.

    ``error``: it failed worse than as a warning. ``what`` it found, the ``command`` that mends it.
    ``worst`` is the first row of its table (symbol, feed, partition, value, limit), empty where it has none.
    """

    number: int
    asset: str
    name: str
    passed: bool
    error: bool
    blocking: bool
    what: str
    command: str
    worst: tuple[str, ...]
    at: datetime
    run: str

    @property
    def event(self) -> str:
        """The name of this evaluation among all events."""
        return f"check:{self.asset}:{self.name}:{self.number}"

    @property
    def cause(self) -> str:
        """The cause of the alert that a failure is."""
        other = self.name in _OF_FEEDS and self.asset not in CANDLE_DATASETS
        cause = _OF_FEEDS[self.name] if other else _CAUSES.get(self.name, self.name)
        return cause if cause in CAUSES else "check_failed"


def decide(outcomes: Sequence[CheckOutcome], known: Collection[str]) -> list[tuple[Alert, str]]:
    """The alerts of the ``outcomes`` of one check that are not among the ``known`` events, in their order.

    Each with the event it tells. Where none is known, the check is new here: only its latest state counts.
    """
    ordered = sorted(outcomes, key=lambda outcome: (outcome.at, outcome.number))
    fresh = [outcome for outcome in ordered if outcome.event not in known]
    if len(fresh) == len(ordered):
        fresh = fresh[-1:]
    return [(alert_of(outcome), outcome.event) for outcome in fresh]


def alert_of(outcome: CheckOutcome) -> Alert:
    """The alert of one outcome; of a pass, that the trouble is over."""
    worst = severity_of(outcome.cause)
    severity = worst if outcome.error else worst.at_most(AlertSeverity.WARNING)
    _, _, _, value, limit = outcome.worst if len(outcome.worst) == 5 else ("",) * 5
    return Alert(
        cause=outcome.cause,
        severity=severity,
        what=outcome.what + _worst_place(outcome),
        where=_place(outcome),
        value=value,
        limit=limit,
        since=outcome.at,
        command=outcome.command,
        resolved=outcome.passed,
        doing=_doing(outcome),
        run=outcome.run,
    )


def _place(outcome: CheckOutcome) -> str:
    if outcome.cause == "store_damaged":
        return STORES
    alone = outcome.name in (outcome.cause, *_OF_FEEDS)
    return outcome.asset if alone else f"{outcome.asset} {outcome.name}"


def _worst_place(outcome: CheckOutcome) -> str:
    if outcome.passed or len(outcome.worst) != 5:
        return ""
    named = [part for part in outcome.worst[:3] if part and part != "-"]
    return f" Worst: {' '.join(named)}." if named else ""


def _doing(outcome: CheckOutcome) -> str:
    blocks = [_BLOCKED] if outcome.blocking and outcome.error else []
    fetches = [_CATCH_UP] if outcome.name in _REFETCHED and outcome.asset in CANDLE_DATASETS else []
    return " ".join([*blocks, *fetches]) or "Nothing; the last results stay."
