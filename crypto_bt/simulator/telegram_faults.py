"""The ways in which the loopback Telegram goes wrong, each at chosen calls, and counted."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from aiohttp import web


class TelegramFaultKind(StrEnum):
    """What goes wrong with a call."""

    DOWN = "down"
    TOO_MANY = "429"
    MARKUP = "400 markup"
    UNREADABLE = "400 whatever the markup"
    UNAUTHORIZED = "401"
    NO_CHAT = "400 chat not found"
    BLOCKED = "403"
    BROKEN = "502"
    SLOW = "slow body"
    SILENT = "silent"
    RESET_AFTER_SEND = "reset after send"
    NO_JSON = "200 without JSON"


#: The message was taken, though the answer does not say so.
TAKEN = frozenset({TelegramFaultKind.RESET_AFTER_SEND, TelegramFaultKind.SLOW, TelegramFaultKind.NO_JSON})


@dataclass(frozen=True, slots=True)
class TelegramFault:
    """``kind`` from the ``nth`` call of ``method`` on (from 1), ``times`` long; None: for ever.

    ``seconds``: the retry_after of a 429, the length of a slow body or of a silence. A 400 for markup shows
    only where there is markup. With ``holding`` it shows only in messages that hold this text.
    """

    kind: TelegramFaultKind
    nth: int = 1
    times: int | None = 1
    seconds: float = 1
    method: str = "sendMessage"
    holding: str = ""


@dataclass(slots=True)
class TelegramFaultPlan:
    """The faults of one server; ``fired`` counts those that have shown."""

    faults: Sequence[TelegramFault] = ()
    fired: Counter[TelegramFault] = field(default_factory=Counter)
    _calls: Counter[str] = field(default_factory=Counter)

    def due(self, method: str, told: dict[str, str]) -> TelegramFault | None:
        """The fault of this call of ``method`` with the parameters ``told``, which is counted."""
        self._calls[method] += 1
        for fault in self.faults:
            spent = fault.times is not None and self.fired[fault] >= fault.times
            if fault.method != method or self._calls[method] < fault.nth or spent:
                continue
            if fault.kind is TelegramFaultKind.MARKUP and "parse_mode" not in told:
                continue
            if fault.holding not in (told.get("text") or told.get("caption") or ""):
                continue
            self.fired[fault] += 1
            return fault
        return None


def refusal(status: int, description: str, **parameters: float) -> web.Response:
    """An answer of the Bot API that is an error."""
    body: dict[str, object] = {"ok": False, "error_code": status, "description": description}
    if parameters:
        body["parameters"] = parameters
    return web.json_response(body, status=status)


async def faulty(
    fault: TelegramFault, request: web.Request, healthy: Callable[[], Awaitable[web.Response]]
) -> web.StreamResponse:
    """The answer that ``fault`` makes of the ``healthy`` one, which is asked for only if it was taken."""
    kind = fault.kind
    answer = await healthy() if kind in TAKEN else None
    match kind:
        case TelegramFaultKind.TOO_MANY:
            wait = round(fault.seconds)
            return refusal(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        case TelegramFaultKind.MARKUP:
            return refusal(400, "Bad Request: can't parse entities: Unsupported start tag")
        case TelegramFaultKind.UNREADABLE:
            return refusal(400, "Bad Request: text must be encoded in UTF-8")
        case TelegramFaultKind.UNAUTHORIZED:
            return refusal(401, "Unauthorized")
        case TelegramFaultKind.NO_CHAT:
            return refusal(400, "Bad Request: chat not found")
        case TelegramFaultKind.BLOCKED:
            return refusal(403, "Forbidden: bot was blocked by the user")
        case TelegramFaultKind.BROKEN:
            return web.Response(status=502, text="<html><h1>502 Bad Gateway</h1></html>")
        case TelegramFaultKind.NO_JSON:
            return web.Response(text="<!DOCTYPE html><h1>Just a moment</h1>", content_type="text/html")
        case TelegramFaultKind.SLOW if answer is not None:
            return await _slowly(request, bytes(answer.body or b""), fault.seconds)  # type: ignore[arg-type]
        case TelegramFaultKind.SILENT:
            await asyncio.sleep(fault.seconds)
    if request.transport is not None:
        request.transport.abort()
    return web.Response(text=json.dumps({"ok": False}))


async def _slowly(request: web.Request, body: bytes, seconds: float) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    try:
        for place in range(len(body)):
            await response.write(body[place : place + 1])
            await asyncio.sleep(seconds / len(body))
    except ConnectionResetError:
        if request.transport is not None:
            request.transport.abort()
    return response
