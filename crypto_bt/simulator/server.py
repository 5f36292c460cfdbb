"""The loopback exchange: an HTTP server with the limits, the headers and, if told so, the faults."""

import asyncio
import errno
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from crypto_bt.core.errors import UsageError
from crypto_bt.simulator.archive import ARCHIVE_PATH, archived_file
from crypto_bt.simulator.budget import Budget
from crypto_bt.simulator.endpoints import Limiter, Refusal, endpoints
from crypto_bt.simulator.faults import USED_WEIGHT, FaultPlan, faulty
from crypto_bt.simulator.market import Market
from crypto_bt.simulator.outside import outside

LOOPBACK: Final = ("127.0.0.1", "::1")
WEIGHT_LIMIT: Final = 2400
_FUNDING_CALLS: Final = 500
_POSITIONING_CALLS: Final = 1000
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LoopbackExchange:
    """Serves ``market`` on a loopback address; port 0 takes any free one.

    ``requests`` counts the calls by path, ``responses_429`` the refusals for a limit; ``weight``,
    ``funding_calls`` and ``positioning_calls`` hold the limits. ``clock`` gives seconds of real time for the
    limits, whatever time the market shows. Every answer is sent ``latency_seconds`` late, as over a long
    line. Paths of other hosts (series, the public archive) count against no limit and state no used weight.
    """

    def __init__(
        self,
        market: Market,
        *,
        weight_limit: int = WEIGHT_LIMIT,
        host: str = LOOPBACK[0],
        port: int = 0,
        faults: FaultPlan | None = None,
        clock: Callable[[], float] = time.time,
        latency_seconds: float = 0.0,
    ) -> None:
        if host not in LOOPBACK:
            raise UsageError(
                f"The loopback exchange does not listen on {host}.",
                f"It has no access control: use {' or '.join(LOOPBACK)}.",
            )
        self.url = ""
        self.requests: Counter[str] = Counter()
        self.responses_429 = 0
        self.weight = Budget(weight_limit, 60, clock)
        self.funding_calls = Budget(_FUNDING_CALLS, 300, clock)
        self.positioning_calls = Budget(_POSITIONING_CALLS, 300, clock)
        self._limiters = {
            Limiter.FUNDING: self.funding_calls,
            Limiter.POSITIONING: self.positioning_calls,
        }
        self._latency = latency_seconds
        self._host, self._port = host, port
        self._faults = faults if faults is not None else FaultPlan(())
        self._endpoints = endpoints(market, weight_limit)
        self._outside = outside(market.series, market.now)
        self._positioning = market.positioning
        self._runner: web.AppRunner | None = None

    @property
    def calls_inside_retry_after(self) -> int:
        """Calls that came although a 429 had asked to wait."""
        limits = (self.weight, *self._limiters.values())
        return sum(limit.calls_inside_retry_after for limit in limits)

    async def start(self) -> str:
        """Listen, and return the address; :class:`UsageError` when the port is taken."""
        app = web.Application(middlewares=[self._with_faults])
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self.stop()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise UsageError(
                f"Port {self._port} on {self._host} is taken or not allowed.",
                "Choose another with --port, or --port 0 for any free one.",
            ) from None
        port = self._runner.addresses[0][1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"http://{host}:{port}"
        return self.url

    async def stop(self) -> None:
        """Close the port and all connections; harmless when not started."""
        if self._runner is not None:
            # A connection just accepted is attached in the loop's next turns; closed before, Python leaks it.
            for _ in range(3):
                await asyncio.sleep(0)
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _with_faults(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        fault = self._faults.next_for(request.path)
        response = await handler(request)
        if self._latency:
            await asyncio.sleep(self._latency)
        if fault is not None and isinstance(response, web.Response):
            response = await faulty(fault, request, response)
        if self._is_outside(request.path) and not response.prepared:
            response.headers.popall(USED_WEIGHT, None)
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests[request.path] += 1
        if self._is_outside(request.path):
            return self._outside_answer(request)
        endpoint = self._endpoints.get(request.path)
        wait = self.weight.charge(endpoint.weight(request.query) if endpoint else 1)
        if wait is None and endpoint is not None and endpoint.limiter is not None:
            wait = self._limiters[endpoint.limiter].charge(1)
        if wait is not None:
            self.responses_429 += 1
            response = _json(429, '{"code":-1003,"msg":"Too many requests; please wait."}')
            response.headers["Retry-After"] = str(wait)
        elif endpoint is None:
            response = _json(404, '{"code":-5000,"msg":"Path is invalid."}')
        else:
            try:
                response = _json(200, endpoint.answer(request.query))
            except Refusal as refusal:
                response = _json(refusal.status, refusal.body)
        response.headers[USED_WEIGHT] = str(self.weight.used)
        return response

    def _is_outside(self, path: str) -> bool:
        """Whether ``path`` belongs to a host that is not the exchange's."""
        return path in self._outside or path.startswith(ARCHIVE_PATH)

    def _outside_answer(self, request: web.Request) -> web.Response:
        if request.path in self._outside:
            reply = self._outside[request.path](request.query)
        else:
            reply = archived_file(self._positioning, request.path)
        # The used weight is for the faults, which hand it on; it is taken off before the answer leaves.
        return web.Response(
            status=reply.status,
            body=reply.body,
            content_type=reply.content_type,
            headers={USED_WEIGHT: str(self.weight.used)},
        )


def _json(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, content_type="application/json")
