"""What to do about a damaged store: the mildest remedy that makes it whole, never in a loop. Pure.

A corrupt object: its copy in a backup, else the state of its month before (or nothing) and its days fetched
again. A corrupt manifest or CURRENT: the manifest's copy in a backup, else the previous good snapshot, else
the newest good backup, else everything from the exchange.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

#: So many recoveries within so long are tried; then a person has to look.
ATTEMPTS: Final = 2
WITHIN: Final = timedelta(hours=24)


class Remedy(StrEnum):
    """What can be done."""

    NOTHING = "nothing"
    WAIT = "wait"
    GIVE_UP = "give up"
    COPY = "copy from a backup"
    REFETCH = "fetch again"
    PREVIOUS = "previous snapshot"
    RESTORE = "restore a backup"
    REBUILD = "rebuild from the exchange"
    CLEAR = "put aside"


@dataclass(frozen=True, slots=True)
class Lost:
    """An object of the newest snapshot whose bytes are gone; ``first`` and ``last``: times of its rows."""

    sha256: str
    dataset: str
    month: str
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Damage:
    """What was found. ``unreadable``: why something could not be looked at, which is no damage.

    ``pointer``: CURRENT is damaged or missing. ``manifest``: the newest snapshot's manifest is. ``objects``:
    those that it needs and that are lost. ``others``: damaged files that the newest snapshot does not need.
    ``results``: damaged files of nights.
    """

    unreadable: str = ""
    pointer: bool = False
    manifest: bool = False
    objects: tuple[Lost, ...] = ()
    others: tuple[str, ...] = ()
    results: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        """Everything was read and everything is sound."""
        return self == Damage()

    @property
    def text(self) -> str:
        """The damage as a sentence."""
        if self.unreadable:
            return f"Not everything could be read: {self.unreadable}"
        parts = ["CURRENT"] * self.pointer + ["the manifest of the newest snapshot"] * self.manifest
        parts += [f"{item.dataset} of {item.month}" for item in self.objects]
        parts += [*self.others, *self.results]
        if not parts:
            return "Everything is sound."
        more = f" and {len(parts) - 4} more" if len(parts) > 4 else ""
        return f"Damaged: {', '.join(parts[:4])}{more}."


@dataclass(frozen=True, slots=True)
class Help:
    """What there is to mend with.

    ``copies``: lost objects (sha256) of which a backup has a sound copy. ``manifest``: a backup has the
    manifest that CURRENT names. ``previous``: the newest other snapshot that is whole. ``backup``: the newest
    good backup with market data.
    """

    copies: Collection[str] = ()
    manifest: bool = False
    previous: str | None = None
    backup: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: ``remedy`` for ``objects`` (their sha256) or with ``source`` (snapshot, backup)."""

    remedy: Remedy
    objects: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in order, and why, as a sentence."""

    steps: tuple[Step, ...]
    text: str = ""
    refetched: tuple[Lost, ...] = field(default=())

    @property
    def changes(self) -> bool:
        """Whether anything is to be done to the store."""
        idle = (Remedy.NOTHING, Remedy.WAIT, Remedy.GIVE_UP)
        return any(step.remedy not in idle for step in self.steps)


def decide(damage: Damage, help_: Help, attempts: Sequence[datetime], now: datetime) -> Plan:
    """What to do about ``damage``; ``attempts`` are the times of earlier recoveries since the last reset."""
    if damage.none:
        return Plan((Step(Remedy.NOTHING),), "Everything is sound.")
    if damage.unreadable:
        return Plan((Step(Remedy.WAIT),), f"{damage.text} Nothing is called damaged by that.")
    recent = [moment for moment in attempts if now - moment < WITHIN]
    if len(recent) >= ATTEMPTS:
        hours = WITHIN // timedelta(hours=1)
        return Plan(
            (Step(Remedy.GIVE_UP),),
            f"{damage.text} {len(recent)} recoveries in {hours} h did not make it whole: look at the disk.",
        )
    steps = _market_steps(damage, help_)
    if damage.others or steps:
        steps.append(Step(Remedy.CLEAR))
    if damage.results:
        steps.append(Step(Remedy.COPY, source="results"))
    copied = {name for step in steps if step.remedy is Remedy.COPY for name in step.objects}
    whole = any(step.remedy in (Remedy.PREVIOUS, Remedy.RESTORE, Remedy.REBUILD) for step in steps)
    refetched = () if whole else tuple(item for item in damage.objects if item.sha256 not in copied)
    done = ", then ".join(f"{step.remedy}" + (f" {step.source}" if step.source else "") for step in steps)
    return Plan(tuple(steps), f"{damage.text} Remedy: {done}.", refetched)


def _market_steps(damage: Damage, help_: Help) -> list[Step]:
    if damage.pointer or (damage.manifest and not help_.manifest):
        if help_.previous is not None:
            return [Step(Remedy.PREVIOUS, source=help_.previous)]
        if help_.backup is not None:
            return [Step(Remedy.RESTORE, source=help_.backup)]
        return [Step(Remedy.REBUILD)]
    steps = []
    if damage.manifest:
        steps.append(Step(Remedy.COPY, source="manifest"))
    copied = tuple(item.sha256 for item in damage.objects if item.sha256 in help_.copies)
    gone = tuple(item.sha256 for item in damage.objects if item.sha256 not in help_.copies)
    if copied:
        steps.append(Step(Remedy.COPY, copied))
    if gone:
        steps.append(Step(Remedy.REFETCH, gone))
    return steps
