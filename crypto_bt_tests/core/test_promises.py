"""Promises beside what was measured: kept, not kept, or nothing to say."""

from datetime import UTC, date, datetime, timedelta

import pytest

from crypto_bt.core.health import HealthStatus, Sample
from crypto_bt.core.promises import Told, covered, false_alerts, nights_done, processor, restored, up
from crypto_bt.core.service_level import Nights, Uptime

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY = date(2026, 11, 21)


def test_uptime_and_recovery_are_kept_up_to_their_limits() -> None:
    share, back = up(Uptime(99_500.0, 100_000.0, (200.0, 300.0)))
    assert (share.kept, back.kept) == (True, True)
    assert back.seen == "300 s at most, 250 s median of 2"
    share, back = up(Uptime(99_499.0, 100_000.0, (501.0,)))
    assert (share.kept, back.kept) == (False, False)


def test_nothing_recorded_is_neither_kept_nor_broken() -> None:
    assert [each.kept for each in up(Uptime(0.0, 0.0, ()))] == [None]
    assert [each.kept for each in up(Uptime(60.0, 60.0, ()))] == [True, None]
    assert nights_done(Nights((), (), ())).kept is None
    assert processor([]).value is None
    assert restored(None, None, NOW).kept is None
    assert [each.kept for each in covered({"1h": (0, 0)}, 0.95)] == [None]


def test_nights_and_coverage() -> None:
    assert nights_done(Nights((DAY,), (), ())).kept is False
    assert nights_done(Nights((DAY,), (DAY,), ())).kept is True
    found = covered({"1h": (57, 60), "4h": (56, 60)}, 0.95)
    assert [(each.name, each.kept) for each in found] == [("coverage_1h", True), ("coverage_4h", False)]


def test_processor_is_what_each_process_added_between_two_looks() -> None:
    """A process that was replaced begins at nothing; looks that were thinned out tell of no process."""
    looks = [
        Sample(NOW, HealthStatus.HEALTHY),
        Sample(NOW + timedelta(minutes=1), HealthStatus.HEALTHY, cpu={"a": 10.0, "b": 5.0}),
        Sample(NOW + timedelta(minutes=2), HealthStatus.HEALTHY, cpu={"a": 16.0, "c": 3.0}),
    ]
    assert processor(looks).value == pytest.approx(0.1)


def test_an_alert_that_was_over_at_once_needed_nobody() -> None:
    brief, long, standing = (
        Told(NOW, timedelta(seconds=119)),
        Told(NOW, timedelta(minutes=2)),
        Told(NOW, None),
    )
    assert false_alerts([brief, long, standing], 7).value == pytest.approx(1 / 7)
    assert false_alerts([brief] * 7, 7).kept is False
    assert false_alerts([], 7).kept is True


def test_restore_drill_within_its_time() -> None:
    assert restored(899.0, NOW - timedelta(days=3), NOW).kept is True
    assert restored(901.0, NOW, NOW).kept is False
