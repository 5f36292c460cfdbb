"""What is read of the system to tell whether it is well, and the limits of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from crypto_bt.core.disk_room import DiskRoom

SUPERVISOR: Final = "supervisor"
WORKER: Final = "run worker of the night"
NIGHT: Final = "night"
DAEMON: Final = "daemon"


class Serving(StrEnum):
    """Who keeps the home at work: the supervisor, Dagster's own development server, nobody (it was stopped),
    or nobody though nobody stopped it."""

    UP = "crypto-bt up"
    DEV = "crypto-bt dev"
    NOTHING = "nothing"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class ProcessSeen:
    """A process of ours: ``mark`` says which one (empty: it does not run), ``age`` in seconds since it was
    started, ``cpu_seconds`` so far; seconds ``silent`` since its last sign of life and ``stuck`` since its
    last progress (None: it gives none). ``given_up`` by the supervisor. ``memory_mb`` resident, its own."""

    name: str
    mark: str = ""
    age: float = 0.0
    cpu_seconds: float = 0.0
    silent: float | None = None
    stuck: float | None = None
    given_up: bool = False
    memory_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class Readings:
    """What was read at one moment.

    ``daemons``: seconds since each of Dagster's daemons gave a sign of life. ``memory_mb`` of all processes
    together. ``errors``: failed runs and steps of the last hour. ``night_hours``: since the data of the last
    good night ended, or since there is any data (None: there is none). ``nights_off``: why no night is
    computed, such as "off since ... by anna"; empty where nights run. ``store``: why it does not open.
    """

    serving: Serving
    processes: Sequence[ProcessSeen]
    daemons: Mapping[str, float]
    memory_mb: float
    errors: int
    night_hours: float | None
    nights_off: str
    disk: DiskRoom
    store: str = ""


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """Beyond these something is not well; ``memory_mb`` of all processes together, ``errors`` an hour,
    ``night_hours`` since the data of the last good night ended."""

    memory_mb: float = 1500.0
    errors: int = 5
    night_hours: float = 26.0
    disk_gb: float = 1.0
    disk_share: float = 0.1
    silent_seconds: float = 120.0
    busy_seconds: float = 600.0
    busy_share: float = 0.9
