"""Asking again after a failure that may pass: five tries, with growing waits."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from crypto_bt.core.errors import SourceUnavailable
from crypto_bt.sources.answers import Transient
from crypto_bt.sources.budget import Sleep

TRIES: Final = 5
WAITS: Final = (5.0, 15.0, 45.0, 45.0)
#: A wait is lengthened by up to this fraction, lest all clients come back at once.
JITTER: Final = 0.1
Answer = TypeVar("Answer")


def wait_before_retry(attempt: int, retry_after: float | None, chance: float) -> float:
    """Seconds to wait after the failed ``attempt`` (from 1); ``chance`` in [0, 1) draws the jitter."""
    return max(WAITS[min(attempt, len(WAITS)) - 1] * (1 + JITTER * chance), retry_after or 0.0)


async def with_retries(
    ask: Callable[[], Awaitable[Answer]],
    *,
    what: str,
    sleep: Sleep,
    chance: Callable[[], float],
    on_retry: Callable[[float, str], None],
) -> Answer:
    """The first good answer of ``ask``; SourceUnavailable, naming ``what``, after five Transient failures.

    ``on_retry`` is told each wait: its seconds, and a sentence. All other errors pass at once.
    """

    def failure(state: RetryCallState) -> Transient | None:
        error = state.outcome.exception() if state.outcome else None
        return error if isinstance(error, Transient) else None

    def wait(state: RetryCallState) -> float:
        error = failure(state)
        return wait_before_retry(state.attempt_number, error.retry_after if error else None, chance())

    def told(state: RetryCallState) -> None:
        error, seconds = failure(state), state.upcoming_sleep
        why = error.what if error else "failed"
        on_retry(seconds, f"{what}: {why}; try {state.attempt_number + 1} of {TRIES} in {seconds:.0f} s.")

    retrying = AsyncRetrying(
        sleep=sleep,
        stop=stop_after_attempt(TRIES),
        wait=wait,
        retry=retry_if_exception_type(Transient),
        before_sleep=told,
        reraise=True,
    )
    try:
        return await retrying(ask)
    except Transient as error:
        raise SourceUnavailable(
            f"{what}: {error.what}; tried {TRIES} times.",
            "See the exchange's status and this machine's network, then try again.",
        ) from None
