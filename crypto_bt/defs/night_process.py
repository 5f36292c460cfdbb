"""Start the night's child process, watch it, pass on what it tells, and stop it when it has to."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.night_told import sentence, stage_of
from crypto_bt.core.stopping import Limits, Stop, StopCause, Wanted, exceeded, hanging, unwanted
from crypto_bt.runtime.family import Usage
from crypto_bt.runtime.watched import Ended, Order, run_watched

#: Told every 30 s who the night's process is (None: not known yet), the seconds since it was last heard of
#: and since it last made progress.
Note = Callable[[int | None, float, float], None]
#: Told of a stage of the night: its name, how much of it is done, and of how much.
Stages = Callable[[str, int, int], None]
#: What the child may see of the environment: enough to start Python, and no secret.
ALLOWED_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SYSTEMROOT", "VIRTUAL_ENV")
#: Memory that is not needed goes back to the machine at once, and linear algebra takes one thread.
FRUGAL: Final = {
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0,narenas:1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "262144",
    "OPENBLAS_NUM_THREADS": "1",
}
#: The night's process itself, its strategies', and what these may start.
PROCESSES: Final = 200
_POLL_SECONDS = 0.5
#: Between two looks at what people and the live trader want.
_ASK_SECONDS = 2.0
_GRACE_SECONDS: Final = {StopCause.HUNG: 30.0, StopCause.TIME: 30.0}
_SHORT_GRACE_SECONDS: Final = 3.0
_REFUSED = 1


class NightStopped(BacktestError):
    """The night was stopped from outside; ``stop`` says why."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop.what, stop.command)
        self.stop = stop


class NightCrashed(BacktestError):
    """The night's process died."""


@dataclass(frozen=True)
class Watch:
    """How a night is watched: its ``limits``, what is ``wanted`` (asked every 2 s; None: always), the
    processors it may use (``affinity``; none: all), what it learns of Dagster's run (``environment``), and
    who is told how it does (``note``).
    """

    limits: Limits
    wanted: Callable[[], Wanted] | None = None
    affinity: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    note: Note | None = None


def run_night_process(
    spec: NightSpec,
    work: Path,
    watch: Watch,
    say: Callable[[str], None] | None,
    stages: Stages | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Run ``python -m crypto_bt.night`` on ``spec`` in the empty folder ``work``.

    Returns the folder of the results, and what is to be told of the run: ``seconds``, ``peak_mb`` of all its
    processes together, and ``priority`` (what took effect). ``say`` gets its progress in words, ``stages``
    in figures. Raises :class:`NightStopped` when it was stopped, :class:`NightCrashed` when it died, and
    BacktestError with its own sentence when it refused.
    """
    spec_file, out = work / "spec.json", work / "out"
    spec_file.write_text(spec.to_json())
    allowed = {name: os.environ[name] for name in ALLOWED_ENVIRONMENT if name in os.environ}
    threads = {"POLARS_MAX_THREADS": str(spec.threads)}
    command = [sys.executable, "-m", "crypto_bt.night", "--spec", str(spec_file), "--out", str(out)]
    command += ["--beat", str(watch.limits.beat_seconds)]
    if watch.affinity:
        command += ["--affinity", *map(str, watch.affinity)]
    observer = _Observer(watch, say, stages)
    began = time.monotonic()
    ended = run_watched(
        command,
        env={**allowed, **FRUGAL, **threads, **watch.environment},
        errors=work / "errors.txt",
        check=observer.check,
        on_line=observer.hear,
        session=True,
        poll_seconds=_POLL_SECONDS,
    )
    _raise_unless_done(ended, observer.stop)
    told = {"seconds": round(time.monotonic() - began, 1), "peak_mb": round(ended.peak_mb)}
    return out, {**told, "priority": observer.priority}


class _Observer:
    """Hears what the child tells, and decides on each look at it whether it may go on."""

    def __init__(self, watch: Watch, say: Callable[[str], None] | None, stages: Stages | None = None) -> None:
        self._watch, self._say, self._stages = watch, say, stages
        now = time.monotonic()
        self._heard = self._moved = self._asked = now
        self._noted = float("-inf")
        self._pid: int | None = None
        self._cpu_at_move = 0.0
        self._cpu = 0.0
        self.stop: Stop | None = None
        self.priority: dict[str, str] = {}

    def hear(self, line: str) -> None:
        """One line of the child's standard output."""
        self._heard = time.monotonic()
        try:
            message = json.loads(line)
        except ValueError:
            return
        if message.get("event") != "heartbeat":
            self._moved, self._cpu_at_move = self._heard, self._cpu
        if message.get("event") == "isolated":
            self.priority, self._pid = message["took_effect"], message["pid"]
            self._noted = float("-inf")
        if self._stages is not None and (stage := stage_of(message)):
            self._stages(*stage)
        text = sentence(message)
        if text and self._say is not None:
            self._say(text)

    def check(self, used: Usage) -> Order | None:
        """Whether it has to stop now."""
        self._cpu = used.cpu_seconds
        now = time.monotonic()
        if self._watch.note is not None and now - self._noted >= self._watch.limits.beat_seconds:
            self._noted = now
            self._watch.note(self._pid, now - self._heard, now - self._moved)
        self.stop = self._unwanted() or self._beyond(used)
        if self.stop is None:
            return None
        return Order(self.stop.what, _GRACE_SECONDS.get(self.stop.cause, _SHORT_GRACE_SECONDS))

    def _unwanted(self) -> Stop | None:
        now = time.monotonic()
        if self._watch.wanted is None or now - self._asked < _ASK_SECONDS:
            return None
        self._asked = now
        return unwanted(self._watch.wanted())

    def _beyond(self, used: Usage) -> Stop | None:
        found = exceeded(
            self._watch.limits, seconds=used.seconds, memory_mb=used.memory_mb, processes=used.processes
        )
        if found is not None:
            return Stop(found[0], f"The night {found[1]}, and was stopped.", _MEND[found[0]])
        now = time.monotonic()
        stuck = now - self._moved
        share = (used.cpu_seconds - self._cpu_at_move) / stuck if stuck > 0.0 else 0.0
        why = hanging(
            silent_seconds=now - self._heard,
            stuck_seconds=stuck,
            cpu_share=share,
            limits=self._watch.limits,
        )
        if why is None:
            return None
        return Stop(StopCause.HUNG, f"The night {why}, and was stopped.", _MEND[StopCause.HUNG])


_MEND: Final = {
    StopCause.TIME: "Raise BACKTEST_TIMEOUT_MINUTES, or run fewer STRATEGIES.",
    StopCause.MEMORY: "Raise BACKTEST_MEMORY_MB, or run fewer STRATEGIES or SYMBOLS.",
    StopCause.PROCESSES: "Look for the strategy that starts processes.",
    StopCause.HUNG: "Its stacks are in the run's log.",
}


def _raise_unless_done(ended: Ended, stop: Stop | None) -> None:
    if stop is not None:
        if stop.cause.is_crash and ended.complained:
            stop = Stop(stop.cause, f"{stop.what} It was at:\n{ended.complained}\n", stop.command)
        raise NightStopped(stop)
    if ended.code == _REFUSED:
        raise BacktestError(ended.complained or "The night was refused.")
    if ended.code < 0:
        raise NightCrashed(f"The night's process was killed by signal {-ended.code}.")
    if ended.code > 0:
        raise NightCrashed(ended.complained or f"The night's process ended with code {ended.code}.")
