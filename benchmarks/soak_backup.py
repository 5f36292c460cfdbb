"""Campaign: kill -9 at a random operation of backup, prune, restore, rollback and gc.

Writes docs/evidence/kill9_backup.json; a run that was stopped is resumed if seed and commit are the same.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.evidence import Campaign  # noqa: E402
from crypto_bt_tests.store.backup_campaign import PHASES, Tally, operations, prepare, run_round  # noqa: E402


def main() -> None:
    """Run or resume the campaign."""
    campaign = Campaign("kill9_backup", "kills", default=240, about=__doc__.splitlines()[0])
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        desk = prepare(work / "desk")
        sizes = {phase: operations(desk, work, phase) for phase in PHASES}
        while campaign.left:
            kills = min(len(PHASES) * 3, campaign.left)
            tally = Tally()
            with campaign.measuring():
                run_round(desk, work, f"{campaign.seed}/{campaign.done}", kills, sizes, tally)
            figures = {**tally.figures, "rounds": 1}
            campaign.add(tally.kills, tally.held, tally.failures, figures)
    campaign.end()


if __name__ == "__main__":
    main()
