"""Telegram goes wrong in each of its ways, over real sockets: nothing is lost, and each fault has shown."""

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from crypto_bt.alerts import NotDelivered
from crypto_bt.alerts.telegram import TelegramChannel
from crypto_bt.core.alert_routing import Policy
from crypto_bt.core.alert_text import Message
from crypto_bt.core.alerts import AlertSeverity
from crypto_bt.simulator.telegram import LoopbackTelegram, running
from crypto_bt.simulator.telegram_faults import TelegramFault, TelegramFaultKind, TelegramFaultPlan
from crypto_bt_tests.alerts.samples import CHAT, NOON, TOKEN, Desk, alert, critical, telegram_desk

K = TelegramFaultKind
SECOND = timedelta(seconds=1)


def fault(kind: K, **rest: object) -> TelegramFault:
    return TelegramFault(kind, **rest)  # type: ignore[arg-type]


def until_sent(desk: Desk, seconds: int, step: timedelta = 5 * SECOND) -> float:
    """Deliver until something arrives; how many seconds that took."""
    for passed in range(0, seconds, step.seconds):
        desk.office.deliver()
        if desk.texts:
            return passed
        desk.clock.now += step
    raise AssertionError(f"nothing arrived in {seconds} s: {desk.office.history.channels()}")


@pytest.mark.parametrize(
    ("kind", "times", "within"),
    [
        (K.DOWN, 3, 70),
        (K.BROKEN, 3, 70),
        (K.NO_JSON, 1, 10),
        (K.UNAUTHORIZED, 2, 25),
        (K.NO_CHAT, 2, 25),
        (K.BLOCKED, 2, 25),
    ],
)
def test_fault_that_passes_holds_the_alert_up_and_no_longer(
    tmp_path: Path, kind: K, times: int, within: int
) -> None:
    planned = fault(kind, times=times)
    with telegram_desk(tmp_path, planned) as desk:
        desk.office.send(critical())
        assert until_sent(desk, 600) <= within
        assert desk.telegram.faults.fired[planned] == times
        assert all(critical().id in text for text in desk.texts)


def test_fault_down_for_an_hour_everything_arrives_afterwards(tmp_path: Path) -> None:
    planned = fault(K.DOWN, times=None)
    with telegram_desk(tmp_path, planned) as desk:
        desk.office.send(critical())
        desk.office.send(alert())
        desk.runs(60, step=100 * SECOND)
        assert desk.telegram.faults.fired[planned] > 30, "it keeps trying"
        assert desk.texts == []
        [state] = [s for s in desk.office.history.channels() if s.name == "telegram"]
        assert "Telegram did not take a message" in state.error
        desk.telegram.faults.faults = ()
        desk.runs(2, step=5 * SECOND)
        assert len(desk.texts) == 2


def test_fault_429_the_wait_is_kept_to_the_second(tmp_path: Path) -> None:
    planned = fault(K.TOO_MANY, seconds=37)
    with telegram_desk(tmp_path, planned) as desk:
        desk.office.send(critical())
        desk.office.deliver()
        for _ in range(36):
            desk.clock.now += SECOND
            desk.office.deliver()
        assert desk.telegram.requests["sendMessage"] == 1, "nobody asks inside a retry_after"
        desk.clock.now += SECOND
        desk.office.deliver()
        assert desk.telegram.faults.fired[planned] == 1
        assert len(desk.texts) == 1


def test_fault_markup_refused_is_sent_as_plain_text(tmp_path: Path) -> None:
    planned = fault(K.MARKUP)
    with telegram_desk(tmp_path, planned) as desk:
        desk.office.send(critical(what="a < b & <b>c</b>"))
        desk.office.deliver()
        assert desk.telegram.faults.fired[planned] == 1
        [sent] = desk.telegram.sent
        assert "a < b & <b>c</b>" in sent.markup


@pytest.mark.parametrize("severity", [AlertSeverity.WARNING, AlertSeverity.CRITICAL])
def test_fault_one_poisonous_word_is_set_aside_with_the_reason(
    tmp_path: Path, severity: AlertSeverity
) -> None:
    planned = fault(K.UNREADABLE, holding="poisonous", times=None)
    with telegram_desk(tmp_path, planned) as desk:
        wheres = ("one", "poisonous", "three")
        for where in wheres:
            desk.office.send(alert("data_age", where, severity))
        desk.runs(10, step=30 * SECOND)
        assert desk.telegram.faults.fired[planned] >= 2
        arrived = "\n".join(desk.texts)
        assert ["one" in arrived, "three" in arrived, "poisonous" in arrived] == [True, True, False]
        [poison] = [
            word for word in desk.office.history.words(NOON) if word.deliveries["telegram"][0] == "poison"
        ]
        assert poison.alert.where == "poisonous"
        assert "encoded" in poison.deliveries["telegram"][1]


def test_fault_reset_after_send_may_repeat_and_says_the_same(tmp_path: Path) -> None:
    planned = fault(K.RESET_AFTER_SEND)
    with telegram_desk(tmp_path, planned) as desk:
        desk.office.send(critical())
        desk.runs(2, step=5 * SECOND)
        assert desk.telegram.faults.fired[planned] == 1
        assert len(desk.texts) == 2
        assert len(set(desk.texts)) == 1, "the same short id shows that it is the same"


@pytest.mark.parametrize("kind", [K.SLOW, K.SILENT])
def test_fault_endless_answer_is_given_up(kind: K) -> None:
    planned = fault(kind, seconds=30)
    server = LoopbackTelegram(TOKEN, time.monotonic, faults=TelegramFaultPlan([planned]))
    with running(server) as telegram:
        channel = TelegramChannel(SecretStr(TOKEN), CHAT, telegram.url, patience=0.3)
        began = time.monotonic()
        with pytest.raises(NotDelivered):
            channel.send(Message("x", "x"))
        assert time.monotonic() - began < 15
        assert telegram.faults.fired[planned] == 1
        channel.send(Message("y", "y"))
        assert telegram.sent[-1].text == "y"


def test_token_is_in_no_log_and_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kinds: Sequence[K] = (K.UNAUTHORIZED, K.DOWN, K.BROKEN, K.NO_JSON, K.UNREADABLE, K.TOO_MANY)
    with caplog.at_level(logging.DEBUG):
        for library in ("httpx", "httpcore", "telegram"):
            logging.getLogger(library).setLevel(logging.NOTSET)
        for place, kind in enumerate(kinds):
            home = tmp_path / str(place)
            home.mkdir()
            with telegram_desk(home, fault(kind)) as desk:
                desk.office.send(critical())
                done = desk.office.deliver()
                assert TOKEN not in str(done)
                assert TOKEN not in str(desk.office.history.channels())
                for path in home.iterdir():
                    assert TOKEN.encode() not in path.read_bytes()
    assert TOKEN not in caplog.text
    assert TOKEN.partition(":")[2] not in caplog.text


def test_wrong_token_is_told_apart_from_a_bad_line() -> None:
    with running(LoopbackTelegram(TOKEN, time.monotonic)) as telegram:
        other = TelegramChannel(SecretStr("1:" + "x" * 30), CHAT, telegram.url)
        with pytest.raises(NotDelivered, match="Check TELEGRAM_BOT_TOKEN") as caught:
            other.send(Message("x", "x"))
        assert "x" * 30 not in str(caught.value)
        assert TelegramChannel(SecretStr(TOKEN), CHAT, telegram.url).whoami() == "@desk_bot"


def test_three_chats_each_severity_arrives_in_its_own(tmp_path: Path) -> None:
    chats = {AlertSeverity.CRITICAL: "1", AlertSeverity.WARNING: "2", AlertSeverity.INFO: "3"}
    with telegram_desk(tmp_path, policy=Policy(chats=chats), chats=chats) as desk:
        desk.office.send(critical())
        desk.office.send(alert())
        told = alert("digest", severity=AlertSeverity.INFO, what="All is well.")
        desk.office.outbox.add_digest(told, "All is well.", None, NOON, "digest")
        desk.runs(6, step=30 * SECOND)
        assert sorted(sent.chat for sent in desk.telegram.sent) == ["1", "2", "3"]


def test_chat_limit_of_telegram_itself_is_waited_for(tmp_path: Path) -> None:
    with telegram_desk(tmp_path) as desk:
        channel = desk.office.channels[1]
        for number in range(20):
            channel.send(Message(f"{number}", f"{number}"))
        desk.office.send(critical())
        desk.runs(2, step=5 * SECOND)
        assert len(desk.texts) == 21
