"""Why a nightly backtest must not start, or has to stop in the middle of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.holds import Hold


class StopCause(StrEnum):
    """What stops a night; by hand, to protect the machine, or for the live trader."""

    SWITCHED_OFF = "switched off"
    PAUSED = "paused"
    LIVE_TRADER = "live trader"
    TIME = "time"
    MEMORY = "memory"
    PROCESSES = "processes"
    HUNG = "hung"

    @property
    def by_hand(self) -> bool:
        """Whether a person wanted it, so that nothing is wrong."""
        return self in (StopCause.SWITCHED_OFF, StopCause.PAUSED)

    @property
    def is_crash(self) -> bool:
        """Whether it counts as a crash of the backtest (see :mod:`crypto_bt.core.crashes`)."""
        return self in (StopCause.TIME, StopCause.MEMORY, StopCause.PROCESSES, StopCause.HUNG)


@dataclass(frozen=True, slots=True)
class Stop:
    """``cause``, ``what`` in a sentence, and the ``command`` that lets it run again."""

    cause: StopCause
    what: str
    command: str

    @property
    def text(self) -> str:
        """Sentence and command."""
        return f"{self.what} {self.command}"


#: A process that beats every 30 s and was not heard of for so long is stopped or stuck; with the time it
#: takes to look, that is known within 120 s.
SILENT_SECONDS: Final = 118.0
#: So long at full CPU without any progress is a loop.
STUCK_SECONDS: Final = 600.0
#: This share of a processor is full CPU.
FULL_CPU: Final = 0.9


@dataclass(frozen=True, slots=True)
class Limits:
    """What a night may use: ``seconds``, resident ``memory_mb``, number of ``processes``; and how long it may
    give no sign of life (it gives one every ``beat_seconds``), or be at full CPU
    (``full_cpu`` of a processor) without progress."""

    seconds: float
    memory_mb: float
    processes: int
    silent_seconds: float = SILENT_SECONDS
    stuck_seconds: float = STUCK_SECONDS
    beat_seconds: float = 30.0
    full_cpu: float = FULL_CPU


@dataclass(frozen=True, slots=True)
class Wanted:
    """What people and the live trader say: ``enabled`` (BACKTEST_ENABLED), the ``hold`` on the nightly
    backtest, and what is wrong with the live trader (``trader``), None each where there is nothing."""

    enabled: bool = True
    hold: Hold | None = None
    trader: str | None = None


def unwanted(wanted: Wanted) -> Stop | None:
    """Why no night may run now, or None. The live trader comes first: it is the one to protect."""
    if wanted.trader is not None:
        return Stop(
            StopCause.LIVE_TRADER,
            wanted.trader,
            "Look after it, then let nights run again: crypto-bt resume.",
        )
    if not wanted.enabled:
        return Stop(
            StopCause.SWITCHED_OFF,
            "The nightly backtest is switched off (BACKTEST_ENABLED=0).",
            "Set BACKTEST_ENABLED=1 in the home's .env.",
        )
    if wanted.hold is not None:
        return Stop(
            StopCause.PAUSED, f"The nightly backtest is {wanted.hold.text}.", "Resume it: crypto-bt resume."
        )
    return None


def hanging(
    *, silent_seconds: float, stuck_seconds: float, cpu_share: float, limits: Limits | None = None
) -> str | None:
    """Whether the night's process hangs, in words: nothing heard of it (``silent_seconds`` since its last
    sign of life), or no progress for ``stuck_seconds`` though it used ``cpu_share`` of a processor in them.

    Full CPU alone is what every healthy backtest shows.
    """
    silent = limits.silent_seconds if limits else SILENT_SECONDS
    stuck = limits.stuck_seconds if limits else STUCK_SECONDS
    if silent_seconds > silent:
        return f"was not heard of for {silent_seconds:.0f} s"
    if stuck_seconds > stuck and cpu_share > (limits.full_cpu if limits else FULL_CPU):
        return f"made no progress for {stuck_seconds / 60:.0f} minutes at full CPU"
    return None


def exceeded(
    limits: Limits, *, seconds: float, memory_mb: float, processes: int
) -> tuple[StopCause, str] | None:
    """What goes beyond ``limits``, such as "took longer than 5 minutes", or None."""
    if processes > limits.processes:
        return StopCause.PROCESSES, f"started {processes} processes, more than {limits.processes}"
    if memory_mb > limits.memory_mb:
        return StopCause.MEMORY, f"used {memory_mb:.0f} MB of memory, more than {limits.memory_mb:.0f}"
    if seconds >= limits.seconds:
        return StopCause.TIME, f"took longer than {limits.seconds / 60:g} minutes"
    return None


def trader_alert(what: str, value: str, since: datetime) -> Alert:
    """That the live trader is in trouble, or, as resolved, that a person has seen to it."""
    return Alert(
        cause="live_trader",
        severity=AlertSeverity.CRITICAL,
        what=what,
        where="live trader",
        value=value,
        limit="alive",
        since=since,
        command="crypto-bt resume",
    )
