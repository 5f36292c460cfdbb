"""Campaign: weeks of schedules through Dagster's own machinery on a turned clock, the machine off over ticks.

Writes docs/evidence/week.json; each week has other hours without power, from its seed. A campaign that was
stopped is resumed after its last whole week if seed and commit are the same.
"""

import logging
import random
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.evidence import Campaign  # noqa: E402
from crypto_bt_tests.defs.desk_home import desk_home  # noqa: E402
from crypto_bt_tests.defs.simulated_days import CAUGHT_UP, SCHEDULED, Week, expected, simulate  # noqa: E402

MONDAY: Final = datetime(2026, 3, 2, 21, tzinfo=UTC)
DAYS: Final = 7
SYMBOLS: Final = ("BTCUSDT", "ETHUSDT")
#: Power cuts of a week, and their least and greatest length in minutes: from one tick to more than a night.
CUTS: Final = 4
MINUTES: Final = (20, 1_800)
#: After the last cut, until when everything has to be well again.
LAST_HOURS: Final = 7
Off = list[tuple[datetime, datetime]]


def main() -> None:
    """Run or resume the campaign."""
    campaign = Campaign("week", "weeks", default=5, about=__doc__.splitlines()[0])
    logging.disable(logging.CRITICAL)
    while campaign.left:
        seed = f"{campaign.seed}/{campaign.done}"
        off = power_cuts(random.Random(seed))
        with (
            campaign.measuring(),
            tempfile.TemporaryDirectory() as folder,
            desk_home(Path(folder), SYMBOLS, MONDAY, STRATEGIES="ema_cross") as home,
        ):
            week = simulate(home, MONDAY + timedelta(days=DAYS), off)
        wrong = [f"week {seed}: {each}" for each in wrong_with(week, off)]
        campaign.add(1, 0 if wrong else 1, wrong, figures_of(week, off))
    campaign.end()


def power_cuts(rng: random.Random) -> Off:
    """Hours without power, apart from each other, of which the last ends hours before the week does."""
    last = DAYS * 24 * 60 - LAST_HOURS * 60
    off: Off = []
    while len(off) < CUTS:
        begins, takes = rng.randrange(60, last), rng.randrange(*MINUTES)
        since, till = (
            MONDAY + timedelta(minutes=begins),
            MONDAY + timedelta(minutes=min(begins + takes, last)),
        )
        if all(till < other - timedelta(hours=1) or since > over + timedelta(hours=1) for other, over in off):
            off.append((since, till))
    return sorted(off)


def wrong_with(week: Week, off: Off) -> list[str]:
    """What is not as promised of a week: in a sentence each."""
    wrong = [f"failed: {each}" for each in week.failed] + [f"still lacking: {each}" for each in week.lacking]
    for night, how in expected(MONDAY, MONDAY + timedelta(days=DAYS), off).items():
        times = week.times(night)
        if how is None and (times or night not in week.missed):
            wrong.append(
                f"the night of {night} was out of its window: {times} times computed, not shown as missed"
            )
        if how is not None and (times != 1 or not week.computed[night, how]):
            wrong.append(f"the night of {night} was to be {how} once, and was computed {times} times")
    return wrong


def figures_of(week: Week, off: Off) -> Counter[str]:
    """What is counted over all weeks."""
    nights = expected(MONDAY, MONDAY + timedelta(days=DAYS), off)
    return Counter(
        {
            "power cuts": len(off),
            "hours off": round(sum((till - since).total_seconds() for since, till in off) / 3600),
            "nights": len(nights),
            "nights scheduled": sum(how == SCHEDULED for how in nights.values()),
            "nights caught up": sum(how == CAUGHT_UP for how in nights.values()),
            "nights shown as skipped": sum(how is None for how in nights.values()),
            "runs": len(week.runs),
            "runs that catch-up asked for": sum(asked == CAUGHT_UP for _, _, asked in week.runs),
            "failed runs": len(week.failed),
            "gaps left": len(week.lacking),
        }
    )


if __name__ == "__main__":
    main()
