"""A tool under measurement in a process of its own: reads the name of a case, answers with its cost."""

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping


def serve(cases: Mapping[str, Callable[[], Callable[[], int]]]) -> None:
    """Run the case that each line of the input names; print its CPU seconds, trades and the peak memory.

    A case returns a function that counts the positions it opened, called after the clock has stopped.
    CPU seconds are those of all threads of the process, so a tool gains nothing by using more of them.
    """
    for line in sys.stdin:
        before = time.process_time()
        count = cases[line.strip()]()
        cost = {
            "cpu_seconds": time.process_time() - before,
            "trades": count(),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
        sys.stdout.write(json.dumps(cost) + "\n")
        sys.stdout.flush()
