"""The schedules, all UTC and on by default; each is a pure decision and a few lines of Dagster.

A recorded home's schedules load switched off: its clock stands still.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Final

import dagster as dg

from crypto_bt.core.datasets import POSITIONING_DATASETS
from crypto_bt.core.market import Timeframe
from crypto_bt.core.night import NIGHT_TIME
from crypto_bt.core.night_catch_up import LATE
from crypto_bt.core.positioning import KEPT
from crypto_bt.core.verdict import not_loaded
from crypto_bt.defs.check_results import NIGHTLY_JOB
from crypto_bt.defs.dead_runs import fail_dead_runs
from crypto_bt.defs.jobs import limit_tags
from crypto_bt.defs.night_watch import stopped_by_hand
from crypto_bt.defs.partitions import day_key, range_tags, symbol_range_tags
from crypto_bt.defs.resources import Desk

WHY_OFF: Final = "This home's market is a recording whose clock stands still."


@dataclass(frozen=True, slots=True)
class Due:
    """A run to start: one day by its partition, a range of days by tags, or neither."""

    partition: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


#: What a schedule decides from the tick's time and the moment up to which it has what it watches.
Decision = Callable[[datetime, datetime | None], Due]


def update_ended_days(now: datetime, newest: datetime | None) -> Due:
    """The day that has just ended, and every one before it since the newest stored row."""
    today = Timeframe.D1.floor(now)
    yesterday = today - timedelta(days=1)
    start = yesterday if newest is None else min(Timeframe.D1.floor(newest) + timedelta(days=1), yesterday)
    return Due(partition=day_key(start)) if start == yesterday else Due(tags=range_tags(start, today))


def update_what_is_kept(now: datetime, newest: datetime | None) -> Due:
    """Likewise, at first as far back as the exchange keeps positions."""
    return update_ended_days(now, newest or now - KEPT)


def update_since_newest(now: datetime, newest: datetime | None) -> Due:
    """Every day from the newest stored row's to today's."""
    start = min(newest or now, now)
    if day_key(start) == day_key(now):
        return Due(partition=day_key(now))
    return Due(tags=range_tags(start, now))


def validate(now: datetime, newest: datetime | None) -> Due:
    """What there is, as it stands."""
    return Due()


def night_of_today(now: datetime, newest: datetime | None) -> Due:
    """The night of the day in which the tick lies."""
    return Due(partition=day_key(now))


@dataclass(frozen=True, slots=True)
class Plan:
    """One schedule: the job of the same name at ``cron``, deciding on up to when ``watches`` have rows.

    ``by_symbol``: its partitions are the symbols, and all of them are run. ``may_be_held``: by the settings,
    ``crypto-bt pause`` or the breaker. ``when_late``: why a tick that comes late, as the last one missed does
    when the daemon starts, begins nothing; empty where it is as good as one in time.
    """

    name: str
    cron: str
    decide: Decision
    about: str
    watches: tuple[str, ...] = ("candles_1h",)
    by_symbol: bool = False
    may_be_held: bool = False
    when_late: str = ""


PLANS: Final = (
    Plan(
        "data_update",
        "30 0 * * *",
        update_ended_days,
        "00:30 UTC: the days that have ended, all timeframes, funding, mark prices and listings.",
        watches=("candles_1d", "mark_price_1h"),
    ),
    Plan(
        "intraday_update",
        "5 */2 * * *",
        update_since_newest,
        "Every 2 hours at minute 5: candles but D1, and funding, up to the last closed candle.",
    ),
    Plan(
        "data_validation",
        "0 1 * * *",
        validate,
        "01:00 UTC: every check, as an early warning for the night, and the summary by symbol.",
        by_symbol=True,
        when_late="What was missed meanwhile is fetched first, and the night checks everything again.",
    ),
    Plan(
        "sentiment_macro_update",
        "0 2 * * *",
        update_what_is_kept,
        "02:00 UTC: open interest, account ratio, taker volume, fear & greed, macro series, dominance.",
        watches=POSITIONING_DATASETS,
    ),
    Plan(
        "backup_and_compact",
        "0 3 * * 0",
        validate,
        "Sunday 03:00 UTC: a backup, its copy off this machine, and the removal of what nothing needs.",
    ),
    Plan(
        "alert_digest",
        "0 4 * * *",
        validate,
        "04:00 UTC: the daily digest for Telegram, on one screen.",
    ),
    Plan(
        "restore_drill",
        "0 5 * * 0",
        validate,
        "Sunday 05:00 UTC: the newest backup restored and verified; on a month's first from off-site alone.",
    ),
    Plan(
        "nightly_backtest",
        f"{NIGHT_TIME.minute} {NIGHT_TIME.hour} * * *",
        night_of_today,
        f"{NIGHT_TIME:%H:%M} UTC: checks, backtest of every strategy, scorecard.",
        may_be_held=True,
        when_late="The sensor night_catch_up computes it, within BACKTEST_CATCHUP_WINDOW.",
    ),
    Plan(
        "prune_history",
        "0 6 * * 0",
        validate,
        "Sunday 06:00 UTC: old runs, ticks and printed output of Dagster, older than HISTORY_KEEP_DAYS.",
    ),
)


def _schedule(plan: Plan, running: bool) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=plan.name,
        cron_schedule=plan.cron,
        execution_timezone="UTC",
        job_name=plan.name,
        description=plan.about if running else f"{plan.about} Off: {WHY_OFF}",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
    )
    def tick(
        context: dg.ScheduleEvaluationContext, desk: dg.ResourceParam[Desk]
    ) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time
        fail_dead_runs(context.instance)
        if not any(newest_row(desk, name) for name in desk.settings.candle_datasets):
            return dg.SkipReason(not_loaded(now).at_home(desk.settings.home_option).text)
        if plan.may_be_held and (stop := stopped_by_hand(desk.home.root)):
            return dg.SkipReason(stop.text)
        if plan.when_late and desk.clock() >= now + LATE:
            return dg.SkipReason(f"Nothing began it at {now:%Y-%m-%d %H:%M} UTC. {plan.when_late}")
        due = plan.decide(now, newest_of_all(desk, plan.watches))
        tags = symbol_range_tags(desk.settings.SYMBOLS) if plan.by_symbol else due.tags
        limit = limit_tags(desk.settings.job_limit(plan.name), tags)
        return dg.RunRequest(run_key=None, partition_key=due.partition, tags=tags | limit)

    return tick


def newest_of_all(desk: Desk, datasets: Sequence[str]) -> datetime | None:
    """The moment up to which each of ``datasets`` that has any rows has them; None while none has."""
    newest = [newest_row(desk, name) for name in datasets]
    return min((moment for moment in newest if moment), default=None)


def newest_row(desk: Desk, dataset: str) -> datetime | None:
    """Time of the newest stored row; None while there is none. Reads the manifest only."""
    current = desk.store.current()
    return max((item.last for item in current.of(dataset)), default=None) if current else None


def plans(night: time) -> list[Plan]:
    """All plans, with nights that begin at ``night`` (UTC)."""
    return [_beginning(plan, night) if plan.name == NIGHTLY_JOB else plan for plan in PLANS]


def _beginning(plan: Plan, at: time) -> Plan:
    about = plan.about.replace(f"{NIGHT_TIME:%H:%M}", f"{at:%H:%M}")
    return replace(plan, cron=f"{at.minute} {at.hour} * * *", about=about)


def build_schedules(night: time = NIGHT_TIME, *, running: bool) -> list[dg.ScheduleDefinition]:
    """All schedules; ``running`` is false for a home whose clock stands still."""
    return [_schedule(plan, running) for plan in plans(night)]
