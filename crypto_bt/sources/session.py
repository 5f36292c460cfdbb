"""One session with the exchange: client, budgets and retries together."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Final, TypeVar

from crypto_bt.core.errors import SourceRefused
from crypto_bt.sources.answers import AddressRefused, TooMany, Transient, used_weight
from crypto_bt.sources.budget import RollingBudget, Sleep
from crypto_bt.sources.client import RawClient
from crypto_bt.sources.exchange_info import DEFAULT_LIMIT
from crypto_bt.sources.retrying import with_retries
from crypto_bt.sources.source import Usage

_MINUTE: Final = 60.0
#: ``fundingRate`` has a limit of its own, in calls, and no weight.
FUNDING_CALLS: Final = 500
FUNDING_SPAN: Final = 300.0
Read = TypeVar("Read")


class Session:
    """Asks within the budget, asks again what failed, and counts what was used.

    ``clock`` gives monotonic seconds, ``chance`` draws from [0, 1). Tasks of one event loop may share it.
    """

    def __init__(
        self,
        base_url: str,
        weight_share: float,
        timeout_seconds: float,
        *,
        clock: Callable[[], float],
        sleep: Sleep,
        chance: Callable[[], float],
    ) -> None:
        self.usage = Usage()
        self.weight = RollingBudget(DEFAULT_LIMIT, weight_share, _MINUTE, clock=clock, sleep=sleep)
        self.funding = RollingBudget(FUNDING_CALLS, weight_share, FUNDING_SPAN, clock=clock, sleep=sleep)
        self._sleep, self._chance = sleep, chance
        self._waited_for_retries = 0.0
        self._refused: AddressRefused | None = None
        self._client = RawClient(base_url, timeout_seconds, self._note)

    async def close(self) -> None:
        """Close all connections."""
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
        except AddressRefused as error:
            self._refused = error
            raise
        except SourceRefused as error:
            raise SourceRefused(f"{what}: {error.what}", error.mend) from None
        finally:
            self._count_waits()

    async def _once(self, call: str, query: Mapping[str, int | str], weight: int) -> object:
        async with AsyncExitStack() as budgets:
            if call == "fapiPublicGetFundingRate":
                await budgets.enter_async_context(self.funding.spend(1))
            await budgets.enter_async_context(self.weight.spend(weight))
            if self._refused is not None:
                raise self._refused
            self.usage.requests += 1
            self.usage.weight += weight
            try:
                return await self._client.get(call, query)
            except TooMany as error:
                self.weight.pause(error.pause)
                raise

    def _note(self, status: int, headers: Mapping[str, str]) -> None:
        self.usage.responses_429 += status == 429
        used = used_weight(headers)
        if used is not None:
            self.weight.observe(used)

    def _count_retry(self, wait: float) -> None:
        self.usage.retries += 1
        self._waited_for_retries += wait

    def _count_waits(self) -> None:
        self.usage.waited_seconds = self.weight.waited + self.funding.waited + self._waited_for_retries
        self.usage.peak_minute_weight = self.weight.peak
