"""Campaign: single-bit flips over data, header, manifest, link, nights and backups.

Writes docs/evidence/flips.json; a run that was stopped is resumed if seed and commit are the same.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.evidence import Campaign  # noqa: E402
from crypto_bt_tests.store.flip_campaign import KINDS, Flips, flip_once, prepare  # noqa: E402


def main() -> None:
    """Run or resume the campaign."""
    campaign = Campaign("flips", "flips", default=525, about=__doc__.splitlines()[0])
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        desk = prepare(work / "desk")
        while campaign.left:
            tally = Flips()
            with campaign.measuring():
                for number in range(min(len(KINDS) * 5, campaign.left)):
                    kind = KINDS[number % len(KINDS)]
                    flip_once(desk, work, f"{campaign.seed}/{campaign.done + number}", kind, tally)
            campaign.add(tally.flips, tally.seen, tally.wrong, tally.figures)
    campaign.end()


if __name__ == "__main__":
    main()
