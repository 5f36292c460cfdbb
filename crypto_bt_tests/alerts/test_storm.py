"""A storm is a handful of messages that name everything; a sample of benchmarks/soak_alerts.py."""

from pathlib import Path

from crypto_bt_tests.alerts.storm import storm

SEED = "11"


def test_storm_is_told_in_few_messages_that_leave_nothing_out(tmp_path: Path) -> None:
    after = storm(tmp_path, SEED, reports=150, hours=0.3)
    said = f"seed {SEED}: {after}"
    assert after.critical > 30, said
    assert after.most_messages_an_hour <= 10, said
    assert after.most_urgent_a_minute == 1, said
    assert after.causes_not_named == (), said
    assert after.critical_not_sent == 0, said
    assert after.p99_seconds < 120, said
    assert after.bytes_after < 1_000_000, said
