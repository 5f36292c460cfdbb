"""Jobs whose only step never ends: one that can be interrupted, one that is deaf to every signal."""

import time
from contextlib import suppress

import dagster as dg

from crypto_bt.defs.dead_runs import mark_run


@dg.op
def wait(context: dg.OpExecutionContext) -> None:
    """Ends when it is interrupted."""
    mark_run(context.instance, context.run)
    context.log.info("waiting")
    while True:
        time.sleep(0.1)


@dg.op
def wait_on(context: dg.OpExecutionContext) -> None:
    """Ends only with its process."""
    mark_run(context.instance, context.run)
    context.log.info("waiting on")
    while True:
        with suppress(BaseException):
            time.sleep(0.1)


@dg.job(tags={"dagster/max_runtime": "2"})
def listening() -> None:
    """One that listens."""
    wait()


@dg.job(tags={"dagster/max_runtime": "2"})
def deaf() -> None:
    """One that does not."""
    wait_on()


defs = dg.Definitions(jobs=[listening, deaf], executor=dg.in_process_executor)
