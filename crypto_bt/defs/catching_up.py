"""What catch-up has to know: which candles the store lacks, who is writing, what a person stopped."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

import dagster as dg
import polars as pl
from dagster._core.scheduler.instigation import InstigatorStatus

from crypto_bt.core.catch_up import GRACE, Facts
from crypto_bt.core.doubt import WAITING, standing
from crypto_bt.core.lacking import LACKING_SCHEMA, MissingRange, lacking, ranges_of
from crypto_bt.core.market import Timeframe
from crypto_bt.defs.dead_runs import UNFINISHED, fail_dead_runs
from crypto_bt.defs.jobs import WRITES_MARKET
from crypto_bt.defs.judgement import history_start, tradable_symbols
from crypto_bt.defs.resources import Desk

#: Run tag with the key of the range that a run is to fill.
RANGE_TAG: Final = "crypto_bt/catch_up"
#: Catch-up does the work of this schedule: who switches it off switches catch-up off too.
SCHEDULE: Final = "data_update"


def missing_ranges(desk: Desk, snapshot: str, now: datetime) -> list[MissingRange]:
    """Days in which the store lacks candles that closed more than the grace ago."""
    end = now - GRACE
    listed = tradable_symbols(desk, snapshot, now)
    lack = [pl.DataFrame(schema=LACKING_SCHEMA)]
    for timeframe in desk.settings.TIMEFRAMES:
        dataset = timeframe.dataset
        if not desk.store.snapshot(snapshot).rows(dataset):
            continue
        start = history_start(desk, timeframe, snapshot)
        keys = desk.store.read(
            dataset, symbols=list(listed), start=start, columns=["symbol", "open_time"], at=snapshot
        )
        begins = {symbol: max(onboard, start) for symbol, onboard in listed.items()}
        lack.append(
            lacking(
                pl.concat([keys, _waiting(desk, timeframe, snapshot, keys)]), timeframe, begins, start, end
            )
        )
    return ranges_of(pl.concat(lack))


def _waiting(desk: Desk, timeframe: Timeframe, snapshot: str, keys: pl.DataFrame) -> pl.DataFrame:
    """Doubtful candles that wait for a decision or were rejected: asking again would not bring them."""
    dataset = timeframe.dataset
    refused = desk.store.read("quarantine", at=snapshot).filter(pl.col("dataset") == dataset)
    stored = keys.select(pl.lit(dataset).alias("dataset"), "symbol", "open_time")
    judged = standing(refused, desk.store.read("decisions", at=snapshot), stored)
    held = judged.filter(pl.col("state").is_in([WAITING, "rejected"]), ~pl.col("healed"))
    return held.select("symbol", "open_time").unique()


def gather(instance: dg.DagsterInstance, desk: Desk, ranges: list[MissingRange], now: datetime) -> Facts:
    """The facts about ``ranges`` at ``now``."""
    fail_dead_runs(instance)
    return Facts(now, ranges, _busy(instance), _stopped(instance), _cancelled(instance) if ranges else ())


def _busy(instance: dg.DagsterInstance) -> str:
    unfinished = [dg.DagsterRunStatus.QUEUED, *UNFINISHED]
    runs = instance.get_runs(dg.RunsFilter(tags=WRITES_MARKET, statuses=unfinished), limit=1)
    return f"run {runs[0].run_id[:8]} of {runs[0].job_name}" if runs else ""


def _stopped(instance: dg.DagsterInstance) -> str:
    states = instance.all_instigator_state()
    off = any(s.instigator_name == SCHEDULE and s.status == InstigatorStatus.STOPPED for s in states)
    return f"the schedule {SCHEDULE} is switched off" if off else ""


def _cancelled(instance: dg.DagsterInstance) -> Collection[str]:
    runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.CANCELED]), limit=100)
    return frozenset(run.tags[RANGE_TAG] for run in runs if RANGE_TAG in run.tags)
