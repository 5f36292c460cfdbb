"""The kernel against the slow simulator: python benchmarks/soak_reference.py --markets 20000 --seed 1

Every market is made from its own seed: gaps, limit moves, dry and frozen hours, funding that flips and
explodes, mark prices with wicks of their own, tiers, ticks and lots, levels given by the strategy, all exits.
Writes docs/evidence/reference.json; exits with 1 if any market disagrees. One seed alone:
``python -m crypto_bt_tests.backtest.reference_campaign --markets 1 --seed SEED``.
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.soak_publish import commit  # noqa: E402
from crypto_bt.store import write_atomically  # noqa: E402
from crypto_bt_tests.backtest.reference_campaign import check_seed  # noqa: E402

EVIDENCE = ROOT / "docs" / "evidence" / "reference.json"


def main() -> None:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markets", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    seen: Counter[str] = Counter()
    wrong: list[int] = []
    began = time.monotonic()
    for seed in range(options.seed, options.seed + options.markets):
        try:
            seen.update(check_seed(seed))
        except AssertionError as error:
            wrong.append(seed)
            sys.stdout.write(f"{error}\n")
    evidence = {
        "campaign": "reference",
        "n": options.markets - len(wrong),
        "of": options.markets,
        "seed": options.seed,
        "commit": commit(),
        "disagreeing_seeds": wrong,
        "upper_bound_if_none_disagreed": round(3 / options.markets, 5),
        "met": dict(sorted(seen.items())),
        "seconds": round(time.monotonic() - began, 1),
    }
    EVIDENCE.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(EVIDENCE, (json.dumps(evidence, indent=2) + "\n").encode())
    sys.stdout.write(f"{evidence['n']} of {options.markets} markets agree\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
