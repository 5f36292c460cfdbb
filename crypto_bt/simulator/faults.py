"""Faults that the loopback exchange can be told to show, each at one chosen call."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aiohttp import web

USED_WEIGHT: Final = "X-MBX-USED-WEIGHT-1M"


class FaultKind(StrEnum):
    """What goes wrong with the answer; the numbers are HTTP statuses with the exchange's own bodies."""

    TOO_MANY = "429"
    BANNED = "418"
    RESTRICTED = "451"
    OVERLOADED = "503"
    HTML = "html200"
    EMPTY = "empty"
    MALFORMED = "malformed"
    RESET = "reset"
    TRUNCATED = "truncated"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Fault:
    """``kind`` at the ``nth`` call (from 1) whose path begins with ``path``.

    ``seconds`` is the Retry-After of a 429 or 418 and the delay of a slow answer.
    """

    path: str
    nth: int
    kind: FaultKind
    seconds: float = 1


@dataclass(slots=True)
class FaultPlan:
    """The faults of one server; ``fired`` lists those that have shown, in order."""

    faults: Sequence[Fault]
    fired: list[Fault] = field(default_factory=list)
    _calls: dict[str, int] = field(default_factory=dict)

    def next_for(self, path: str) -> Fault | None:
        """Count a call of ``path``; the first fault that is due, recorded as fired."""
        for prefix in {fault.path for fault in self.faults}:
            if path.startswith(prefix):
                self._calls[prefix] = self._calls.get(prefix, 0) + 1
        for fault in self.faults:
            if path.startswith(fault.path) and self._calls[fault.path] == fault.nth:
                self.fired.append(fault)
                return fault
        return None


_STATUS_BODY: Final = {
    FaultKind.TOO_MANY: '{"code":-1003,"msg":"Too many requests; please wait."}',
    FaultKind.BANNED: '{"code":-1003,"msg":"Way too many requests; IP banned. Please use the websocket."}',
    FaultKind.RESTRICTED: '{"code":0,"msg":"Service unavailable from a restricted location."}',
    FaultKind.OVERLOADED: '{"code":-1008,"msg":"Server is currently overloaded with other requests."}',
}
_OK_BODY: Final = {
    FaultKind.HTML: "<!DOCTYPE html><html><body><h1>Just a moment</h1></body></html>",
    FaultKind.EMPTY: "",
}


async def faulty(fault: Fault, request: web.Request, healthy: web.Response) -> web.StreamResponse:
    """The answer that ``fault`` makes of the ``healthy`` one, with its used weight."""
    answer = await _spoiled(fault, request, healthy)
    if not answer.prepared:
        answer.headers.update({USED_WEIGHT: healthy.headers[USED_WEIGHT]})
    return answer


async def _spoiled(fault: Fault, request: web.Request, healthy: web.Response) -> web.StreamResponse:
    body = healthy.text or ""
    match fault.kind:
        case FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
            return healthy
        case FaultKind.HTML | FaultKind.EMPTY:
            kind = "text/html" if fault.kind is FaultKind.HTML else "application/json"
            return web.Response(text=_OK_BODY[fault.kind], content_type=kind)
        case FaultKind.MALFORMED:
            return web.Response(text=body[: len(body) // 2], content_type="application/json")
        case FaultKind.RESET | FaultKind.TRUNCATED:
            return await _cut(request, body.encode(), reset=fault.kind is FaultKind.RESET)
    waits = fault.kind in (FaultKind.TOO_MANY, FaultKind.BANNED)
    return web.Response(
        status=int(fault.kind),
        text=_STATUS_BODY[fault.kind],
        content_type="application/json",
        headers={"Retry-After": f"{fault.seconds:g}"} if waits else None,
    )


async def _cut(request: web.Request, body: bytes, *, reset: bool) -> web.StreamResponse:
    """Promise all of ``body``, send half of it, then reset or close the connection."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        if reset:
            request.transport.abort()
        else:
            request.transport.close()
    return response
