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
#: Who has answered its probe once, and then not for so long, hangs.
HUNG_AFTER: Final = timedelta(seconds=120)
#: Who has run so long, and answers, is well.
WELL_AFTER: Final = timedelta(seconds=60)
#: Who has not opened for work, or never answered, so long after its start hangs; a start may be slow.
READY_WITHIN: Final = timedelta(minutes=5)


#: The supervisor's own name in its events.
ITSELF: Final = "supervisor"


@dataclass(frozen=True)
class Part:
    """A process to keep running: ``command`` in ``folder``, its output appended to ``log``; ``ready`` says
    when the next one may start, ``probe`` whether it still does its work (asked ``probe_every``, quickly)."""

    name: str
    command: Sequence[str]
    folder: Path
    log: Path
    environment: Mapping[str, str]
    ready: Callable[[], bool] = lambda: True
    probe: Callable[[], bool] | None = None
    probe_every: timedelta = timedelta(seconds=20)


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
    """What befell ``part``: ``kind`` is ended, hung, restarted, given_up, or well (at last, or again); or of
    :data:`ITSELF` unwritten, or written again: its own state."""

    part: str
    kind: str
    text: str


class Supervisor:
    """``clock`` gives UTC moments, by which deadlines pass (see :mod:`crypto_bt.runtime.steady_clock`);
    ``tell`` gets every event; ``beat`` gets the state every 30 s and after each event, and may raise OSError.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        clock: Callable[[], datetime],
        tell: Callable[[Event], None],
        beat: Callable[[Sequence[Running]], None],
    ) -> None:
        self._all = [Running(part) for part in parts]
        self._clock, self._tell, self._beat = clock, tell, beat
        self._stopping = self._unwritten = False

    def run(self) -> None:
        """Keep them running until SIGINT, SIGTERM or SIGHUP; then none of them is left."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        beaten = 0.0
        try:
            for running in self._all:
                if self._start(running):
                    self._wait_until_ready(running)
            while not self._stopping:
                changed = [self._look_after(running) for running in self._all]
                if any(changed) or time.monotonic() - beaten >= HEARTBEAT_SECONDS:
                    self._write()
                    beaten = time.monotonic()
                time.sleep(POLL_SECONDS)
        finally:
            self._end_all()
            self._write()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _write(self) -> None:
        """Write the state; where that cannot be, it is told once, and the parts run on."""
        try:
            self._beat(self._all)
        except OSError as error:
            if not self._unwritten:
                text = f"The supervisor cannot write its state: {error}. What it keeps running runs on."
                self._tell(Event(ITSELF, "unwritten", text))
            self._unwritten = True
        else:
            if self._unwritten:
                self._tell(Event(ITSELF, "written", "The supervisor can write its state again."))
            self._unwritten = False

    def _start(self, running: Running) -> bool:
        """Whether it could be started; where not, that counts as an end of it."""
        part = running.part
        running.started = running.answered = running.asked = self._clock()
        running.due, running.well = None, False
        try:
            part.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with part.log.open("ab") as log:
                running.process = subprocess.Popen(
                    part.command, cwd=part.folder, env=dict(part.environment), stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log, start_new_session=True, preexec_fn=interrupted_with_parent,
                )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            self._ended(running, running.started, f"{part.name} could not be started: {error}.", "ended")
            return False
        give_way(running.process.pid)
        return True

    def _wait_until_ready(self, running: Running) -> None:
        began = self._clock()
        while not self._stopping and running.process is not None and running.process.poll() is None:
            if running.part.ready():
                return
            if self._clock() - began > READY_WITHIN:
                text = f"{running.part.name} was not ready within {READY_WITHIN.seconds} s and was ended."
                self._ended(running, self._clock(), text, "hung")
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
            running.restarts.append(now)
            if self._start(running):
                self._tell(Event(running.part.name, "restarted", f"{running.part.name} was started again."))
            return True
        code = running.process.poll()
        if code is not None:
            self._ended(running, now, f"{running.part.name} ended with code {code}.", "ended")
            return True
        patience = HUNG_AFTER if self._answers(running) else READY_WITHIN
        if self._silence(running, now) > patience:
            silent = f"{running.part.name} did not answer for {patience.seconds} s and was ended."
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

    def _silence(self, running: Running, now: datetime) -> timedelta:
        """Since it last answered, or was started; asked now if it is time to."""
        if running.part.probe is None or running.answered is None or running.asked is None:
            return timedelta(0)
        if now - running.asked >= running.part.probe_every:
            running.asked = now
            if running.part.probe():
                running.answered = now
        return now - running.answered

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
