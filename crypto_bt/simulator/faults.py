"""Faults that the loopback exchange can be told to show, each at chosen calls."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from crypto_bt.simulator.bad_delivery import deliver
from crypto_bt.simulator.bad_listings import misstate
from crypto_bt.simulator.bad_rows import spoil_rows
from crypto_bt.simulator.fault_kinds import (
    DELIVERY_FAULTS,
    LISTING_FAULTS,
    ROW_FAULTS,
    STATUS_FAULTS,
    FaultKind,
)

__all__ = [
    "DELIVERY_FAULTS",
    "LISTING_FAULTS",
    "ROW_FAULTS",
    "STATUS_FAULTS",
    "USED_WEIGHT",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "Showing",
    "faulty",
]
USED_WEIGHT: Final = "X-MBX-USED-WEIGHT-1M"


@dataclass(frozen=True, slots=True)
class Fault:
    """``kind`` from the ``nth`` call (from 1) on whose path begins with ``path``, ``times`` calls long.

    ``symbol`` limits it to the calls that ask for that symbol (of a listing fault: says whose listing is
    wrong); ``times`` None is for ever. A call in which it cannot show, since another fault shows there or the
    answer holds nothing to spoil, is passed over: it shows at the next. ``row`` counts to the row that is
    spoiled. ``seconds`` is what :func:`~crypto_bt.simulator.bad_delivery.deliver` says, and how far a wrong
    clock runs ahead. ``body`` is what is sent instead of the answer.
    """

    path: str
    nth: int
    kind: FaultKind
    seconds: float = 1
    symbol: str = ""
    times: int | None = 1
    row: int = 0
    body: bytes = b""

    @property
    def asked_symbol(self) -> str:
        """The symbol that a call has to ask for; empty for any call."""
        return "" if self.kind in LISTING_FAULTS else self.symbol


@dataclass(frozen=True, slots=True)
class Showing:
    """A ``fault`` that has shown: in a call of ``path`` for ``symbol`` (and ``interval``, or empty).

    ``times`` (ms) are those of the rows that were spoiled, hidden or added.
    """

    fault: Fault
    path: str
    symbol: str
    interval: str
    times: tuple[int, ...] = ()


@dataclass(slots=True)
class FaultPlan:
    """The faults of one server; ``fired`` lists those that have shown, ``shown`` how, in order."""

    faults: Sequence[Fault]
    fired: list[Fault] = field(default_factory=list)
    shown: list[Showing] = field(default_factory=list)
    _calls: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def outstanding(self) -> list[Fault]:
        """The faults that have not shown, or not as often as they were meant to."""
        return [fault for fault in self.faults if self.fired.count(fault) < (fault.times or 1)]

    def next_for(self, path: str) -> "Watched | None":
        """A call of ``path`` for :func:`faulty`; None when no fault is planned for such a path."""
        return Watched(self) if any(path.startswith(fault.path) for fault in self.faults) else None

    def due(self, path: str, query: Mapping[str, str]) -> Iterator[Fault]:
        """Count a call; the faults that may show in it, in the order of the plan."""
        symbol = query.get("symbol", "")
        scopes = {(fault.path, fault.asked_symbol) for fault in self.faults}
        concerned = {
            (start, name) for start, name in scopes if path.startswith(start) and name in ("", symbol)
        }
        for scope in concerned:
            self._calls[scope] = self._calls.get(scope, 0) + 1
        for fault in self.faults:
            scope = (fault.path, fault.asked_symbol)
            if scope not in concerned or self._calls[scope] < fault.nth:
                continue
            if fault.times is None or self.fired.count(fault) < fault.times:
                yield fault


@dataclass(frozen=True, slots=True)
class Watched:
    """A call that a fault of ``plan`` may concern."""

    plan: FaultPlan


async def faulty(call: Watched, request: web.Request, healthy: web.Response) -> web.StreamResponse:
    """The answer that the first fault that can show makes of the ``healthy`` one, with its used weight."""
    for fault in call.plan.due(request.path, request.query):
        spoiled, times = _content(fault, request.path, healthy)
        if spoiled is None:
            continue
        interval = request.query.get("interval") or request.query.get("period", "")
        symbol = request.query.get("symbol", fault.symbol)
        call.plan.fired.append(fault)
        call.plan.shown.append(Showing(fault, request.path, symbol, interval, times))
        answer = await deliver(fault.kind, request, spoiled, fault.seconds)
        if not answer.prepared:
            answer.headers.update({USED_WEIGHT: healthy.headers[USED_WEIGHT]})
        return answer
    return healthy


def _content(fault: Fault, path: str, healthy: web.Response) -> tuple[web.Response | None, tuple[int, ...]]:
    """What there is to deliver, and the times of the rows that are wrong; None where nothing can be."""
    if fault.kind in STATUS_FAULTS | DELIVERY_FAULTS:
        return healthy, ()
    if fault.kind is FaultKind.OTHER_BODY:
        return web.Response(body=fault.body, content_type="application/json"), ()
    if healthy.status != 200 or healthy.content_type != "application/json" or not healthy.text:
        return None, ()
    answer = json.loads(healthy.text)
    times: tuple[int, ...] = ()
    if fault.kind in LISTING_FAULTS:
        wrong = misstate(fault.kind, answer, fault.symbol, fault.seconds)
    else:
        spoiled = spoil_rows(fault.kind, path, answer, fault.row)
        wrong, times = (None, ()) if spoiled is None else (spoiled.answer, spoiled.times)
    if wrong is None:
        return None, ()
    return web.Response(text=json.dumps(wrong), content_type="application/json"), times
