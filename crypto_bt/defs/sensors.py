"""The sensors; each is a pure decision and a few lines of Dagster."""

from dataclasses import replace
from typing import Final

import dagster as dg

from crypto_bt.core.catch_up import decide
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.holds import CATCH_UP
from crypto_bt.core.verdict import not_loaded
from crypto_bt.defs.catching_up import at_home, gather, look, read_cursor, request_for, write_cursor
from crypto_bt.defs.jobs import limit_tags
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.schedules import WHY_OFF, newest_row
from crypto_bt.store.holds import read_holds

TICK_SECONDS: Final = 300
ABOUT: Final = (
    "Every 5 minutes: looks for missing candles, settlements and mark prices and fetches their days, one run "
    "for each contiguous range, with longer waits after each attempt and an alert after the fifth. Starts "
    "nothing that a person stopped: nothing while the schedule data_update is off or for a day after one of "
    "its runs was cancelled, nothing of today while intraday_update is stopped so, and no range whose own "
    "run was cancelled."
)


def build_catch_up_sensor(*, running: bool) -> dg.SensorDefinition:
    """The sensor that fills what the schedules missed; off in a home whose clock stands still."""

    @dg.sensor(
        name="catch_up",
        job_name="data_update",
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description=ABOUT if running else f"{ABOUT} Off: {WHY_OFF}",
    )
    def catch_up(context: dg.SensorEvaluationContext, desk: dg.ResourceParam[Desk]) -> dg.SensorResult:
        current, now = desk.store.current(), desk.clock()
        if current is None or not any(newest_row(desk, name) for name in desk.settings.candle_datasets):
            why = not_loaded(now).at_home(desk.settings.home_option).text
            return dg.SensorResult(skip_reason=why, cursor=context.cursor)
        before, record = read_cursor(context.cursor)
        seen = look(desk, current.id, now, before)
        facts = gather(context.instance, seen, now)
        held = read_holds(desk.home.root).get(CATCH_UP)
        done = decide(replace(facts, stopped=f"catch_up is {held.text}") if held else facts, record)
        record = done.record
        for alert in done.alerts:
            try:
                desk.alerts.send(at_home(alert, desk.settings.home_option))
            except CryptoBtError as error:
                # Told with the next tick; fetching does not wait for it.
                context.log.warning(str(error))
                record = record.unsent(alert)
        cursor = write_cursor(seen, record)
        if done.start is None:
            return dg.SensorResult(skip_reason=done.why, cursor=cursor)
        request = request_for(done.start)
        limit = limit_tags(desk.settings.job_limit("data_update"), request.tags)
        return dg.SensorResult(
            run_requests=[request.with_replaced_attrs(tags={**request.tags, **limit})], cursor=cursor
        )

    return catch_up
