"""Time that passes only when somebody sleeps, for tests of waits that would take minutes."""

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class FakeTime:
    """``sleep`` moves ``clock`` on at once and is recorded in ``sleeps``."""

    def __init__(self, start: float = 6000.0) -> None:
        self.seconds = start
        self.sleeps: list[float] = []

    def clock(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


class FastTime:
    """Real time, forty times as fast: tasks wait beside each other as they really do."""

    SPEED = 40

    def clock(self) -> float:
        return time.monotonic() * self.SPEED

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.SPEED)


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: tells the loop how long it would have waited."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.waited += timeout or 0.0
        return super().select(0)


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumps = _Jumping()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.waited


def run_in_no_time(work: Coroutine[Any, Any, Result]) -> Result:
    """Run ``work``, whose ``asyncio.sleep`` and ``loop.time`` are of a clock that jumps to the next timer."""
    loop = _JumpingLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()
