"""Ctrl-C, SIGTERM and SIGHUP while a step waits for the network."""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import dagster as dg

Result = TypeVar("Result")
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_interruptible(work: Coroutine[Any, Any, Result]) -> Result:
    """Run ``work`` to its end; a stop signal cancels it and raises DagsterExecutionInterruptedError.

    Dagster's own handler raises inside whatever callback happens to run, where asyncio logs and forgets
    it: the run would go on. So the loop listens for the signals itself while it runs.
    """

    async def listen() -> Result:
        task = asyncio.ensure_future(work)
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await task

    handlers = {number: signal.getsignal(number) for number in STOPPING}
    try:
        return asyncio.run(listen())
    except asyncio.CancelledError:
        raise dg.DagsterExecutionInterruptedError from None
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)
