"""What every alert channel does. A new one adds itself to CHANNELS and passes this file."""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from crypto_bt.alerts.apprise import AppriseChannel
from crypto_bt.alerts.channel import Channel, NotDelivered
from crypto_bt.alerts.console import ConsoleChannel
from crypto_bt.alerts.log_channel import LogChannel
from crypto_bt.alerts.log_file import AlertLog
from crypto_bt.alerts.telegram import TelegramChannel
from crypto_bt.core.alert_routing import Batch, Item, Lane, Waiting
from crypto_bt.core.alert_text import Message, compose
from crypto_bt.core.alert_troubles import Kind
from crypto_bt.simulator.telegram import LoopbackTelegram, running
from crypto_bt_tests.alerts.samples import NOON, TOKEN, alert

SECRET = "canary-in-an-address"
#: apprise imports all its services at first use, some of which use what Python will drop.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
WHAT = "57 <b>of</b> 60 & more"


def message() -> Message:
    word = Waiting(1, Kind.RAISED, alert(what=WHAT), NOON)
    return compose(Batch(Lane.ROUTINE, "", (Item((word,)),)), "http://127.0.0.1:3000")


@contextmanager
def posts() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A loopback server that keeps what is posted to it."""
    kept: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def over_telegram(root: Path) -> Iterator[tuple[Channel, Any, Channel]]:
    server = LoopbackTelegram(TOKEN, lambda: 0.0)
    with running(server) as telegram:
        yield (
            TelegramChannel(SecretStr(TOKEN), "1", telegram.url),
            lambda: [sent.text for sent in telegram.sent],
            TelegramChannel(SecretStr(TOKEN), "1", "http://127.0.0.1:1"),
        )


@contextmanager
def over_apprise(root: Path) -> Iterator[tuple[Channel, Any, Channel]]:
    with posts() as (address, kept):
        yield (
            AppriseChannel([SecretStr(f"json://{address}/{SECRET}")]),
            lambda: [post["message"] for post in kept],
            AppriseChannel([SecretStr(f"json://127.0.0.1:1/{SECRET}")]),
        )


@contextmanager
def over_console(root: Path) -> Iterator[tuple[Channel, Any, Channel]]:
    stream, closed = io.StringIO(), io.StringIO()
    closed.close()
    yield ConsoleChannel(stream), lambda: [stream.getvalue()], ConsoleChannel(closed)


@contextmanager
def over_log(root: Path) -> Iterator[tuple[Channel, Any, Channel]]:
    log = AlertLog(root / "alerts.log", lambda: NOON)
    broken = AlertLog(root / "no folder" / "alerts.log", lambda: NOON)
    yield (
        LogChannel(log),
        lambda: [item.to_json() for item in log.recent(NOON - timedelta(days=1))],
        LogChannel(broken),
    )


CHANNELS = {"telegram": over_telegram, "apprise": over_apprise, "console": over_console, "log": over_log}


@pytest.fixture(params=sorted(CHANNELS))
def triple(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Channel, Any, Channel]]:
    """A channel, what arrived through it, and the same channel with nobody at its end."""
    with CHANNELS[request.param](tmp_path) as made:
        assert made[0].name == request.param
        yield made


def test_send_what_was_said_arrives_with_its_id_as_it_was_said(triple: Any) -> None:
    channel, arrived, _ = triple
    channel.send(message())
    [text] = arrived()
    assert WHAT in text
    assert alert().id in text


def test_send_when_nobody_takes_it_says_so_without_any_secret(triple: Any) -> None:
    _, arrived, broken = triple
    with pytest.raises(NotDelivered) as caught:
        broken.send(message())
    shown: BaseException | None = caught.value
    while shown is not None:
        assert SECRET not in f"{shown!r}{shown}"
        assert TOKEN not in f"{shown!r}{shown}"
        shown = None if shown.__suppress_context__ else (shown.__cause__ or shown.__context__)
    assert arrived() in ([], [""])


def test_channel_does_not_show_its_secrets(triple: Any) -> None:
    for channel in (triple[0], triple[2]):
        assert TOKEN not in f"{channel!r}{vars(channel)}"
        assert SECRET not in f"{channel!r}{vars(channel)}"
