"""Makes the process that runs this the least important one of its machine.

To be called before anything heavy is imported, so that not even the start competes. nice and SCHED_IDLE only
count among the processes of one session (autogroup), so the process should have a session of its own.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

NICE: Final = 19
#: Who is killed first when memory runs out (-1000 to 1000).
OOM_SCORE: Final = 900
_CGROUPS: Final = Path("/sys/fs/cgroup")
_PR_SET_PDEATHSIG = 1
_PARENT_POLL_SECONDS = 1.0


def lower_priority(affinity: Sequence[int] = ()) -> dict[str, str]:
    """Lower every priority there is; ``affinity`` are the processors to stay on (none: all).

    Returns what took effect by name, as read back from the system, or why it did not.
    """
    steps: dict[str, Callable[[], str]] = {
        "nice": _nice,
        "scheduler": _idle_scheduler,
        "io": _idle_io,
        "autogroup": _idle_autogroup,
        "oom_score": _first_to_be_killed,
    }
    if affinity:
        steps["affinity"] = lambda: _stay_on(affinity)
    return {name: _tried(step) for name, step in steps.items()} | cgroup_of("self")


def cgroup_of(process: str) -> dict[str, str]:
    """``cgroup``, ``cgroup_weight`` and ``cgroup_idle`` of a process ("self" or its number), as far as the
    system tells them."""
    try:
        told = Path(f"/proc/{process}/cgroup").read_text().splitlines()
    except OSError:
        return {}
    path = next((line.removeprefix("0::") for line in told if line.startswith("0::")), None)
    if path is None:
        return {}
    found = {"cgroup": path}
    for name in ("weight", "idle"):
        try:
            found[f"cgroup_{name}"] = (_CGROUPS / path.lstrip("/") / f"cpu.{name}").read_text().strip()
        except OSError:
            continue
    return found


def die_with_parent(parent: int) -> None:
    """Be killed when the process ``parent`` dies: by the kernel on Linux, within seconds elsewhere.

    The signal follows the thread that started this process, so its number is watched as well.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def bound_files(largest: int, address_space: int | None = None) -> None:
    """No file above ``largest`` bytes, no core dump, and no address space beyond ``address_space`` bytes."""
    if sys.platform == "win32":
        return
    import resource

    wanted = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: largest}
    if address_space is not None:
        wanted[resource.RLIMIT_AS] = address_space
    for name, value in wanted.items():
        hard = resource.getrlimit(name)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (bound, bound))


def _tried(step: Callable[[], str]) -> str:
    try:
        return step()
    except (OSError, AttributeError, ValueError) as error:
        return f"not here: {error}"


def _nice() -> str:
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    return str(os.getpriority(os.PRIO_PROCESS, 0))


def _idle_scheduler() -> str:
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    return "idle" if os.sched_getscheduler(0) == os.SCHED_IDLE else "normal"


def _idle_io() -> str:
    import psutil

    process = psutil.Process()
    process.ionice(psutil.IOPRIO_CLASS_IDLE)
    return "idle" if process.ionice().ioclass == psutil.IOPRIO_CLASS_IDLE else "normal"


def _idle_autogroup() -> str:
    group = Path("/proc/self/autogroup")
    group.write_text(str(NICE))
    return group.read_text().split()[-1]


def _first_to_be_killed() -> str:
    score = Path("/proc/self/oom_score_adj")
    score.write_text(str(OOM_SCORE))
    return score.read_text().strip()


def _stay_on(processors: Sequence[int]) -> str:
    os.sched_setaffinity(0, processors)
    return ",".join(str(number) for number in sorted(os.sched_getaffinity(0)))
