"""Simulated days of the real schedules with the real sensors, and one fault of each kind among them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from dagster._utils.schedules import cron_string_iterator

from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.market import Timeframe
from crypto_bt.defs.execute import run_job
from crypto_bt.defs.partitions import day_key, range_tags
from crypto_bt.defs.schedules import build_schedules
from crypto_bt_tests.defs.alert_watch import AlertWatch

DAY = timedelta(days=1)


@dataclass
class Days:
    """What became of simulated days: runs, those that catch-up asked for, alerts told loudly, digests."""

    runs: int = 0
    caught_up: int = 0
    failed: list[str] = field(default_factory=list)
    digests: int = 0
    alerts: list[Alert] = field(default_factory=list)


def ticks(start: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """When each schedule fires between the two, from its own cron line."""
    found = []
    for schedule in build_schedules(running=True):
        for moment in cron_string_iterator(start.timestamp(), str(schedule.cron_schedule), "UTC"):
            if moment >= end:
                break
            found.append((moment.astimezone(UTC), schedule.name))
    return sorted(found)


def live(watch: AlertWatch, days: int) -> Days:
    """Let ``days`` pass: every schedule fires and its run is executed, the sensors tick after each."""
    start = watch.clock.now
    lived = Days()
    for moment, name in ticks(start, start + days * DAY):
        watch.clock.now = moment
        done = _run(watch, name, moment)
        lived.runs += 1
        lived.failed += [] if done else [f"{name} at {moment:%F %H:%M}"]
        watch.tick()
        watch.clock.now = moment + timedelta(minutes=6)
        lived.caught_up += watch.tick("catch_up")
        watch.tick("alert_outbox")
    watch.clock.now = start + days * DAY
    lived.digests = sum("Machine" in text for text in watch.texts)
    lived.alerts = list(loud(watch, start))
    return lived


def loud(watch: AlertWatch, since: datetime) -> Iterator[Alert]:
    """What a person was disturbed with."""
    for word in reversed(watch.home.desk.alerts.history.words(since, most=10_000)):
        if word.alert.severity is not AlertSeverity.INFO:
            yield word.alert


def _run(watch: AlertWatch, name: str, moment: datetime) -> bool:
    desk = watch.home.desk
    today = Timeframe.D1.floor(moment)
    if name == "alert_digest":
        return run_job(name, desk).success
    if name == "data_validation":
        return run_job(name, desk, tags=watch.home.all_symbols()).success
    if name == "intraday_update":
        yesterday = (moment - timedelta(hours=3)).date() < moment.date()
        if yesterday:
            return run_job(name, desk, tags=range_tags(today - DAY, today + DAY)).success
        return run_job(name, desk, partition=day_key(today)).success
    return run_job(
        name, desk, partition=day_key(today if name == "nightly_backtest" else today - DAY)
    ).success
