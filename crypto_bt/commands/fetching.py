"""Whole days from the exchange and the other sources, as the commands that fetch do it: through the jobs."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from crypto_bt.commands.output import Output
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.positioning import KEPT

if TYPE_CHECKING:
    from crypto_bt.defs.execute import JobOutcome
    from crypto_bt.defs.resources import Desk

#: What is fetched by which job. Series and positions first: the regime, computed last, needs them.
JOBS: Final = {"sentiment_macro_update": "Positions and series", "data_update": "Candles and funding"}


def fetch_days(
    out: Output,
    desk: "Desk",
    assets: Collection[str],
    symbols: Sequence[str],
    days: tuple[datetime, datetime],
    *,
    archive: bool = False,
) -> "list[JobOutcome]":
    """Fetch ``assets`` of ``symbols`` over the half-open ``days`` and publish: one run of each job concerned.

    Shows the progress. Raises CryptoBtError with the run's own words when one fails; what the runs before it
    published stays.
    """
    from crypto_bt.defs.execute import run_job
    from crypto_bt.defs.jobs import config_for, job_of
    from crypto_bt.defs.partitions import range_tags

    outcomes = []
    for job in JOBS:
        chosen = [name for name in assets if job_of(name) == job]
        kept = not archive and job == "sentiment_macro_update"
        span = kept_days(days, desk.clock()) if kept else days
        if not chosen or span is None:
            continue
        with out.progress(JOBS[job]) as report:
            outcome = run_job(
                job,
                replace(desk, progress=report),
                assets=chosen,
                tags=range_tags(*span),
                config=config_for(chosen, symbols=symbols, scheduled=False, archive=archive),
            )
        if not outcome.success:
            raise CryptoBtError(outcome.why)
        outcomes.append(outcome)
    return outcomes


def kept_days(days: tuple[datetime, datetime], now: datetime) -> tuple[datetime, datetime] | None:
    """The part of ``days`` of which the exchange still tells positions; None when it has forgotten them all.

    Series come whole from their beginning the first time, whichever days are asked.
    """
    start = max(days[0], Timeframe.D1.floor(now - KEPT))
    return (start, days[1]) if start < days[1] else None


def remarks_of(outcomes: "Sequence[JobOutcome]") -> list[str]:
    """What the runs could not fetch, and symbols that are not traded: a sentence each, none twice."""
    found = (
        str(made[key])
        for outcome in outcomes
        for made in outcome.metadata.values()
        for key in ("failed", "not tradable")
        if made.get(key, "none") != "none"
    )
    return list(dict.fromkeys(found))


def rows_of(outcomes: "Sequence[JobOutcome]") -> dict[str, Any]:
    """Rows that the runs fetched, by dataset."""
    rows: dict[str, Any] = {}
    for outcome in outcomes:
        for name, made in outcome.metadata.items():
            rows[name] = rows.get(name, 0) + made.get("rows", 0)
    return rows
