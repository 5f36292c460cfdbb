"""The schedules, all UTC and on by default; each is a pure decision and a few lines of Dagster.

A recorded home's schedules load switched off: its clock stands still.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import dagster as dg

from crypto_bt.core.market import Timeframe
from crypto_bt.core.quality import not_loaded
from crypto_bt.defs import jobs
from crypto_bt.defs.dead_runs import fail_dead_runs
from crypto_bt.defs.partitions import day_key, range_tags
from crypto_bt.defs.resources import Desk

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

WHY_OFF: Final = "This home's market is a recording whose clock stands still."


@dataclass(frozen=True, slots=True)
class Due:
    """A run to start: one day by its partition, a range of days by tags, or neither."""

    partition: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


#: What a schedule decides from the tick's time and the newest stored candle of its timeframe.
Decision = Callable[[datetime, datetime], Due]


def update_ended_days(now: datetime, newest: datetime) -> Due:
    """The day that has just ended, and every one before it since the newest stored daily candle."""
    today = Timeframe.D1.floor(now)
    start = min(newest + timedelta(days=1), today - timedelta(days=1))
    if start == today - timedelta(days=1):
        return Due(partition=day_key(start))
    return Due(tags=range_tags(start, today))


def update_since_newest(now: datetime, newest: datetime) -> Due:
    """Every day from the newest stored candle's to today's."""
    start = min(newest, now)
    if day_key(start) == day_key(now):
        return Due(partition=day_key(now))
    return Due(tags=range_tags(start, now))


def validate(now: datetime, newest: datetime) -> Due:
    """The current snapshot as it stands."""
    return Due()


def night_of_today(now: datetime, newest: datetime) -> Due:
    """The night of the day in which the tick lies."""
    return Due(partition=day_key(now))


def _schedule(
    name: str,
    cron: str,
    job: "UnresolvedAssetJobDefinition",
    decide: Decision,
    about: str,
    running: bool,
    timeframe: Timeframe = Timeframe.H1,
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        cron_schedule=cron,
        execution_timezone="UTC",
        job=job,
        description=about if running else f"{about} Off: {WHY_OFF}",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
    )
    def tick(
        context: dg.ScheduleEvaluationContext, desk: dg.ResourceParam[Desk]
    ) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time
        fail_dead_runs(context.instance)
        newest = newest_candle(desk, timeframe)
        if newest is None:
            return dg.SkipReason(not_loaded(now).at_home(desk.settings.home_option).text)
        due = decide(now, newest)
        return dg.RunRequest(run_key=None, partition_key=due.partition, tags=due.tags)

    return tick


def newest_candle(desk: Desk, timeframe: Timeframe) -> datetime | None:
    """Open time of the newest stored candle; None while there is none. Reads the manifest only."""
    current = desk.store.current()
    return max((item.last for item in current.of(timeframe.dataset)), default=None) if current else None


def build_schedules(*, running: bool) -> list[dg.ScheduleDefinition]:
    """All schedules; ``running`` is false for a home whose clock stands still."""
    return [
        _schedule(
            "data_update", "30 0 * * *", jobs.data_update, update_ended_days,
            "00:30 UTC: the days that have ended, all timeframes, funding and mark prices.", running,
            timeframe=Timeframe.D1,
        ),
        _schedule(
            "intraday_update", "5 */2 * * *", jobs.intraday_update, update_since_newest,
            "Every 2 hours at minute 5: H1, H4 and funding up to the last closed candle.", running,
        ),
        _schedule(
            "data_validation", "0 1 * * *", jobs.data_validation, validate,
            "01:00 UTC: every candle check, as an early warning for the night.", running,
        ),
        _schedule(
            "nightly_backtest", "30 23 * * *", jobs.nightly_backtest, night_of_today,
            "23:30 UTC: checks, backtest of every strategy, scorecard.", running,
        ),
    ]  # fmt: skip
