"""One request budget over all processes, in full: python benchmarks/soak_budget.py --repeats 50 --seed 7

Writes docs/evidence/shared_budget.json after each repeat, so that an interrupted campaign of the same seed,
length and commit goes on where it stopped. Exits with 1 if any repeat failed; what each repeat does and how
time is scaled stands in crypto_bt_tests/sources/budget_campaign.py.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.soak_publish import commit  # noqa: E402
from crypto_bt.core.universe import UNIVERSE  # noqa: E402
from crypto_bt.simulator.synthetic import SyntheticMarket  # noqa: E402
from crypto_bt.store import write_atomically  # noqa: E402
from crypto_bt_tests.sources.budget_campaign import (  # noqa: E402
    BACKFILL,
    LIMIT,
    NOW,
    SCHEDULED,
    SPEEDS,
    TRADER_SHARE,
    run_repeat,
)

EVIDENCE = ROOT / "docs" / "evidence" / "shared_budget.json"
_SETTING = {
    "time": f"limits, waits and ledger run {SPEEDS[0]} times as fast as the clock, in all processes; "
    f"a void repeat is made again, at {SPEEDS[-1]} times at last",
    "weight_limit": LIMIT,
    "trader_share": TRADER_SHARE,
    "scheduled_share": SCHEDULED,
    "backfill_share": BACKFILL,
}


def summary(repeats: list[dict[str, float]]) -> dict[str, float]:
    """The most, or the sum, of the figures of all repeats."""
    most = ("most_of_ours_in_a_minute", "most_of_all_in_a_minute", "trader_in_a_minute", "seconds")
    found = {name: max(one[name] for one in repeats) for name in most}
    sums = ("voids", "minutes", "waits", "retries", "our_weight", "killed")
    return found | {name: sum(one[name] for one in repeats) for name in sums}


def main() -> None:
    """Run or resume the campaign."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    name = {"campaign": "shared_budget", "of": options.repeats, "seed": options.seed, "commit": commit()}
    done: list[dict[str, float]] = []
    failures: list[str] = []
    seconds = 0.0
    if EVIDENCE.exists():
        before = json.loads(EVIDENCE.read_text())
        same = all(before[key] == value for key, value in name.items())
        if same and len(before["repeats"]) < options.repeats:
            done, failures, seconds = before["repeats"], before["failures"], before["seconds"]
    EVIDENCE.parent.mkdir(parents=True, exist_ok=True)
    market = SyntheticMarket(7, UNIVERSE, lambda: NOW)
    while len(done) < options.repeats:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            repeat = run_repeat(f"{options.seed}/{len(done)}", market, Path(folder))
        seconds += time.monotonic() - began
        held_it = not (repeat.failures or repeat.void)
        done.append({**repeat.figures, "voids": repeat.voids, "held": held_it})
        if repeat.void:
            failures.append(f"seed {repeat.seed}: void, the trader could not ask what it should")
        failures += [f"seed {repeat.seed}: {failure}" for failure in repeat.failures]
        held = sum(bool(one["held"]) for one in done)
        evidence = {
            **name,
            "n": held,
            "failures": failures,
            "upper_bound_if_none_failed": round(3 / len(done), 4),
            "setting": _SETTING,
            "figures": summary(done),
            "seconds": round(seconds, 1),
            "repeats": done,
        }
        write_atomically(EVIDENCE, (json.dumps(evidence, indent=2) + "\n").encode())
        sys.stdout.write(f"{held} of {len(done)} repeats held (of {options.repeats}, seed {options.seed})\n")
        sys.stdout.flush()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
