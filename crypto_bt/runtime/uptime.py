"""A clock that no person sets and all processes of a machine share: the time since it was started."""

import time
from functools import cache
from pathlib import Path
from typing import Final

#: The boot of a system that does not tell which one it is.
UNKNOWN_BOOT: Final = "-"


def since_boot() -> tuple[str, float]:
    """Which boot of the machine this is, and the seconds since, sleep included; Linux alone tells both."""
    boot = _boot()
    return (boot, time.clock_gettime(time.CLOCK_BOOTTIME)) if boot != UNKNOWN_BOOT else (boot, 0.0)


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:13]
    except OSError:
        return UNKNOWN_BOOT
