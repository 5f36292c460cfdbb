"""The child process of a night: ``python -m crypto_bt.night --spec SPEC.json --out FOLDER``.

It makes itself unimportant before it imports anything heavy, reads one snapshot, and writes result files into
an empty folder. Progress goes to stdout as one JSON object a line, and into the Dagster run that started it.
Exit codes: 0 done; 1 refused, with one sentence on stderr; 70 a fault of the program, with its traceback.
"""

import argparse
import faulthandler
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR as PIPES
from dagster_pipes import open_dagster_pipes

from crypto_bt.core.night_told import sentence
from crypto_bt.night_strategies import run_strategies
from crypto_bt.runtime.isolation import bound_files, die_with_parent, lower_priority

REFUSED: Final = 1
BROKEN: Final = 70
_LARGEST_FILE: Final = 4 << 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the night described by ``--spec``; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m crypto_bt.night", description="Compute one night's backtests."
    )
    parser.add_argument("--spec", type=Path, required=True, help="JSON file that says what to compute")
    parser.add_argument("--out", type=Path, required=True, help="empty folder for the result files")
    parser.add_argument("--affinity", type=int, nargs="*", default=[], help="processors to stay on")
    parser.add_argument("--beat", type=float, default=30.0, help="seconds between two signs of life")
    chosen = parser.parse_args(arguments)
    with _told(chosen.beat) as say:
        took = lower_priority(chosen.affinity)
        say({"event": "isolated", "took_effect": took, "pid": os.getpid()})
        return _run(chosen.spec, chosen.out, say)


def _run(spec_file: Path, out: Path, say: Callable[[Mapping[str, Any]], None]) -> int:
    scratch = out.parent / "scratch"
    try:
        outcomes = run_strategies(spec_file, scratch / "strategies", say)
    except (ValueError, KeyError, TypeError, FileNotFoundError):
        outcomes = []  # the spec is wrong: said below, in its own words
    from crypto_bt.backtest.spec import NightSpec
    from crypto_bt.core.errors import CryptoBtError
    from crypto_bt.night_run import run_night
    from crypto_bt.store import SnapshotStore

    try:
        spec = NightSpec.from_json(spec_file.read_text(encoding="utf-8"))
        run_night(spec, SnapshotStore(Path(spec.store)), out, say, outcomes, scratch / "rows")
    except CryptoBtError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    except Exception as error:  # noqa: BLE001 - the parent needs one sentence, whatever broke
        traceback.print_exc()
        sys.stderr.write(f"\nThe night failed: {type(error).__name__}: {error}\n")
        return BROKEN
    return 0


@contextmanager
def _told(beat_seconds: float) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """What tells the parent of progress, and the Dagster run if one is listening; while it lasts, a heartbeat
    does too."""
    over, one_at_a_time = threading.Event(), threading.Lock()

    def say(message: Mapping[str, Any]) -> None:
        line = json.dumps(message, sort_keys=True) + "\n"
        with one_at_a_time:
            sys.stdout.write(line)
            sys.stdout.flush()
            text = sentence(message)
            if pipes is not None and text:
                pipes.log.info(text)

    def beat() -> None:
        while not over.wait(beat_seconds):
            say({"event": "heartbeat"})

    with ExitStack() as stack:
        pipes = stack.enter_context(open_dagster_pipes()) if PIPES in os.environ else None
        threading.Thread(target=beat, name="heartbeat", daemon=True).start()
        try:
            yield say
        finally:
            over.set()


if __name__ == "__main__":
    die_with_parent(os.getppid())
    bound_files(_LARGEST_FILE)
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    raise SystemExit(main())
