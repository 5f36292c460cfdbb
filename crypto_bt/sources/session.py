"""One session with the exchange: client, budgets and retries together."""

import logging
import math
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from crypto_bt.core.errors import SourceRefused
from crypto_bt.sources.answers import AddressRefused, TooMany, Transient, used_weight
from crypto_bt.sources.books import FUNDING, POSITIONING, Books, Reservation, Uptime
from crypto_bt.sources.budget import RollingBudget, Sleep
from crypto_bt.sources.client import RawClient
from crypto_bt.sources.exchange_info import DEFAULT_LIMIT
from crypto_bt.sources.others import MINUTE
from crypto_bt.sources.retrying import with_retries
from crypto_bt.sources.source import Usage

#: ``fundingRate`` has a limit of its own, in calls, and no weight.
FUNDING_CALLS: Final = 500
FUNDING_SPAN: Final = 300.0
#: So have all questions below /futures/data together.
POSITIONING_CALLS: Final = 1000
POSITIONING_SPAN: Final = 300.0
SECONDS_BETWEEN_WARNINGS: Final = 5.0
#: What the running task has reserved, for the answer that comes to it.
_RESERVED: Final[ContextVar[Reservation | None]] = ContextVar("reserved", default=None)
Read = TypeVar("Read")
_LOG: Final = logging.getLogger(__name__)


class Session:
    """Asks within the budget, asks again what failed, and counts what was used.

    ``ledger`` is the file through which all sessions on a home keep one budget, None for a session alone.
    ``clock`` gives monotonic seconds, ``wall`` seconds since 1970, ``uptime`` the machine's
    boot and seconds since, ``chance`` draws from [0, 1). Tasks of one
    event loop may share it.
    """

    def __init__(
        self,
        base_url: str,
        weight_share: float,
        timeout_seconds: float,
        *,
        ledger: Path | None = None,
        clock: Callable[[], float],
        wall: Callable[[], float],
        uptime: Uptime | None = None,
        sleep: Sleep,
        chance: Callable[[], float],
    ) -> None:
        self.usage = Usage()
        self._books = Books(clock, ledger=ledger, wall=wall, uptime=uptime, grace=timeout_seconds)
        budget = partial(RollingBudget, share=weight_share, clock=clock, sleep=sleep, books=self._books)
        self.weight = budget(DEFAULT_LIMIT, span=MINUTE, beside_others=True, watch=self._watch)
        self.funding = budget(FUNDING_CALLS, span=FUNDING_SPAN, kind=FUNDING)
        self.positioning = budget(POSITIONING_CALLS, span=POSITIONING_SPAN, kind=POSITIONING)
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._silent_until = -math.inf
        self._waited_for_retries = 0.0
        self._refused: AddressRefused | None = None
        self._client = RawClient(base_url, timeout_seconds, self._note)

    async def close(self) -> None:
        """Close all connections."""
        self._books.close()
        await self._client.close()

    async def ask(
        self,
        call: str,
        query: Mapping[str, int | str],
        read: Callable[[object], Read | None],
        *,
        what: str,
        weight: int = 1,
    ) -> Read:
        """What ``read`` makes of the answer; None from it means a wrong shape, which is asked again.

        Raises SourceUnavailable after five tries and SourceRefused at once, both beginning with ``what``.
        """

        async def once() -> Read:
            answer = await self._once(call, query, weight)
            value = read(answer)
            if value is None:
                raise Transient(f"an answer of the wrong shape ({type(answer).__name__})")
            return value

        try:
            return await with_retries(
                once, what=what, sleep=self._sleep, chance=self._chance, on_retry=self._count_retry
            )
        except AddressRefused:
            raise
        except SourceRefused as error:
            raise SourceRefused(f"{what}: {error.what}", error.mend) from None
        finally:
            self._count_waits()

    async def _once(self, call: str, query: Mapping[str, int | str], weight: int) -> object:
        async with AsyncExitStack() as budgets:
            if call == "fapiPublicGetFundingRate":
                await budgets.enter_async_context(self.funding.spend(1))
            if call.startswith("fapiData"):
                await budgets.enter_async_context(self.positioning.spend(1))
            reservation = await budgets.enter_async_context(self.weight.spend(weight))
            if self._refused is not None:
                raise self._refused
            return await self._send(call, query, weight, reservation)

    async def _send(
        self, call: str, query: Mapping[str, int | str], weight: int, reservation: Reservation
    ) -> object:
        _RESERVED.set(reservation)
        self.usage.requests += 1
        self.usage.weight += weight
        try:
            return await self._client.get(call, query)
        except TooMany as error:
            self._books.pause(error.pause)
            raise
        except AddressRefused as error:
            self._refused = error
            raise

    async def _watch(self) -> None:
        """Look at the exchange's counter; what goes wrong also goes wrong for who waits, and is told then."""
        if self._refused is not None:
            return
        async with self.weight.spend_watching() as reservation:
            with suppress(Transient, SourceRefused):
                await self._send("fapiPublicGetTime", {}, 1, reservation)

    def _note(self, status: int, headers: Mapping[str, str]) -> None:
        self.usage.responses_429 += status == 429
        reservation = _RESERVED.get()
        if reservation is not None:
            reservation.used = used_weight(headers)

    def _count_retry(self, wait: float, what: str) -> None:
        self.usage.retries += 1
        self._waited_for_retries += wait
        # When the exchange is down every request says the same: one of them speaks for all.
        if self._clock() >= self._silent_until:
            self._silent_until = self._clock() + SECONDS_BETWEEN_WARNINGS
            _LOG.warning("%s", what)

    def _count_waits(self) -> None:
        budgets = (self.weight, self.funding, self.positioning)
        self.usage.waits = sum(budget.waits for budget in budgets)
        self.usage.waited_seconds = sum(budget.waited for budget in budgets) + self._waited_for_retries
        self.usage.peak_minute_weight = self.weight.peak
        self.usage.others_minute_weight = self._books.others.peak
        self.usage.ledger_trouble = self._books.trouble
