"""A seeded sample of the budget campaign; benchmarks/soak_budget.py runs it in full."""

import pytest

from crypto_bt.core.universe import UNIVERSE
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt_tests.sources.budget_campaign import BACKFILL, LIMIT, NOW, run_repeat


@pytest.fixture(scope="module")
def market():
    return SyntheticMarket(7, UNIVERSE, lambda: NOW)


#: Of these two one is killed in the middle of its work.
@pytest.mark.parametrize("seed", ["7/1", "7/9"])
def test_four_processes_beside_a_trader_keep_their_share_and_nobody_is_refused(market, tmp_path, seed):
    repeat = run_repeat(seed, market, tmp_path)

    assert not repeat.void, f"seed {seed}: the trader had no processor: {repeat.figures}"
    assert repeat.failures == [], f"seed {seed}: {repeat.figures}"
    assert repeat.figures["most_of_ours_in_a_minute"] <= BACKFILL * LIMIT, f"seed {seed}"
    assert repeat.figures["most_of_all_in_a_minute"] <= LIMIT, f"seed {seed}"
    assert repeat.figures["our_weight"] > 1_000, f"seed {seed}: nothing was asked"
