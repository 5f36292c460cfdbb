"""One strategy's process: ``python -m crypto_bt.night_signals --spec SPEC --strategy NAME --out FOLDER``.

Writes targets.npy and told.json into the empty folder. A strategy that raises, loops or eats memory costs the
night only itself: the night's process watches this one, and goes on without it.
"""

import argparse
import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from crypto_bt.runtime.isolation import bound_files, die_with_parent, lower_priority

TARGETS: Final = "targets.npy"
TOLD: Final = "told.json"
_LARGEST_FILE = 1 << 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate the strategy; returns the exit code. Any failure is one sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m crypto_bt.night_signals")
    parser.add_argument("--spec", type=Path, required=True, help="JSON file that says what to compute")
    parser.add_argument("--strategy", required=True, help="name of the strategy")
    parser.add_argument("--out", type=Path, required=True, help="empty folder for the targets")
    chosen = parser.parse_args(arguments)
    die_with_parent(os.getppid())
    lower_priority()
    bound_files(_LARGEST_FILE)
    from crypto_bt.core.errors import CryptoBtError

    try:
        _evaluate(chosen.spec, chosen.strategy, chosen.out)
    except CryptoBtError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except BaseException as error:  # noqa: BLE001 - a strategy may raise what it likes; the night goes on
        traceback.print_exc()
        sys.stderr.write(f"\n{type(error).__name__}: {error}\n")
        return 1
    return 0


def _evaluate(spec_file: Path, name: str, out: Path) -> None:
    import numpy as np

    from crypto_bt.backtest.nightly.evaluating import evaluate_strategy
    from crypto_bt.backtest.nightly.market import NightMarket
    from crypto_bt.backtest.spec import NightSpec
    from crypto_bt.store import SnapshotStore

    spec = NightSpec.from_json(spec_file.read_text(encoding="utf-8"))
    told, targets = evaluate_strategy(NightMarket(SnapshotStore(Path(spec.store)), spec), name)
    np.save(out / TARGETS, targets)
    (out / TOLD).write_text(json.dumps(told, allow_nan=False), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
