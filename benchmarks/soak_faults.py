"""The fault campaign in full: python benchmarks/soak_faults.py --seeds 200 --first 0

Writes docs/evidence/fault_matrix.json after each ten seeds, so that an interrupted campaign of the same seeds
and commit goes on where it stopped. Exits with 1 if any seed failed; what a seed does stands in
crypto_bt_tests/faults/campaign.py. A fault counts as held if all of its seed held.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.soak_publish import commit  # noqa: E402
from crypto_bt.store import write_atomically  # noqa: E402
from crypto_bt_tests.faults import plans  # noqa: E402
from crypto_bt_tests.faults.campaign import run_seed  # noqa: E402

EVIDENCE = ROOT / "docs" / "evidence" / "fault_matrix.json"
_TOGETHER = 10


def main() -> None:
    """Run or resume the campaign."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    name = {"campaign": "faults", "of": options.seeds, "first_seed": options.first, "commit": commit()}
    done, held_seeds, failures, seconds = 0, 0, list[str](), 0.0
    fired, held, figures = Counter[str](), Counter[str](), Counter[str]()
    if EVIDENCE.exists():
        before = json.loads(EVIDENCE.read_text())
        if all(before[key] == value for key, value in name.items()) and before["seeds"] < options.seeds:
            done, held_seeds = before["seeds"], before["seeds_held"]
            failures, seconds = before["failures"], before["seconds"]
            fired = Counter({kind: one["of"] for kind, one in before["kinds"].items()})
            held = Counter({kind: one["n"] for kind, one in before["kinds"].items()})
            figures = Counter(before["figures"])
    EVIDENCE.parent.mkdir(parents=True, exist_ok=True)
    while done < options.seeds:
        began = time.monotonic()
        for seed in range(options.first + done, options.first + min(done + _TOGETHER, options.seeds)):
            with tempfile.TemporaryDirectory() as folder:
                outcome = run_seed(seed, Path(folder))
            names = Counter({kind.value: count for kind, count in outcome.fired.items()})
            fired += names
            held += Counter() if outcome.failures else names
            held_seeds += not outcome.failures
            failures += outcome.failures
            figures += outcome.figures
            done += 1
        seconds += time.monotonic() - began
        missing = sorted(kind.value for kind in plans.ALL_KINDS if not fired[kind.value])
        evidence = {
            **name,
            "seeds": done,
            "seeds_held": held_seeds,
            "n": held.total(),
            "faults": fired.total(),
            "failures": failures,
            "upper_bound_if_none_failed": round(3 / fired.total(), 5),
            "kinds": {kind: {"n": held[kind], "of": fired[kind]} for kind in sorted(fired)},
            "kinds_that_never_showed": missing,
            "figures": dict(sorted(figures.items())),
            "seconds": round(seconds, 1),
        }
        write_atomically(EVIDENCE, (json.dumps(evidence, indent=2) + "\n").encode())
        sys.stdout.write(
            f"{held.total()} of {fired.total()} faults held in {done} seeds of {options.seeds}"
            f" from {options.first}\n"
        )
        sys.stdout.flush()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
