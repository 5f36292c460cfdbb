"""Running the loopback exchange: in a process of its own, or in a thread beside a test."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from crypto_bt.simulator.faults import FaultPlan
from crypto_bt.simulator.market import Market
from crypto_bt.simulator.server import LOOPBACK, WEIGHT_LIMIT, LoopbackExchange


def serve(
    market: Market,
    host: str = LOOPBACK[0],
    port: int = 0,
    weight_limit: int = WEIGHT_LIMIT,
    on_ready: Callable[[str], None] = lambda url: None,
    latency_seconds: float = 0.0,
) -> None:
    """Serve until SIGTERM or SIGINT, in the main thread; ``on_ready`` gets the address once it listens."""

    async def run() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        exchange = LoopbackExchange(
            market, weight_limit=weight_limit, host=host, port=port, latency_seconds=latency_seconds
        )
        try:
            on_ready(await exchange.start())
            await stopped.wait()
        finally:
            await exchange.stop()

    asyncio.run(run())


@contextmanager
def running(
    market: Market,
    *,
    weight_limit: int = WEIGHT_LIMIT,
    faults: FaultPlan | None = None,
    clock: Callable[[], float] = time.time,
    latency_seconds: float = 0.0,
) -> Iterator[LoopbackExchange]:
    """The exchange in a thread of its own, listening while the block runs; any free port."""
    exchange = LoopbackExchange(
        market, weight_limit=weight_limit, faults=faults, clock=clock, latency_seconds=latency_seconds
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="loopback-exchange", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(exchange.start(), loop).result()
        yield exchange
    finally:
        asyncio.run_coroutine_threadsafe(exchange.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
