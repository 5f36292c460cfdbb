"""Keeps a few processes running: starts them in order, restarts who ends or hangs, stops them all cleanly.

Each has a session of its own, which gives way to all others, as do the runs that it starts. It imports
little, so that it costs little, and sends what has to be sent through functions it is handed.
"""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Final

from crypto_bt.core.restarts import decide_restart
from crypto_bt.runtime.family import Family
from crypto_bt.runtime.isolation import give_way
from crypto_bt.runtime.processes import interrupted_with_parent

POLL_SECONDS: Final = 0.5
HEARTBEAT_SECONDS: Final = 30.0
STOP_SECONDS: Final = 30.0
#: A child may be this long without answering its probe before it counts as hung.
HUNG_AFTER: Final = timedelta(seconds=120)
#: Who has run so long, and answers, is well.
WELL_AFTER: Final = timedelta(seconds=60)
_PROBE_EVERY: Final = timedelta(seconds=20)


@dataclass(frozen=True)
class Part:
    """A process to keep running: ``command`` in ``folder``, its output appended to ``log``; ``ready`` says
    when the next one may start, ``probe`` whether it still does its work (asked every 20 s, quickly)."""

    name: str
    command: Sequence[str]
    folder: Path
    log: Path
    environment: Mapping[str, str]
    ready: Callable[[], bool] = lambda: True
    probe: Callable[[], bool] | None = None


@dataclass
class Running:
    """A part as it runs: its ``process`` (None between two starts), when it was ``started``, when it will be
    started again (``due``), all its ``restarts``, whether it was ``given_up``, and seen ``well`` since."""

    part: Part
    process: "subprocess.Popen[bytes] | None" = None
    started: datetime | None = None
    due: datetime | None = None
    restarts: list[datetime] = field(default_factory=list)
    given_up: bool = False
    well: bool = False
    answered: datetime | None = None
    asked: datetime | None = None


@dataclass(frozen=True)
class Event:
    """What befell ``part``: ``kind`` is ended, hung, restarted, given_up, or well (at last, or again)."""

    part: str
    kind: str
    text: str


class Supervisor:
    """``clock`` gives UTC moments; ``tell`` gets every event; ``beat`` gets the state every 30 s and
    after each event."""

    def __init__(
        self,
        parts: Sequence[Part],
        clock: Callable[[], datetime],
        tell: Callable[[Event], None],
        beat: Callable[[Sequence[Running]], None],
    ) -> None:
        self._all = [Running(part) for part in parts]
        self._clock, self._tell, self._beat = clock, tell, beat
        self._stopping = False

    def run(self) -> None:
        """Keep them running until SIGINT, SIGTERM or SIGHUP; then none of them is left."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        beaten = 0.0
        try:
            for running in self._all:
                self._start(running)
                self._wait_until_ready(running)
            while not self._stopping:
                changed = [self._look_after(running) for running in self._all]
                if any(changed) or time.monotonic() - beaten >= HEARTBEAT_SECONDS:
                    self._beat(self._all)
                    beaten = time.monotonic()
                time.sleep(POLL_SECONDS)
        finally:
            self._end_all()
            self._beat(self._all)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _start(self, running: Running) -> None:
        part = running.part
        part.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with part.log.open("ab") as log:
            running.process = subprocess.Popen(
                part.command, cwd=part.folder, env=dict(part.environment), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, preexec_fn=interrupted_with_parent,
            )  # fmt: skip
        give_way(running.process.pid)
        running.started = running.answered = running.asked = self._clock()
        running.due, running.well = None, False

    def _wait_until_ready(self, running: Running) -> None:
        while not self._stopping and running.process is not None and running.process.poll() is None:
            if running.part.ready():
                return
            time.sleep(POLL_SECONDS)

    def _look_after(self, running: Running) -> bool:
        """Whether anything changed."""
        now = self._clock()
        if running.given_up:
            return False
        if running.process is None:
            if running.due is None or now < running.due:
                return False
            self._start(running)
            running.restarts.append(now)
            self._tell(Event(running.part.name, "restarted", f"{running.part.name} was started again."))
            return True
        code = running.process.poll()
        if code is not None:
            self._ended(running, now, f"{running.part.name} ended with code {code}.", "ended")
            return True
        if self._hangs(running, now):
            silent = f"{running.part.name} did not answer for {HUNG_AFTER.seconds} s and was ended."
            self._ended(running, now, silent, "hung")
            return True
        if not running.well and now - (running.started or now) >= WELL_AFTER and self._answers(running):
            running.well = True
            self._tell(Event(running.part.name, "well", f"{running.part.name} runs and answers."))
            return True
        return False

    def _answers(self, running: Running) -> bool:
        """Whether it answered since it was started; one that cannot be asked does while it lives."""
        if running.part.probe is None:
            return True
        return (running.answered or running.started) != running.started

    def _hangs(self, running: Running, now: datetime) -> bool:
        if running.part.probe is None or running.answered is None or running.asked is None:
            return False
        if now - running.asked >= _PROBE_EVERY:
            running.asked = now
            if running.part.probe():
                running.answered = now
        return now - running.answered > HUNG_AFTER

    def _ended(self, running: Running, now: datetime, text: str, kind: str) -> None:
        if running.process is not None:
            Family(running.process.pid, session=True).kill()
            running.process.wait()
        running.process = None
        found = decide_restart(running.restarts, running.started or now, now)
        running.due, running.given_up = found.at, found.given_up
        self._tell(Event(running.part.name, kind, text))
        if found.given_up:
            often = f"{running.part.name} was restarted {len(running.restarts)} times and is given up."
            self._tell(Event(running.part.name, "given_up", often))

    def _end_all(self) -> None:
        """In the reverse order, each asked once; who does not end in time is killed with all it started."""
        for running in reversed(self._all):
            process = running.process
            if process is None:
                continue
            family = Family(process.pid, session=True)
            family.usage()
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            family.kill()
            process.wait()
            running.process = None
