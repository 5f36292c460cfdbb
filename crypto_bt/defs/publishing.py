"""What every asset that writes market data shares: the home's lock, and errors as Dagster knows them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from crypto_bt.core.errors import CryptoBtError
from crypto_bt.defs.backing_up import check_disk
from crypto_bt.defs.resources import Desk

LOCK_PATIENCE_SECONDS: Final = 600.0


def who_publishes(context: dg.AssetExecutionContext) -> str:
    """The run, as manifests and lock files name it."""
    return f"run {context.run.run_id[:8]} of {context.run.job_name}"


@contextmanager
def writing_market(desk: Desk, who: str, *, scheduled: bool = True) -> Iterator[None]:
    """Hold the home's market lock; a deliberate error becomes a failure that no retry can mend.

    A person is told at once who holds the lock; a scheduled run waits for its turn.
    """
    try:
        check_disk(desk)
        with desk.home.locked("market", who, LOCK_PATIENCE_SECONDS if scheduled else 0):
            yield
    except CryptoBtError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
