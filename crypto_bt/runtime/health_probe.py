"""What the system tells of our processes: who runs, since when, and how much they use."""

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil

from crypto_bt.core.vital_signs import NIGHT, SUPERVISOR, WORKER, ProcessSeen, Serving
from crypto_bt.runtime.family import MB
from crypto_bt.runtime.processes import is_alive, mark_of

#: What the supervisor, and the run worker of a night, write into the home.
SUPERVISOR_FILE: Final = "supervisor.json"
NIGHT_FILE: Final = "night.json"


@dataclass(frozen=True, slots=True)
class Probed:
    """The processes of a home: who ``serving`` keeps it at work, each of them, their ``memory_mb`` together,
    and what is written of the night under way (``night``; empty: there is none)."""

    serving: Serving
    processes: tuple[ProcessSeen, ...]
    memory_mb: float
    night: Mapping[str, Any]


def probe_home(home: Path, now: datetime) -> Probed:
    """Look at every process that works for ``home``; ``now`` by the wall clock."""
    told, night = read_told(home / SUPERVISOR_FILE), read_told(home / NIGHT_FILE)
    serving, holder = _serving(home, told)
    seen: list[ProcessSeen] = []
    if serving is Serving.UP:
        seen += _supervised(told, holder, now)
    elif serving is Serving.DEV and holder is not None:
        # Dagster's own server starts them; which one is the daemon is seen by its heartbeats alone.
        seen.append(seen_process("daemon", mark_of(holder)))
    seen += _of_night(night, now)
    pids = {int(each.mark.partition(":")[0]) for each in seen if each.mark}
    return Probed(serving, tuple(seen), memory_of(pids), night if is_alive(str(night.get("worker"))) else {})


def seen_process(name: str, mark: str) -> ProcessSeen:
    """The process of ``mark`` (empty: it does not run)."""
    if not mark:
        return ProcessSeen(name)
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(int(mark.partition(":")[0]))
        times = process.cpu_times()
        age = max(0.0, time.time() - process.create_time())
        resident = process.memory_info().rss / MB
        return ProcessSeen(name, mark, age, times.user + times.system, memory_mb=resident)
    return ProcessSeen(name)


def memory_of(pids: set[int]) -> float:
    """MB resident of these processes and all they started; what they share is counted once."""
    found: dict[int, psutil.Process] = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            found |= {each.pid: each for each in (process, *process.children(recursive=True))}
    own = shared = 0.0
    for process in found.values():
        with contextlib.suppress(psutil.Error):
            used = process.memory_info()
            common = getattr(used, "shared", 0)
            own += used.rss - common
            shared = max(shared, common)
    return float((own + shared) / MB)


def read_told(file: Path) -> dict[str, Any]:
    """The JSON object in ``file``; empty where there is none or it cannot be read."""
    try:
        told = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _serving(home: Path, told: Mapping[str, Any]) -> tuple[Serving, int | None]:
    """Whoever holds the home's lock ``service`` leaves its name; it takes it away when it ends by itself."""
    try:
        holder = (home / "service.lock.holder").read_text(encoding="utf-8")
        pid = int(holder.rpartition("(process ")[2].rstrip(") \n"))
    except (OSError, ValueError):
        return Serving.NOTHING, None
    for serving in (Serving.UP, Serving.DEV):
        if holder.startswith(serving.value):
            ours = serving is Serving.DEV or _is_ours(told, pid)
            alive = bool(mark_of(pid)) and ours
            return (serving, pid) if alive else (Serving.DIED, None)
    return Serving.NOTHING, None


def _is_ours(told: Mapping[str, Any], pid: int) -> bool:
    """Whether ``pid`` is the supervisor that wrote the file, or one that has not written it yet."""
    mark = str(told.get("process", ""))
    return mark.partition(":")[0] != str(pid) or is_alive(mark)


def _supervised(told: Mapping[str, Any], holder: int | None, now: datetime) -> list[ProcessSeen]:
    """The supervisor and its parts; what an earlier one has written does not count."""
    mark = str(told.get("process", ""))
    if not is_alive(mark):
        return [seen_process(SUPERVISOR, mark_of(holder or 0))]
    silent = age_of(told.get("beat"), now)
    found = [replace(seen_process(SUPERVISOR, mark), silent=silent, stuck=silent)]
    for name, part in told.get("parts", {}).items():
        process = seen_process(name, mark_of(part["pid"]) if part["pid"] else "")
        found.append(replace(process, given_up=bool(part["given_up"])))
    return found


def _of_night(night: Mapping[str, Any], now: datetime) -> list[ProcessSeen]:
    """The run worker of a night under way, which watches it and writes the file, and the night itself."""
    worker = str(night.get("worker", ""))
    if not is_alive(worker):
        return []
    beat = age_of(night.get("beat"), now)
    found = [replace(seen_process(WORKER, worker), silent=beat)]
    mark = str(night.get("night", ""))
    if mark and is_alive(mark):
        silent, stuck = age_of(night.get("heard"), now), age_of(night.get("moved"), now)
        found.append(replace(seen_process(NIGHT, mark), silent=silent, stuck=stuck))
    return found


def age_of(moment: object, now: datetime) -> float | None:
    """Seconds from an ISO ``moment`` to ``now``; None for what is none."""
    try:
        at = datetime.fromisoformat(str(moment))
    except ValueError:
        return None
    return max(0.0, (now - (at if at.tzinfo else at.replace(tzinfo=UTC))).total_seconds())
