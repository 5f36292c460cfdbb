"""What the campaigns share: count, resume, and write what was found into docs/evidence."""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.soak_publish import commit
from crypto_bt.store import write_atomically

ROOT = Path(__file__).resolve().parents[1]


class Campaign:
    """One campaign of so many ``units``, read from the command line; what an earlier run found counts."""

    def __init__(self, name: str, units: str, *, default: int, about: str) -> None:
        parser = argparse.ArgumentParser(description=about)
        parser.add_argument(f"--{units}", type=int, default=default, dest="of")
        parser.add_argument("--seed", type=int, default=7)
        options = parser.parse_args()
        self.units, self.of, self.seed = units, options.of, options.seed
        self.path = ROOT / "docs" / "evidence" / f"{name}.json"
        self._name = {"campaign": name, "of": self.of, "seed": self.seed, "commit": commit()}
        self.done = self.held = 0
        self.failures: list[str] = []
        self.figures: Counter[str] = Counter()
        self.seconds = 0.0
        self._resume()

    def restart(self) -> None:
        """Begin anew: what an earlier run found does not count."""
        self.done = self.held = 0
        self.failures, self.figures, self.seconds = [], Counter(), 0.0

    @property
    def left(self) -> int:
        """How many are still to be done."""
        return self.of - self.done

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Count the time of the block as the campaign's."""
        began = time.monotonic()
        yield
        self.seconds += time.monotonic() - began

    def add(self, done: int, held: int, failures: Sequence[str], figures: Mapping[str, int]) -> None:
        """Count what was found, and write it."""
        self.done += done
        self.held += held
        self.failures += failures
        self.figures.update(figures)
        self.write({})
        sys.stdout.write(f"{self.held} of {self.of} {self.units} did no harm, seed {self.seed}\n")
        sys.stdout.flush()

    def write(self, more: Mapping[str, Any]) -> None:
        """Write the evidence, with ``more`` figures."""
        evidence = {
            **self._name,
            "n": self.held,
            self.units: self.done,
            "failures": self.failures,
            "upper_bound_if_none_failed": round(3 / max(1, self.done), 4),
            "figures": dict(sorted(self.figures.items())),
            **more,
            "seconds": round(self.seconds, 1),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, (json.dumps(evidence, indent=2) + "\n").encode())

    def end(self) -> None:
        """Leave with exit code 1 if anything failed."""
        sys.exit(1 if self.failures else 0)

    def _resume(self) -> None:
        if not self.path.exists():
            return
        before = json.loads(self.path.read_text())
        same = all(before.get(key) == value for key, value in self._name.items())
        if same and before[self.units] < self.of:
            self.done, self.held, self.failures = before[self.units], before["n"], before["failures"]
            self.figures, self.seconds = Counter(before["figures"]), before["seconds"]
