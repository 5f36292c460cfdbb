"""The machine's own clock."""

import subprocess
import sys

from crypto_bt.runtime.uptime import UNKNOWN_BOOT, since_boot

ASK = "from crypto_bt.runtime.uptime import since_boot; print(*since_boot())"


def test_since_boot_is_one_clock_for_all_processes_and_only_goes_on() -> None:
    boot, before = since_boot()
    told = subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, check=True
    ).stdout.split()
    again, after = since_boot()
    assert told[0] == boot == again
    assert len(boot.split()) == 1
    if boot != UNKNOWN_BOOT:
        assert before <= float(told[1]) <= after
