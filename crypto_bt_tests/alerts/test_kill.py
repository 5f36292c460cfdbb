"""A sample of the campaign in benchmarks/soak_alerts.py."""

from pathlib import Path

from crypto_bt_tests.alerts.kill_campaign import Tally, run_round

SEED = "5"


def test_kill_between_event_and_delivery_loses_nothing(tmp_path: Path) -> None:
    tally = Tally()
    run_round(tmp_path, 4, SEED, tally)
    assert tally.kills == 4
    assert tally.in_mid_work >= 1, "the kill must come in mid-work"
    assert tally.acknowledged > 4
    assert (tally.lost, tally.twice_without_cause, tally.stores_that_do_not_open) == (
        0,
        0,
        0,
    ), f"seed {SEED}: {tally.failures}"
