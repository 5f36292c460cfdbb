"""Makes the process that runs this the least important one of its machine.

To be called before anything heavy is imported, so that not even the start competes. nice and SCHED_IDLE only
count among the processes of one session (autogroup), so the process should have a session of its own.
"""

import contextlib
import ctypes
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

NICE: Final = 19
#: For what works around the night: unimportant, but never idle, since it holds locks that others wait for.
MODEST: Final = 10
#: Who is killed first when memory runs out (-1000 to 1000).
OOM_SCORE: Final = 900
CGROUPS: Final = Path("/sys/fs/cgroup")
_PR_SET_PDEATHSIG = 1
_PARENT_POLL_SECONDS = 1.0
#: The kernel takes one change of a session's weight in 0.1 s from those who are not root, all together.
_AUTOGROUP_TRIES: Final = 20


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


def give_way(pid: int, nice: int = MODEST) -> None:
    """Lower a process that was just started, with what it will start; its whole session if it leads one.

    From outside, because until it could do so itself it would have competed for the seconds of its start.
    """
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, max(nice, os.getpriority(os.PRIO_PROCESS, pid)))
        if os.getsid(pid) == pid:
            _weigh_session(str(pid), nice)


def cgroup_of(process: str) -> dict[str, str]:
    """``cgroup`` of a process ("self" or its number), and ``cgroup_weights``: of each level of that path its
    processor weight, "idle", "-" where the level shares its parent's, or "?" where the system does not tell.
    """
    try:
        told = Path(f"/proc/{process}/cgroup").read_text().splitlines()
    except OSError:
        return {}
    path = next((line.removeprefix("0::") for line in told if line.startswith("0::")), None)
    if path is None:
        return {}
    folders = reversed([PurePosixPath(path), *PurePosixPath(path).parents][:-1])
    weights = [_weight(CGROUPS / str(folder).lstrip("/")) for folder in folders]
    return {"cgroup": path, "cgroup_weights": "/".join(weights)}


def _weight(group: Path) -> str:
    if not group.is_dir():
        return "?"
    try:
        idle = (group / "cpu.idle").is_file() and (group / "cpu.idle").read_text().strip() == "1"
        return "idle" if idle else (group / "cpu.weight").read_text().strip()
    except FileNotFoundError:  # the processor is not divided at this level
        return "-"
    except OSError:
        return "?"


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
    return _weigh_session("self", NICE)


def _weigh_session(process: str, nice: int) -> str:
    group = Path(f"/proc/{process}/autogroup")
    for attempt in range(_AUTOGROUP_TRIES):
        try:
            group.write_text(str(nice))
            break
        except BlockingIOError:
            if attempt == _AUTOGROUP_TRIES - 1:
                raise
            time.sleep(0.05 + random.random() * 0.1)
    told = group.read_text().split()
    if not told:  # As of a session that is as old as the system.
        raise OSError("the session has no weight of its own")
    return told[-1]


def _first_to_be_killed() -> str:
    score = Path("/proc/self/oom_score_adj")
    score.write_text(str(OOM_SCORE))
    return score.read_text().strip()


def _stay_on(processors: Sequence[int]) -> str:
    os.sched_setaffinity(0, processors)
    return ",".join(str(number) for number in sorted(os.sched_getaffinity(0)))
