"""Answers that come as an error, in pieces, or not at all."""

import asyncio
from typing import Final

from aiohttp import web

from crypto_bt.simulator.fault_kinds import STATUS_FAULTS, FaultKind

_GATEWAY: Final = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"
_STATUS_BODY: Final = {
    FaultKind.TOO_MANY: '{"code":-1003,"msg":"Too many requests; please wait."}',
    FaultKind.BANNED: '{"code":-1003,"msg":"Way too many requests; IP banned. Please use the websocket."}',
    FaultKind.RESTRICTED: '{"code":0,"msg":"Service unavailable from a restricted location."}',
    FaultKind.FORBIDDEN: _GATEWAY.format("403 Forbidden"),
    FaultKind.BROKEN: '{"code":-1000,"msg":"An unknown error occurred while processing the request."}',
    FaultKind.BAD_GATEWAY: _GATEWAY.format("502 Bad Gateway"),
    FaultKind.OVERLOADED: '{"code":-1008,"msg":"Server is currently overloaded with other requests."}',
    FaultKind.GATEWAY_TIMEOUT: _GATEWAY.format("504 Gateway Time-out"),
    FaultKind.UNKNOWN_SYMBOL: '{"code":-1121,"msg":"Invalid symbol."}',
}
_HTML: Final = "<!DOCTYPE html><html><body><h1>Just a moment</h1></body></html>"
#: How often a server that says nothing looks whether anybody still listens.
_LOOKS_EVERY: Final = 0.02


async def deliver(
    kind: FaultKind, request: web.Request, healthy: web.Response, seconds: float
) -> web.StreamResponse:
    """The ``healthy`` answer as ``kind`` delivers it.

    ``seconds``: the Retry-After of a 429 or 418, the delay of a slow answer, the time between two bytes of a
    dripping one, the longest time that one which never comes keeps the connection.
    """
    if kind in STATUS_FAULTS:
        return _refusal(kind, seconds)
    body = healthy.body if isinstance(healthy.body, bytes) else b""
    match kind:
        case FaultKind.SLOW:
            await asyncio.sleep(seconds)
        case FaultKind.HTML:
            return web.Response(text=_HTML, content_type="text/html")
        case FaultKind.EMPTY:
            return web.Response(text="", content_type="application/json")
        case FaultKind.MALFORMED:
            return web.Response(body=body[: len(body) // 2], content_type="application/json")
        case FaultKind.RESET | FaultKind.TRUNCATED:
            return await _cut(request, body, reset=kind is FaultKind.RESET)
        case FaultKind.TIMEOUT:
            return await _silence(request, seconds)
        case FaultKind.DRIP:
            return await _drip(request, body, seconds)
    return healthy


def _refusal(kind: FaultKind, seconds: float) -> web.Response:
    body = _STATUS_BODY[kind]
    waits = kind in (FaultKind.TOO_MANY, FaultKind.BANNED)
    return web.Response(
        status=400 if kind is FaultKind.UNKNOWN_SYMBOL else int(kind),
        text=body,
        content_type="text/html" if body.startswith("<") else "application/json",
        headers={"Retry-After": f"{seconds:g}"} if waits else None,
    )


async def _begun(request: web.Request, body: bytes) -> web.StreamResponse:
    """An answer of which only the headers are sent, with the length of all of ``body``."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    return response


async def _cut(request: web.Request, body: bytes, *, reset: bool) -> web.StreamResponse:
    """Promise all of ``body``, send half of it, then reset or close the connection."""
    response = await _begun(request, body)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        if reset:
            request.transport.abort()
        else:
            request.transport.close()
    return response


async def _silence(request: web.Request, seconds: float) -> web.StreamResponse:
    """Say nothing until the client has gone, or for ``seconds``; then reset the connection."""
    for _ in range(round(seconds / _LOOKS_EVERY)):
        if request.transport is None or request.transport.is_closing():
            break
        await asyncio.sleep(_LOOKS_EVERY)
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _drip(request: web.Request, body: bytes, seconds: float) -> web.StreamResponse:
    """Send ``body`` byte by byte, as long as the client stays."""
    response = await _begun(request, body)
    try:
        for place in range(len(body)):
            await response.write(body[place : place + 1])
            await asyncio.sleep(seconds)
    except ConnectionResetError:
        if request.transport is not None:
            request.transport.abort()
    return response
