"""kill -9 at random points of publish, in full: python benchmarks/soak_publish.py --kills 200 --seed 7

Writes docs/evidence/kill9_publish.json after each round, so that an interrupted campaign of the same seed,
length and commit goes on where it stopped. Exits with 1 if any kill did harm; the plans are in the file.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crypto_bt.store import write_atomically  # noqa: E402
from crypto_bt_tests.store.campaign import KILLS_IN_A_ROUND, Tally, run_round  # noqa: E402

EVIDENCE = ROOT / "docs" / "evidence" / "kill9_publish.json"


def commit() -> str:
    """The commit that is checked out, or ``none``; says so if files differ from it."""
    head = _git("rev-parse", "--verify", "--quiet", "HEAD") or "none"
    changed = _git("status", "--porcelain", "--", ".", ":!docs/evidence")
    return f"{head} with local changes" if changed else head


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def main() -> None:
    """Run or resume the campaign."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    name = {"campaign": "kill9_publish", "of": options.kills, "seed": options.seed, "commit": commit()}
    tally, seconds = Tally(), 0.0
    if EVIDENCE.exists():
        before = json.loads(EVIDENCE.read_text())
        if all(before[key] == value for key, value in name.items()) and before["kills"] < options.kills:
            held = (before["kills"], before["n"], before["failures"])
            tally = Tally(*held, Counter(before["figures"]))
            seconds = before["seconds"]
    EVIDENCE.parent.mkdir(parents=True, exist_ok=True)
    while tally.kills < options.kills:
        began = time.monotonic()
        kills = min(KILLS_IN_A_ROUND, options.kills - tally.kills)
        with tempfile.TemporaryDirectory() as folder:
            run_round(Path(folder) / "store", kills, f"{options.seed}/{tally.kills}", tally)
        seconds += time.monotonic() - began
        evidence = {
            **name,
            "n": tally.held,
            "kills": tally.kills,
            "failures": tally.failures,
            "upper_bound_if_none_failed": round(3 / tally.kills, 4),
            "figures": dict(sorted(tally.figures.items())),
            "seconds": round(seconds, 1),
        }
        write_atomically(EVIDENCE, (json.dumps(evidence, indent=2) + "\n").encode())
        sys.stdout.write(f"{tally.held} of {options.kills} kills did no harm, seed {options.seed}\n")
        sys.stdout.flush()
    sys.exit(1 if tally.failures else 0)


if __name__ == "__main__":
    main()
