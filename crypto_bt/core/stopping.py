"""Why a nightly backtest must not start, or has to stop in the middle of it."""

from dataclasses import dataclass
from enum import StrEnum

from crypto_bt.core.holds import Hold


class StopCause(StrEnum):
    """What stops a night; by hand, to protect the machine, or for the live trader."""

    SWITCHED_OFF = "switched off"
    PAUSED = "paused"
    LIVE_TRADER = "live trader"
    TIME = "time"
    MEMORY = "memory"
    PROCESSES = "processes"

    @property
    def by_hand(self) -> bool:
        """Whether a person wanted it, so that nothing is wrong."""
        return self in (StopCause.SWITCHED_OFF, StopCause.PAUSED)

    @property
    def is_crash(self) -> bool:
        """Whether it counts as a crash of the backtest (see :mod:`crypto_bt.core.crashes`)."""
        return self in (StopCause.TIME, StopCause.MEMORY, StopCause.PROCESSES)


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


@dataclass(frozen=True, slots=True)
class Limits:
    """What a night may use: ``seconds``, resident ``memory_mb``, number of ``processes``."""

    seconds: float
    memory_mb: float
    processes: int


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
