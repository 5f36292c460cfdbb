"""What catch-up has to know: which candles the store lacks, who is writing, what a person stopped."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
import polars as pl
from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType

from crypto_bt.core.alerts import Alert
from crypto_bt.core.catch_up import Facts, Record, Start, key_of
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.feed_holes import FEEDS, feed_holes
from crypto_bt.core.market import Timeframe
from crypto_bt.core.missing import GRACE, Missing, missing_candles, missing_ranges, withheld
from crypto_bt.core.verdict import REPAIR
from crypto_bt.defs.dead_runs import UNFINISHED, fail_dead_runs
from crypto_bt.defs.jobs import WRITES_MARKET, config_for
from crypto_bt.defs.judgement import history_start, tradable_symbols
from crypto_bt.defs.partitions import day_key, range_tags
from crypto_bt.defs.resources import Desk

#: Run tag with the key of the gap that a run is to fill.
GAP_TAG: Final = "crypto_bt/catch_up"
#: Catch-up does the work of these schedules: who switches one off, or cancels its run, stops catch-up too;
#: the second's work is today's alone.
SCHEDULE: Final = "data_update"
OF_TODAY: Final = "intraday_update"
#: So long a cancelled run of the schedule keeps catch-up from doing its work.
CANCELLED_HOLDS: Final = timedelta(hours=24)
#: Fetched with the candles: what was not fetched either while they were not.
ALONG: Final = tuple(FEEDS)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at the store found; ``mark`` names the state it was in. It is costly, hence remembered."""

    mark: str
    ranges: tuple[Missing, ...]


def read_cursor(text: str | None) -> tuple[Seen | None, Record]:
    """What the last tick left; nothing where that cannot be read."""
    try:
        told = json.loads(text or "{}")
        ranges = tuple(Missing.from_plain(item) for item in told["ranges"])
        return Seen(str(told["mark"]), ranges), Record.from_json(told["record"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None, Record()


def write_cursor(seen: Seen, record: Record) -> str:
    """Text for :func:`read_cursor`."""
    ranges = [item.to_plain() for item in seen.ranges]
    return json.dumps({"mark": seen.mark, "ranges": ranges, "record": record.to_json()})


def look(desk: Desk, snapshot: str, now: datetime, before: Seen | None) -> Seen:
    """What the store lacks; read again when it, the settings or the hour have changed since ``before``."""
    settings = desk.settings
    asked = repr((settings.SYMBOLS, settings.candle_datasets, settings.HISTORY_START))
    mark = f"{snapshot} {now:%Y-%m-%dT%H} {hashlib.sha256(asked.encode()).hexdigest()[:8]}"
    if before is not None and before.mark == mark:
        return before
    return Seen(mark, tuple(_missing(desk, snapshot, now)))


def _missing(desk: Desk, snapshot: str, now: datetime) -> list[Missing]:
    onboard = tradable_symbols(desk, snapshot, now)
    symbols = list(onboard)
    current = desk.store.snapshot(snapshot)
    stored, starts = {}, {}
    for timeframe in desk.settings.TIMEFRAMES:
        name = timeframe.dataset
        if current.rows(name):
            starts[name] = start = Timeframe.D1.floor(history_start(desk, timeframe, snapshot))
            stored[name] = desk.store.read(
                name, symbols=symbols, start=start, columns=["symbol", "open_time"], at=snapshot
            )
    quarantine, decisions = (
        desk.store.read(name, symbols=symbols, at=snapshot) for name in ("quarantine", "decisions")
    )
    excused = withheld(quarantine, decisions, now)
    candles = missing_candles(stored, onboard=onboard, starts=starts, excused=excused, now=now)
    beside = {
        name: desk.store.read(
            name,
            symbols=symbols,
            start=desk.settings.history_start,
            columns=["symbol", DATASETS[name].time],
            at=snapshot,
        )
        for name in FEEDS
    }
    return missing_ranges(pl.concat([candles, feed_holes(beside, onboard, now - GRACE)]))


def gather(instance: dg.DagsterInstance, seen: Seen, now: datetime) -> Facts:
    """The facts about what was ``seen``, at ``now``."""
    fail_dead_runs(instance)
    if not seen.ranges:
        return Facts(now, ())
    stopped = _stopped(instance, SCHEDULE, now)
    ranges = before_today(seen.ranges, now) if _stopped(instance, OF_TODAY, now) else seen.ranges
    cancelled = _cancelled(instance, {key_of(item) for item in ranges})
    return Facts(now, ranges, busy(instance), stopped, cancelled)


def before_today(ranges: Sequence[Missing], now: datetime) -> list[Missing]:
    """``ranges`` without the day of ``now``."""
    today = Timeframe.D1.floor(now)
    return [
        replace(item, days=replace(item.days, end=min(item.days.end, today)))
        for item in ranges
        if item.days.start < today
    ]


def request_for(start: Start) -> dg.RunRequest:
    """The run that fills a gap: its candles, and what was not fetched either while they were not."""
    days = start.missing.days
    universe = ["universe"] if Timeframe.D1.dataset in days.datasets else []
    assets = list(dict.fromkeys([*days.datasets, *ALONG, *universe, "market_regime"]))
    single = days.end - days.start == Timeframe.D1.delta
    tags = {GAP_TAG: start.key} if single else {GAP_TAG: start.key, **range_tags(days.start, days.end)}
    return dg.RunRequest(
        run_key=start.run_key,
        partition_key=day_key(days.start) if single else None,
        tags=tags,
        run_config=config_for(assets, symbols=days.symbols, scheduled=True),
        asset_selection=[dg.AssetKey(name) for name in assets],
        # None would bring along the checks of these assets, which the job leaves out.
        asset_check_keys=[],
    )


def at_home(alert: Alert, option: str) -> Alert:
    """The same alert whose command names the home, where ``option`` (`` --home DIR``) is not empty."""
    return replace(alert, command=alert.command.replace(REPAIR, REPAIR + option))


def busy(instance: dg.DagsterInstance) -> str:
    """The run that writes market data, or waits to; empty if there is none."""
    unfinished = [dg.DagsterRunStatus.QUEUED, *UNFINISHED]
    runs = instance.get_runs(dg.RunsFilter(tags=WRITES_MARKET, statuses=unfinished), limit=1)
    return f"run {runs[0].run_id[:8]} of {runs[0].job_name}" if runs else ""


def _stopped(instance: dg.DagsterInstance, schedule: str, now: datetime) -> str:
    """How a person stopped ``schedule``: switched it off, or cancelled a run of it; empty if nobody did."""
    states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    if any(s.instigator_name == schedule and s.status is InstigatorStatus.STOPPED for s in states):
        return f"the schedule {schedule} is switched off"
    cancelled = dg.RunsFilter(
        job_name=schedule,
        statuses=[dg.DagsterRunStatus.CANCELED],
        created_after=now - CANCELLED_HOLDS,
    )
    for run in instance.get_runs(cancelled):
        if GAP_TAG not in run.tags:
            return f"run {run.run_id[:8]} of {schedule} was cancelled by a person in the last 24 hours"
    return ""


def _cancelled(instance: dg.DagsterInstance, keys: Collection[str]) -> dict[str, datetime]:
    """When each of the gaps ``keys`` last had a run that a person cancelled."""
    statuses = [dg.DagsterRunStatus.CANCELED]
    records = instance.get_run_records(
        dg.RunsFilter(tags={GAP_TAG: sorted(keys)}, statuses=statuses), ascending=True
    )
    return {r.dagster_run.tags[GAP_TAG]: r.create_timestamp.astimezone(UTC) for r in records}
