"""The kernel reads and writes inside its arrays: compiled with bounds checks, on nasty markets."""

import os
import subprocess
import sys

SEEDS = (700, 740)
#: Without a cache, because code with and without checks would share one.
CODE = """
import sys
import numpy as np
from crypto_bt.backtest.kernel import compiled
compiled.cache_folder = lambda: None

@compiled.whole
def beyond(values, index):
    return values[index]

try:
    beyond(np.zeros(3), 3)
except IndexError:
    pass
else:
    sys.exit("bounds are not checked")
from crypto_bt_tests.backtest.reference_campaign import check_seed
trades = 0
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    trades += sum(check_seed(seed).values())
print(trades)
"""


def test_kernel_compiled_with_bounds_checks_finds_none_broken() -> None:
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, SEEDS)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, f"seeds from {SEEDS[0]}: {done.stderr[-2000:]}"
    assert int(done.stdout) > 100
