"""A sample of the fault campaign; `make soak` runs it in full (benchmarks/soak_faults.py)."""

from pathlib import Path

import pytest

from crypto_bt_tests.faults import plans
from crypto_bt_tests.faults.campaign import run_seed

SEEDS = range(16)


@pytest.mark.parametrize("seed", SEEDS)
def test_campaign_stored_set_after_faults_equals_the_market(seed: int, tmp_path: Path) -> None:
    outcome = run_seed(seed, tmp_path)
    assert outcome.failures == [], f"seed {seed}"
    assert outcome.fired.total() >= 6
    assert outcome.figures["rows_compared"] > 500


def test_campaign_sample_holds_every_kind_of_fault() -> None:
    drawn = {kind for seed in SEEDS for kind in plans.kinds_in_turn(seed)}
    assert drawn == set(plans.ALL_KINDS)
