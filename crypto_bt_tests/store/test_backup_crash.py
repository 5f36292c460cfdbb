"""Backup, pruning, restore, rollback and gc killed at a random operation: a sample of the campaign."""

from pathlib import Path

from crypto_bt_tests.store.backup_campaign import PHASES, Tally, operations, prepare, run_round

SEED = "20261123"
KILLS = 27


def test_kill_at_random_operations_loses_nothing_and_shows_nothing_unfinished(tmp_path: Path) -> None:
    desk = prepare(tmp_path / "desk")
    sizes = {phase: operations(desk, tmp_path, phase) for phase in PHASES}
    assert min(sizes.values()) >= 5, sizes
    tally = Tally()
    run_round(desk, tmp_path, SEED, KILLS, sizes, tally)
    assert tally.failures == [], f"seed {SEED}"
    assert tally.held == tally.kills == KILLS
