"""A stand-in for a live trader: a 100 Hz loop that computes 60 % of the time, and notes missed deadlines.

``python benchmarks/trader_probe.py --loops N`` runs until its standard input closes, then prints one JSON
object: ``deadlines``, in seconds of the system's monotonic clock, and those of them that were ``missed``.
``--calibrate`` prints the ``loops`` to use on this machine. The work of a slot is always the same number of
loops, as a trader's is, so that whatever takes the processor, its caches or its clock away from it makes it
late.
"""

import argparse
import gc
import json
import select
import sys
import time

SLOT_SECONDS = 0.010
LOAD = 0.60
_TRIED = 200
_SAMPLE = 50_000


def work(loops: int) -> None:
    """Compute."""
    for _ in range(loops):
        pass


def calibrated() -> int:
    """Loops that take 60 % of a slot where nothing disturbs."""
    best = min(_seconds(_SAMPLE) for _ in range(_TRIED))
    return int(_SAMPLE * LOAD * SLOT_SECONDS / best)


def _seconds(loops: int) -> float:
    began = time.monotonic()
    work(loops)
    return time.monotonic() - began


def trade(loops: int) -> dict[str, list[float]]:
    """Work slot by slot until standard input closes.

    A slot missed by less than a whole one is made up for by beginning the next one late; slots that passed
    altogether are missed too.
    """
    deadlines: list[float] = []
    missed: list[float] = []
    slot = time.monotonic()
    while not select.select([sys.stdin], [], [], 0.0)[0]:
        work(loops)
        slot += SLOT_SECONDS
        deadlines.append(slot)
        if time.monotonic() > slot:
            missed.append(slot)
        while time.monotonic() - slot > SLOT_SECONDS:
            slot += SLOT_SECONDS
            deadlines.append(slot)
            missed.append(slot)
        time.sleep(max(0.0, slot - time.monotonic()))
    return {"deadlines": deadlines, "missed": missed}


def main() -> None:
    """Calibrate, or trade."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--loops", type=int, default=0)
    arguments.add_argument("--calibrate", action="store_true")
    chosen = arguments.parse_args()
    gc.disable()
    told = {"loops": calibrated()} if chosen.calibrate else trade(chosen.loops or calibrated())
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
