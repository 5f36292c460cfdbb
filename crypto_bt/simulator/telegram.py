"""A loopback Telegram Bot API over real sockets, with Telegram's rules and, if told so, its faults."""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from crypto_bt.simulator.telegram_faults import TelegramFaultPlan, faulty, refusal
from crypto_bt.simulator.telegram_text import (
    CAPTION_LIMIT,
    TEXT_LIMIT,
    Unparsable,
    plain_text,
    utf16_units,
)

LOOPBACK: Final = "127.0.0.1"
#: Messages that one chat takes in a minute.
CHAT_LIMIT: Final = 20
_PNG: Final = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was taken: its ``text`` without markup, at ``at`` seconds of the server's clock."""

    chat: str
    text: str
    markup: str
    at: float
    silent: bool = False
    picture: bytes | None = None


class LoopbackTelegram:
    """Serves the Bot API of the bot ``token``, which may write to ``chats`` (None: to any).

    ``sent`` lists the messages in order, ``requests`` counts the calls by method. ``clock`` gives the
    seconds by which a chat's limit of messages a minute counts.
    """

    def __init__(
        self,
        token: str,
        clock: Callable[[], float],
        *,
        chats: frozenset[str] | None = None,
        faults: TelegramFaultPlan | None = None,
        chat_limit: int = CHAT_LIMIT,
    ) -> None:
        self.url = ""
        self.sent: list[Sent] = []
        self.requests: Counter[str] = Counter()
        self.faults = faults if faults is not None else TelegramFaultPlan()
        self._token, self._clock, self._chats, self._chat_limit = token, clock, chats, chat_limit
        self._updates: deque[dict[str, Any]] = deque()
        self._number = 0
        self._runner: web.AppRunner | None = None

    def write(self, chat: int, text: str) -> None:
        """A person writes ``text`` to the bot."""
        self._number += 1
        who = {"id": chat, "type": "private", "first_name": "A"}
        message = {"message_id": self._number, "date": 0, "chat": who, "text": text}
        message["from"] = {"id": chat, "is_bot": False, "first_name": "A"}
        self._updates.append({"update_id": self._number, "message": message})

    async def start(self) -> str:
        """Listen on any free port, and return the address."""
        app = web.Application()
        app.router.add_route("*", "/bot{token}/{method}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        self.url = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Close the port and all connections."""
        if self._runner is not None:
            for _ in range(3):
                await asyncio.sleep(0)
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self.requests[method] += 1
        told, picture = await _parameters(request)

        async def healthy() -> web.Response:
            return self._healthy(request.match_info["token"], method, told, picture)

        fault = self.faults.due(method, told)
        return await healthy() if fault is None else await faulty(fault, request, healthy)

    def _healthy(self, token: str, method: str, told: dict[str, str], picture: bytes | None) -> web.Response:
        if token != self._token:
            return refusal(401, "Unauthorized")
        match method:
            case "getMe":
                return _result({"id": 1, "is_bot": True, "first_name": "desk", "username": "desk_bot"})
            case "getUpdates":
                return self._waiting_updates(int(told.get("offset") or 0))
            case "sendMessage" | "sendPhoto":
                return self._take(method, told, picture)
        return refusal(404, "Not Found")

    def _waiting_updates(self, offset: int) -> web.Response:
        while self._updates and self._updates[0]["update_id"] < offset:
            self._updates.popleft()
        return _result(list(self._updates))

    def _take(self, method: str, told: dict[str, str], picture: bytes | None) -> web.Response:
        chat, markup = told.get("chat_id", ""), told.get("text" if method == "sendMessage" else "caption", "")
        if not chat or (self._chats is not None and chat not in self._chats):
            return refusal(400, "Bad Request: chat not found")
        try:
            text = plain_text(markup) if told.get("parse_mode") == "HTML" else markup
        except Unparsable as error:
            return refusal(400, f"Bad Request: can't parse entities: {error}")
        if method == "sendMessage" and not text.strip():
            return refusal(400, "Bad Request: message text is empty")
        if method == "sendPhoto" and not (picture or b"").startswith(_PNG):
            return refusal(400, "Bad Request: IMAGE_PROCESS_FAILED")
        if method == "sendMessage" and utf16_units(text) > TEXT_LIMIT:
            return refusal(400, "Bad Request: message is too long")
        if method == "sendPhoto" and utf16_units(text) > CAPTION_LIMIT:
            return refusal(400, "Bad Request: message caption is too long")
        now = self._clock()
        lately = [sent for sent in self.sent if sent.chat == chat and now - sent.at < 60]
        if len(lately) >= self._chat_limit:
            wait = max(round(60 - (now - lately[0].at)), 1)
            return refusal(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        silent = told.get("disable_notification") in ("true", "True")
        self.sent.append(Sent(chat, text, markup, now, silent, picture))
        self._number += 1
        said = {"message_id": self._number, "date": int(now), "chat": {"id": 1, "type": "private"}}
        return _result(said | ({"text": text} if method == "sendMessage" else {}))


async def _parameters(request: web.Request) -> tuple[dict[str, str], bytes | None]:
    told = dict(request.query)
    picture = None
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            picture = value.file.read()
        elif isinstance(value, str):
            told[name] = value
    return told, picture


def _result(value: object) -> web.Response:
    return web.json_response({"ok": True, "result": value})


@contextmanager
def running(telegram: LoopbackTelegram) -> Iterator[LoopbackTelegram]:
    """``telegram`` in a thread of its own, listening while the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="loopback-telegram", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(telegram.start(), loop).result()
        yield telegram
    finally:
        asyncio.run_coroutine_threadsafe(telegram.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
