"""Arbitrary bodies through every reader, in full: python benchmarks/soak_fuzz.py --bodies 10000 --seed 7

Writes docs/evidence/fuzz.json after each thousand, so that an interrupted campaign of the same seed, length
and commit goes on where it stopped. Exits with 1 and the body if a reader raised or let a bad row through;
what bodies there are stands in crypto_bt_tests/faults/payloads.py.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.soak_publish import commit  # noqa: E402
from crypto_bt.store import write_atomically  # noqa: E402
from crypto_bt_tests.faults.fuzzed_desk import run_fuzzed_updates  # noqa: E402
from crypto_bt_tests.faults.payloads import bodies  # noqa: E402
from crypto_bt_tests.faults.readers import read_all  # noqa: E402

EVIDENCE = ROOT / "docs" / "evidence" / "fuzz.json"
_ROUND = 1000
_DESKS = 10
_SETTINGS = {
    "deadline": None,
    "database": None,
    # Nothing is mended: the first body that fails is reported as it is.
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}


def run_round(number: str, count: int) -> tuple[Counter[str], list[str]]:
    """``count`` bodies through the readers, some more over a socket; what they came to, and what failed."""
    figures: Counter[str] = Counter()
    failures: list[str] = []

    def guarded(run, body: object) -> None:
        try:
            figures.update(run())
        except Exception as error:  # noqa: BLE001
            # Whatever a reader raises is the finding.
            failures.append(f"{number}: {type(error).__name__}: {str(error)[:300]}: {str(body)[:500]}")

    @seed(number)
    @settings(max_examples=count, **_SETTINGS)
    @given(bodies())
    def readers(body: bytes) -> None:
        figures["bodies"] += 1
        guarded(lambda: read_all(body), body)

    @seed(f"{number} socket")
    @settings(max_examples=_DESKS, **_SETTINGS)
    @given(st.lists(bodies(), min_size=6, max_size=6), st.integers(0, 39))
    def desks(sent: list[bytes], turn: int) -> None:
        def run() -> Counter[str]:
            with tempfile.TemporaryDirectory() as folder:
                counts = run_fuzzed_updates(sent, turn, Path(folder))
            return Counter({f"socket_{name}": count for name, count in counts.items()})

        figures["socket_updates"] += 1
        guarded(run, sent)

    readers()
    desks()
    return figures, failures


def main() -> None:
    """Run or resume the campaign."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bodies", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    name = {"campaign": "fuzz", "of": options.bodies, "seed": options.seed, "commit": commit()}
    figures, failures, seconds = Counter[str](), list[str](), 0.0
    if EVIDENCE.exists():
        before = json.loads(EVIDENCE.read_text())
        same = all(before[key] == value for key, value in name.items())
        if same and before["figures"]["bodies"] < options.bodies:
            figures, failures = Counter(before["figures"]), before["failures"]
            seconds = before["seconds"]
    EVIDENCE.parent.mkdir(parents=True, exist_ok=True)
    while figures["bodies"] < options.bodies:
        began, done = time.monotonic(), figures["bodies"]
        found, failed = run_round(f"{options.seed}/{done}", min(_ROUND, options.bodies - done))
        figures += found
        failures += failed
        seconds += time.monotonic() - began
        tried = figures["bodies"] + figures["socket_updates"]
        evidence = {
            **name,
            "n": tried - len(failures),
            "bodies_and_socket_updates": tried,
            "failures": failures,
            "upper_bound_if_none_failed": round(3 / tried, 5),
            "figures": dict(sorted(figures.items())),
            "seconds": round(seconds, 1),
        }
        write_atomically(EVIDENCE, (json.dumps(evidence, indent=2) + "\n").encode())
        sys.stdout.write(
            f"{figures['bodies']} of {options.bodies} bodies, {len(failures)} failures, seed {options.seed}\n"
        )
        sys.stdout.flush()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
