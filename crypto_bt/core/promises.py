"""What the desk was promised, beside what was measured of it. Pure."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from crypto_bt.core.health import Sample
from crypto_bt.core.service_level import UPTIME, Nights, Uptime

#: Promised to the desk: back at work, and a restore, within these seconds; false alerts a day below this.
BACK_WITHIN: Final = 300.0
RESTORED_WITHIN: Final = 900.0
FALSE_A_DAY: Final = 1.0
#: An alert that was over before anybody could have acted on it needed nobody.
NOBODY_CAN_ACT: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise: ``value`` as a number (None: nothing was measured), and as a sentence ``seen`` of what was
    ``promised``. ``kept``: None where nothing was measured, or nothing promised."""

    name: str
    what: str
    value: float | None
    seen: str
    promised: str
    kept: bool | None


@dataclass(frozen=True, slots=True)
class Told:
    """An alert that was raised, and how long it stood (None: it still does)."""

    raised: datetime
    stood: timedelta | None


def up(found: Uptime) -> list[Promise]:
    """Uptime, and how fast it was back at work."""
    if found.share is None:
        return [Promise("uptime", "uptime", None, "nothing recorded", f"{UPTIME:.1%}", None)]
    hours = found.wanted / 3600
    share = Promise(
        "uptime", f"uptime of {hours:.0f} h", found.share, f"{found.share:.3%}", f"{UPTIME:.1%}",
        found.share >= UPTIME,
    )  # fmt: skip
    promised = f"{BACK_WITHIN:.0f} s"
    if not found.outages:
        return [share, Promise("recovery", "back at work within", None, "no outage", promised, None)]
    longest = max(found.outages)
    seen = f"{longest:.0f} s at most, {statistics.median(found.outages):.0f} s median of {len(found.outages)}"
    return [
        share,
        Promise("recovery", "back at work within", longest, seen, promised, longest <= BACK_WITHIN),
    ]


def nights_done(found: Nights) -> Promise:
    """Nights done of nights due."""
    seen = f"{len(found.done)} of {len(found.due)}"
    kept = not found.missed if found.due else None
    share = len(found.done) / len(found.due) if found.due else None
    return Promise("nights", "nights done of nights due", share, seen, "all", kept)


def covered(whole: Mapping[str, tuple[int, int]], minimum: float) -> list[Promise]:
    """Whole symbols of all, by timeframe; ``minimum`` as a fraction."""
    return [
        Promise(
            f"coverage_{timeframe}", f"{timeframe}: whole symbols", good / of if of else None,
            f"{good} of {of}", f"at least {minimum:.0%}", good / of >= minimum if of else None,
        )
        for timeframe, (good, of) in whole.items()
    ]  # fmt: skip


def processor(looks: Sequence[Sample]) -> Promise:
    """Share of one processor that the desk's processes took, over the looks (ascending) that tell of it."""
    used = seconds = 0.0
    for before, after in pairwise(looks):
        if before.cpu and after.cpu:
            seconds += (after.time - before.time).total_seconds()
            used += sum(
                max(0.0, after.cpu[mark] - was) for mark, was in before.cpu.items() if mark in after.cpu
            )
    what = "processor taken, of one"
    if seconds <= 0.0:
        return Promise("processor", what, None, "not looked at", "what others leave", None)
    seen = f"{used / seconds:.1%} over {seconds / 3600:.1f} h"
    return Promise("processor", what, used / seconds, seen, "what others leave", None)


def false_alerts(told: Sequence[Told], days: float) -> Promise:
    """Alerts that were over before anybody could act, a day."""
    brief = [each for each in told if each.stood is not None and each.stood < NOBODY_CAN_ACT]
    value = len(brief) / days
    seen = f"{value:.1f} ({len(brief)} of {len(told)} alerts)"
    promised = f"fewer than {FALSE_A_DAY:.0f}"
    return Promise(
        "false_alerts", "alerts a day that needed nobody", value, seen, promised, value < FALSE_A_DAY
    )


def restored(seconds: float | None, at: datetime | None, now: datetime) -> Promise:
    """The last restore drill."""
    what, promised = "last restore drill took", f"{RESTORED_WITHIN:.0f} s"
    if seconds is None or at is None:
        return Promise("restore", what, None, "there was none", promised, None)
    seen = f"{seconds:.1f} s, {(now - at) / timedelta(days=1):.0f} days ago"
    return Promise("restore", what, seconds, seen, promised, seconds <= RESTORED_WITHIN)
