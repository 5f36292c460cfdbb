"""A sample of the campaign of faults: each kind leaves nothing behind and publishes nothing."""

import random
from pathlib import Path

import pytest

from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.stopping import Limits
from crypto_bt_tests.night_faults import NIGHT_FAULTS, Ground
from crypto_bt_tests.test_night import spec as night_spec

spec = night_spec
SEED = 7
#: Stopped processes are waited for so long that the campaign alone does it; looping ones take their time.
SAMPLE = (
    "kill -9 of the night",
    "live trader dead before the start",
    "live trader's number reused",
    "pause in the middle",
)


@pytest.mark.parametrize("fault", SAMPLE)
def test_fault_is_told_within_10_seconds_and_leaves_nothing(
    spec: NightSpec, tmp_path: Path, fault: str
) -> None:
    ground = Ground(tmp_path, spec, Limits(600.0, 8_000.0, 200), random.Random(f"{SEED}/{fault}"))
    try:
        found = NIGHT_FAULTS[fault](ground)
    except PermissionError:
        pytest.skip("the number of the next process can be chosen by root alone")
    assert found.detection <= 10.0, f"seed {SEED}"
    assert found.recovery <= 20.0
    assert (found.orphans, found.published) == (0, 0)
