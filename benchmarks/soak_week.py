"""Campaign: weeks of Dagster's scheduler, sensors and queue on a turned clock, the machine off at times.

Writes docs/evidence/week.json. Each night has to come exactly once, or to be shown as skipped by its window;
at the end no candle and no value of any feed may be missing.
"""

import logging
import random
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.evidence import Campaign  # noqa: E402
from crypto_bt.core.night_catch_up import LATE, Window  # noqa: E402
from crypto_bt_tests.defs.desk_home import desk_home  # noqa: E402
from crypto_bt_tests.defs.simulated_days import Week, simulate  # noqa: E402

BEGINS = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ENDS = BEGINS + timedelta(days=7)
NIGHTS = [BEGINS.date() + timedelta(days=number) for number in range(7)]
WINDOW = Window.parse("23:30-05:00")
MINUTE = timedelta(minutes=1)
Off = Sequence[tuple[datetime, datetime]]


def main() -> None:
    """Simulate one week after the other."""
    campaign = Campaign("week", "weeks", default=10, about=__doc__.splitlines()[0])
    logging.disable(logging.CRITICAL)
    figures = campaign.figures
    while campaign.left:
        off = downtimes(random.Random(f"{campaign.seed}/{campaign.done}"))
        with (
            campaign.measuring(),
            tempfile.TemporaryDirectory() as folder,
            desk_home(Path(folder) / "home", ("BTCUSDT",), BEGINS, STRATEGIES="ema_cross") as home,
        ):
            home.update(days=12)
            week = simulate(home, ENDS, off)
        failures = [f"week {campaign.done}, off {told(off)}: {each}" for each in wrong_with(week, off)]
        found = {"nights": len(NIGHTS), "computed": sum(week.computed.values()), "skipped": len(week.missed)}
        campaign.add(1, 1 - bool(failures), failures, found)
    assert figures["computed"], "nothing was ever computed"
    campaign.end()


def downtimes(rng: random.Random) -> Off:
    """Two to five, from half an hour to a day and a half, most of them around midnight."""
    found: list[tuple[datetime, datetime]] = []
    for night in sorted(rng.sample(NIGHTS, rng.randint(2, 5))):
        middle = datetime.combine(night, time(23, 30), UTC) + timedelta(minutes=rng.randint(-180, 300))
        length = timedelta(minutes=rng.choice((30, 90, 240, 500, 2_160)))
        begin = max(middle - length / 2, found[-1][1] + timedelta(hours=2) if found else BEGINS)
        found.append((begin.replace(second=0), (begin + length).replace(second=0)))
    return [(begin, end) for begin, end in found if end < ENDS - timedelta(hours=8)]


def wrong_with(week: Week, off: Off) -> list[str]:
    """What is not as it has to be, each in a sentence."""
    wrong = [*week.failed, *(f"still lacking: {each}" for each in week.lacking)]
    for night in NIGHTS[:-1]:
        times, due = week.times(night), comes(night, off)
        if times != int(due):
            wrong.append(f"the night of {night} was computed {times} times, due {int(due)}")
        if not due and night not in week.missed:
            wrong.append(f"the night of {night} was skipped and nobody was told")
    return wrong


def comes(night: date, off: Off) -> bool:
    """Whether the machine was on long enough within the night's window to compute it."""
    begin = datetime.combine(night, time(23, 30), UTC)
    moment = begin
    while WINDOW.holds(moment):
        # A sensor looks every few minutes, and data that is missing comes first.
        if all(not (since <= moment + LATE * step < till) for since, till in off for step in (0, 1, 2)):
            return True
        moment += MINUTE
    return False


def told(off: Off) -> str:
    """The downtimes in a word each."""
    return ", ".join(f"{since:%d %H:%M} to {till:%d %H:%M}" for since, till in off)


if __name__ == "__main__":
    main()
