"""The sensor that computes a night which was missed or has failed."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType

from crypto_bt.core.holds import CATCH_UP
from crypto_bt.core.night import cutoff_of, last_due_night
from crypto_bt.core.night_catch_up import Attempt, NightFacts, Window, decide_night
from crypto_bt.core.verdict import not_loaded
from crypto_bt.defs.dead_runs import fail_dead_runs
from crypto_bt.defs.night_watch import stopped_by_hand
from crypto_bt.defs.partitions import day_key
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.schedules import WHY_OFF, newest_row
from crypto_bt.store.holds import read_holds

JOB: Final = "nightly_backtest"
TICK_SECONDS: Final = 60
#: Run tag of dagster for the partition, and ours for the attempt.
PARTITION_TAG: Final = "dagster/partition"
ATTEMPT_TAG: Final = "crypto_bt/attempt"
_SINCE: Final = 20
_A_DAY: Final = timedelta(days=1)
ABOUT: Final = (
    "Every minute: a night that was missed, or whose run failed, is tried again, three times in all, "
    "5 and 15 minutes apart, within BACKTEST_CATCHUP_WINDOW. Never one that a person stopped, or while "
    "the schedule nightly_backtest is off or the nightly backtest is paused."
)


def build_night_catch_up_sensor(*, running: bool) -> dg.SensorDefinition:
    """Off in a home whose clock stands still."""

    @dg.sensor(
        name="night_catch_up",
        job_name=JOB,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description=ABOUT if running else f"{ABOUT} Off: {WHY_OFF}",
    )
    def night_catch_up(
        context: dg.SensorEvaluationContext, desk: dg.ResourceParam[Desk]
    ) -> dg.RunRequest | dg.SkipReason:
        now = desk.clock()
        newest = [moment for name in desk.settings.candle_datasets if (moment := newest_row(desk, name))]
        if not newest:
            return dg.SkipReason(not_loaded(now).at_home(desk.settings.home_option).text)
        fail_dead_runs(context.instance)
        begins = desk.settings.night_time
        night = last_due_night(now, begins)
        if max(newest) < cutoff_of(night, begins) - _A_DAY:
            return dg.SkipReason(f"There are no candles of the night of {night} yet.")
        done = decide_night(
            NightFacts(
                now=now,
                done=desk.results.night(night) is not None,
                attempts=attempts_at(context.instance, night),
                window=Window.parse(desk.settings.catch_up_window),
                stopped=_stopped(context.instance, desk),
                at=begins,
            )
        )
        if done.attempt is None:
            return dg.SkipReason(done.why)
        return dg.RunRequest(
            run_key=done.run_key,
            partition_key=day_key(cutoff_of(night)),
            tags={ATTEMPT_TAG: str(done.attempt)},
        )

    return night_catch_up


def attempts_at(instance: dg.DagsterInstance, night: date) -> list[Attempt]:
    """The runs of the job for this night, the latest of them at least."""
    records = instance.get_run_records(
        dg.RunsFilter(job_name=JOB, tags={PARTITION_TAG: night.isoformat()}), limit=_SINCE
    )
    found = []
    for record in records:
        status = record.dagster_run.status
        ended = record.end_time if record.dagster_run.is_finished else None
        found.append(
            Attempt(
                datetime.fromtimestamp(ended, UTC) if ended else None,
                cancelled=status is dg.DagsterRunStatus.CANCELED,
            )
        )
    return found


def _stopped(instance: dg.DagsterInstance, desk: Desk) -> str:
    """What a person stopped, or the breaker, in a sentence; empty for nothing."""
    stop = stopped_by_hand(desk.home.root)
    if stop is not None:
        return stop.text
    hold = read_holds(desk.home.root).get(CATCH_UP)
    if hold is not None:
        return f"catch_up is {hold.text}."
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
        if state.instigator_name == JOB and state.status is InstigatorStatus.STOPPED:
            return f"the schedule {JOB} is switched off."
    return ""
