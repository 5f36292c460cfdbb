"""Campaign: restore drills on a year of 60 symbols, each judged by an oracle and timed.

Writes docs/evidence/drills.json. Seconds are counted from the first command to a store that is complete.
"""

import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.evidence import Campaign  # noqa: E402
from crypto_bt.core.errors import CryptoBtError  # noqa: E402
from crypto_bt.core.universe import UNIVERSE  # noqa: E402
from crypto_bt_tests.drills import DRILLS, prepared, run_drill  # noqa: E402

NOW = datetime(2026, 11, 18, 12, 7, tzinfo=UTC)
DAYS = 365
PROMISED_SECONDS = 15 * 60


def main() -> None:
    """Run all drills."""
    campaign = Campaign("drills", "drills", default=len(DRILLS), about=__doc__.splitlines()[0])
    campaign.restart()
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with prepared(work / "desk", UNIVERSE, NOW, DAYS) as desk:
            for drill in DRILLS[: campaign.of]:
                failures: list[str] = []
                with campaign.measuring():
                    try:
                        seconds[drill.__name__] = round(run_drill(desk, work, drill), 2)
                    except (AssertionError, CryptoBtError) as error:
                        failures.append(f"{drill.__name__}: {str(error)[:500]}")
                campaign.add(1, 1 - len(failures), failures, {})
                campaign.write(
                    {
                        "symbols": len(UNIVERSE),
                        "days": DAYS,
                        "rows": sum(frame.height for frame in desk.truth.values()),
                        "seconds_each": seconds,
                        "seconds_p50": round(statistics.median(seconds.values() or [0]), 2),
                        "seconds_max": max(seconds.values(), default=0),
                        "promised_seconds": PROMISED_SECONDS,
                    }
                )
    campaign.end()


if __name__ == "__main__":
    main()
