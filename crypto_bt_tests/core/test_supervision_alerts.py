"""What is told of supervised processes."""

from datetime import UTC, datetime, timedelta

import pytest

from crypto_bt.core.alert_causes import CAUSES
from crypto_bt.core.supervision_alerts import DEAD, down_alert, part_alerts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def alerts(part: str, kind: str) -> list[tuple[str, bool]]:
    found = part_alerts(part, kind, f"{part} {kind}.", NOW, "logs/x.log", "crypto-bt up")
    assert all(alert.cause in CAUSES and alert.severity is CAUSES[alert.cause].severity for alert in found)
    return [(alert.cause, alert.resolved) for alert in found]


@pytest.mark.parametrize("part", DEAD)
def test_each_trouble_of_a_part_is_over_when_it_is_well(part: str) -> None:
    raised = {
        (alert.id, alert.cause)
        for kind in ("ended", "hung", "given_up")
        for alert in part_alerts(part, kind, "It went.", NOW, "x.log", "crypto-bt up")
    }
    over = {(alert.id, alert.cause) for alert in part_alerts(part, "well", "Well.", NOW, "x.log", "")}
    assert raised <= over
    assert alerts(part, "ended") == [(DEAD[part], False)]
    assert alerts(part, "hung") == [("hang_restarted", False)]
    assert alerts(part, "given_up") == [("crash_loop", False)]
    assert alerts(part, "restarted") == []


def test_having_been_down_is_over_when_the_daemon_is_well() -> None:
    down = down_alert(NOW - timedelta(hours=2), NOW)
    assert "Nothing ran from 2026-11-22 10:00 UTC for 120 min" in down.what
    by_part = {part: {alert.id for alert in part_alerts(part, "well", "", NOW, "", "")} for part in DEAD}
    assert down.id in by_part["daemon"]
    assert down.id not in by_part["webserver"]


def test_what_is_given_up_names_the_command_and_the_log() -> None:
    (alert,) = part_alerts("daemon", "given_up", "Given up.", NOW, "logs/daemon.log", "crypto-bt up --home x")
    assert alert.command == "crypto-bt up --home x"
    assert "logs/daemon.log" in alert.what
