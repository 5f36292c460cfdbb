"""The outbox: told once, counted after that, held while muted, small for ever."""

import os
import sqlite3
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from crypto_bt.alerts import AlertOffice, Report, open_alerts
from crypto_bt.alerts.database import Database, OutboxDamaged
from crypto_bt.core.alert_routing import Lane, Policy
from crypto_bt.core.alert_text import PICTURED
from crypto_bt.core.alert_wiring import Wiring
from crypto_bt.core.alerts import AlertSeverity
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.simulator.telegram_faults import TelegramFault, TelegramFaultKind
from crypto_bt_tests.alerts.samples import MINUTE, NOON, Clock, alert, critical, telegram_desk


def states(office: AlertOffice, channel: str = "telegram") -> list[str]:
    """What became of each word, the oldest first."""
    return [w.deliveries[channel][0] for w in reversed(office.history.words(NOON - 99 * MINUTE))]


def test_report_writes_before_anything_is_sent_for_the_owner_alone(tmp_path: Path) -> None:
    office = open_alerts(tmp_path, Wiring(), Clock())
    office.send(alert())
    assert stat.S_IMODE((tmp_path / "outbox.db").stat().st_mode) == 0o600
    assert not (tmp_path / "alerts.log").exists()
    assert [trouble.count for trouble in office.history.standing()] == [1]


def test_report_repeats_are_counted_not_sent(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        for _ in range(5):
            desk.office.send(alert())
        desk.runs(60, step=5 * MINUTE)
        assert len(desk.texts) == 1
        assert [trouble.count for trouble in desk.office.history.standing()] == [5]


def test_report_same_event_is_the_same_report(tmp_path: Path) -> None:
    office = open_alerts(tmp_path, Wiring(), Clock())
    reports = [Report(alert(), "check:7"), Report(alert(), "check:7"), Report(alert(), "check:8")]
    assert office.send_all(reports) == 2
    assert office.send_all(reports) == 0
    assert office.history.standing()[0].count == 2
    assert office.history.known(["check:7", "check:9"]) == {"check:7"}


def test_resolved_is_told_once_when_it_was_told_before(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.send(alert().as_resolved())
        desk.runs(10)
        assert desk.texts == []
        desk.office.send(alert())
        desk.runs(10)
        desk.office.send(alert().as_resolved())
        desk.office.send(alert().as_resolved())
        desk.runs(10)
        assert ["RESOLVED" in text for text in desk.texts] == [False, True]
        assert all(alert().id in text for text in desk.texts)


def test_warning_flapping_is_told_once_in_its_cooldown(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        for _ in range(10):
            desk.office.send(alert())
            desk.runs(1)
            desk.office.send(alert().as_resolved())
            desk.runs(1)
        assert sum(text.count("CRITICAL") + text.count("WARNING") for text in desk.texts) == 1
        desk.office.send(alert())
        desk.runs(60, step=5 * MINUTE)
        assert "WARNING coverage" in desk.texts[-1], "what stands is told once the cooldown is over"


def test_critical_is_sent_with_the_next_delivery(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.send(critical())
        desk.runs(0.3)
        assert len(desk.texts) == 1
        assert not desk.telegram.sent[0].silent


def test_mute_holds_and_tells_later_what_still_stands(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.history.mute("coverage", NOON + timedelta(hours=6))
        for where in ("candles_1h", "candles_4h"):
            desk.office.send(alert(where=where))
        desk.office.send(critical())
        desk.runs(60, step=5 * MINUTE)
        assert ["data_age" in text for text in desk.texts] == [True]
        assert states(desk.office) == ["muted", "muted", "sent"]
        desk.office.send(alert(where="candles_4h").as_resolved())
        desk.runs(6 * 60, step=5 * MINUTE)
        assert len(desk.texts) == 2
        assert "candles_1h" in desk.texts[1]
        assert "candles_4h" not in desk.texts[1]


def test_mute_end_of_what_was_told_before_is_told_all_the_same(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.send(alert())
        desk.runs(6)
        desk.office.history.mute("coverage", NOON + timedelta(hours=6))
        desk.office.send(alert().as_resolved())
        desk.runs(10)
        assert ["RESOLVED" in text for text in desk.texts] == [False, True]


def test_unmute_tells_at_once(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.history.mute("data_age", NOON + timedelta(hours=6))
        desk.office.send(critical())
        desk.runs(1)
        assert desk.office.history.unmute("data_age")
        assert not desk.office.history.unmute("data_age")
        desk.runs(1)
        assert len(desk.texts) == 1


def test_resend_sends_the_last_word_again(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.send(critical())
        desk.runs(2)
        assert desk.office.history.resend(critical().id) == 2
        assert desk.office.history.resend("0" * 10) == 0
        desk.runs(2)
        assert len(desk.texts) == 2
        assert len(set(desk.texts)) == 1


def test_channel_set_up_later_is_told_of_what_stands_and_of_its_end(tmp_path: Path) -> None:
    before = open_alerts(tmp_path, Wiring(), Clock())
    before.send(critical())
    before.send(alert("freshness", severity=AlertSeverity.INFO))
    before.send(alert("listing"))
    before.deliver()
    before.send(alert("listing").as_resolved())
    with telegram_desk(tmp_path) as desk:
        desk.clock.passes(days=31)
        desk.office.history.prune(desk.clock.now)
        desk.runs(10)
        assert ["CRITICAL data_age" in text for text in desk.texts] == [True]
        desk.office.send(critical().as_resolved())
        desk.runs(10)
        assert ["RESOLVED data_age" in text for text in desk.texts] == [False, True]


def test_channel_set_up_later_is_not_told_of_the_end_alone(tmp_path: Path) -> None:
    open_alerts(tmp_path, Wiring(), Clock()).send(critical())
    with telegram_desk(tmp_path) as desk:
        desk.office.send(critical().as_resolved())
        desk.runs(10)
        assert desk.texts == []


@pytest.mark.parametrize("over", [False, True])
def test_resend_goes_through_every_channel_that_there_is_now(tmp_path: Path, over: bool) -> None:
    open_alerts(tmp_path, Wiring(), Clock()).send(critical(resolved=False))
    if over:
        open_alerts(tmp_path, Wiring(), Clock()).send(critical(resolved=True))
    with telegram_desk(tmp_path) as desk:
        assert desk.office.history.resend(critical().id) == 2
        desk.runs(2)
        assert ["RESOLVED" in text for text in desk.texts] == [over]


def test_resend_of_an_end_that_was_muted_tells_it(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.history.mute("coverage", NOON + MINUTE)
        desk.office.send(alert())
        desk.runs(0.5)
        desk.office.send(alert().as_resolved())
        desk.runs(10)
        assert desk.texts == []
        desk.office.history.resend(alert().id)
        desk.runs(10)
        assert ["RESOLVED" in text for text in desk.texts] == [True]


def test_news_is_told_though_the_trouble_stands(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.send(critical())
        desk.runs(2)
        desk.office.send(critical(news=True, what="It is worse than that."))
        desk.runs(2)
        desk.office.send(critical().as_resolved())
        desk.runs(10)
        assert len(desk.texts) == 3
        assert sum("RESOLVED" in text for text in desk.texts) == 1


def test_lease_two_deliverers_send_nothing_twice(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.send(critical())
        first = desk.office.outbox.lease("telegram", NOON)
        assert desk.office.outbox.lease("telegram", NOON + timedelta(seconds=29)) == []
        [again] = desk.office.outbox.lease("telegram", NOON + timedelta(seconds=91))
        desk.office.outbox.delivered(first[0].number, "late", NOON)
        assert states(desk.office) == ["leased"], "whoever lost the lease has no say"
        desk.office.outbox.delivered(again.number, "1", NOON)
        assert states(desk.office) == ["sent"]


def test_clock_set_back_by_an_hour_holds_nothing_up(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.send(critical())
        desk.office.send(alert())
        desk.runs(0.5)
        desk.office.send(critical("left behind by a sender that died"))
        assert desk.office.outbox.lease("telegram", desk.clock.now + MINUTE) != []
        assert len(desk.texts) == 2
        desk.clock.passes(hours=-1)
        desk.office.send(alert("listing"))
        desk.runs(2)
        assert len(desk.texts) == 4
        assert "left behind" in "".join(desk.texts)


def test_clock_set_back_after_a_failure_does_not_prolong_the_rest(tmp_path: Path) -> None:
    with telegram_desk(tmp_path, TelegramFault(TelegramFaultKind.DOWN)) as desk:
        desk.office.send(critical())
        desk.office.deliver()
        assert desk.texts == []
        desk.clock.passes(hours=-1)
        desk.office.deliver()
        assert len(desk.texts) == 1


def test_clock_that_was_ahead_for_a_while_holds_nothing_for_longer_than_the_cooldown(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.send(alert())
        desk.runs(1)
        desk.clock.passes(days=365)
        desk.office.send(alert().as_resolved())
        desk.runs(1)
        desk.office.send(alert(what="held while the clock is ahead"))
        desk.clock.passes(days=-365)
        desk.office.send(alert("listing"))
        desk.office.send(alert("listing").as_resolved())
        desk.runs(40, step=5 * MINUTE)
        assert ["WARNING coverage" in text for text in desk.texts].count(True) == 2
        desk.office.send(alert().as_resolved())
        desk.runs(10)
        assert sum("RESOLVED coverage" in text for text in desk.texts) == 2


def test_info_is_counted_for_the_digest_only(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.send(alert("freshness", severity=AlertSeverity.INFO))
        desk.runs(60, step=5 * MINUTE)
        assert desk.texts == []
        assert desk.office.history.raised_by_cause(NOON) == {"freshness": 1}


def test_digest_comes_once_with_its_picture_in_quiet_hours_too(tmp_path: Path) -> None:
    policy = Policy(quiet=(NOON.time(), (NOON + timedelta(hours=2)).time()))
    told = alert("digest", severity=AlertSeverity.INFO, what="All is well.")
    with telegram_desk(tmp_path, policy=policy) as desk:
        png = b"\x89PNG\r\n\x1a\n picture"
        for _ in range(2):
            desk.office.outbox.add_digest(told, "<b>All</b> is well.", png, NOON, "digest:2026-03-02")
        desk.runs(1)
        assert [(sent.text, sent.picture, sent.silent) for sent in desk.telegram.sent] == [
            ("All is well.", None, True),
            (PICTURED, png, True),
        ]


def test_database_that_is_damaged_is_begun_anew_and_said(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.send(alert())
        (tmp_path / "outbox.db").write_bytes(b"no database" * 1000)
        for beside in ("outbox.db-wal", "outbox.db-shm"):
            (tmp_path / beside).unlink(missing_ok=True)
        desk.office.send(critical())
        desk.runs(2)
        assert "outbox_damaged" in desk.texts[0]
        assert "data_age" in desk.texts[0]
        assert len(desk.texts) == 1
        assert (tmp_path / "outbox.db.damaged").read_bytes().startswith(b"no database")


def test_database_whose_damage_a_reader_finds_is_said_with_the_next_delivery(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        (tmp_path / "outbox.db").write_bytes(b"no database" * 1000)
        with pytest.raises(OutboxDamaged, match=r"It is kept as .*outbox\.db\.damaged"):
            desk.office.history.standing()
        desk.runs(5)
        assert ["outbox_damaged" in text for text in desk.texts] == [True]


def test_database_whose_damage_two_find_loses_nothing_that_the_first_took_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (open_alerts(tmp_path, Wiring(), Clock()) for _ in range(2))
    first.send(alert())
    (tmp_path / "outbox.db").write_bytes(b"no database" * 1000)
    moves = Database._set_aside
    fired = []

    def late(self: Database, damaged: os.stat_result | None) -> None:
        monkeypatch.setattr(Database, "_set_aside", moves)
        first.send(critical())
        fired.append(first.history.standing())
        moves(self, damaged)

    monkeypatch.setattr(Database, "_set_aside", late)
    with pytest.raises(OutboxDamaged):
        second.history.standing()
    assert len(fired) == 1
    assert second.history.standing() == fired[0] != []
    assert (tmp_path / "outbox.db.damaged").read_bytes().startswith(b"no database")


@pytest.mark.parametrize(
    "spoiled", ["replace(alert, 'warning', 'notice')", "'{'", "'7'", "replace(alert, '2026', 'year')"]
)
def test_word_that_cannot_be_read_is_set_aside_and_holds_up_nothing(tmp_path: Path, spoiled: str) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.send(alert())
        with sqlite3.connect(tmp_path / "outbox.db") as raw:
            for table in ("words", "troubles"):
                raw.execute(f"UPDATE {table} SET alert = {spoiled}")
        raw.close()
        desk.office.send(critical())
        desk.runs(10)
        assert ["CRITICAL data_age" in text for text in desk.texts] == [True]
        assert [trouble.alert.cause for trouble in desk.office.history.standing()] == ["data_age"]
        assert states(desk.office) == ["sent"]
        with sqlite3.connect(tmp_path / "outbox.db") as raw:
            assert raw.execute("SELECT DISTINCT state FROM deliveries WHERE word = 1").fetchall() == [
                ("poison",)
            ]
        raw.close()
        desk.office.send(alert())
        desk.runs(10)
        assert "WARNING coverage" in desk.texts[-1], "what was not understood is told when it is seen again"


def test_database_that_cannot_be_opened_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").mkdir()
    with pytest.raises(CryptoBtError, match=r"cannot be used.*Mend the disk"):
        open_alerts(tmp_path, Wiring(), Clock()).send(alert())


def test_report_all_or_nothing(tmp_path: Path) -> None:
    office = open_alerts(tmp_path, Wiring(), Clock())
    office.send(alert())
    with sqlite3.connect(tmp_path / "outbox.db") as raw:
        raw.execute(
            "CREATE TRIGGER full BEFORE INSERT ON words WHEN NEW.cause = 'listing' "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    raw.close()
    with pytest.raises((CryptoBtError, sqlite3.IntegrityError)):
        office.send_all([Report(critical(), "a"), Report(alert("listing"), "b")])
    assert [trouble.alert.cause for trouble in office.history.standing()] == ["coverage"]
    assert office.history.known(["a", "b"]) == set()


def test_without_telegram_the_console_and_the_log_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office = open_alerts(tmp_path, Wiring(), Clock())
    assert "Telegram is not set up" in office.wiring.missing
    office.send(alert())
    office.deliver()
    assert "WARNING coverage" in capsys.readouterr().err
    assert alert().id in (tmp_path / "alerts.log").read_text()


def test_deliver_urgent_lane_alone_sends_nothing_else(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.send(alert())
        desk.office.send(critical())
        desk.clock.passes(minutes=10)
        desk.office.deliver((Lane.URGENT,))
        assert len(desk.texts) == 1
        desk.office.deliver()
        assert len(desk.texts) == 2


def test_prune_keeps_what_waits_and_stands_and_drops_the_old(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        desk.office.send(alert(where="stands"))
        desk.runs(10)
        desk.office.send(alert(where="over"))
        desk.office.send(alert(where="over").as_resolved())
        desk.runs(10)
        desk.office.history.mute("listing", NOON + timedelta(days=99))
        desk.office.send(alert("listing", where="muted"))
        desk.runs(1)
        later = NOON + timedelta(days=31)
        desk.office.history.prune(later)
        assert [trouble.alert.where for trouble in desk.office.history.standing()] == ["stands", "muted"]
        kept = [w.alert.where for w in desk.office.history.words(NOON)]
        assert kept == ["muted", "stands"], "what stands is kept with who was told of it"
