"""The sensors; each is a pure decision and a few lines of Dagster."""

from typing import Final

import dagster as dg

from crypto_bt.core.catch_up import Record, decide, key_of
from crypto_bt.defs.catching_up import RANGE_TAG, gather, missing_ranges
from crypto_bt.defs.jobs import config_for
from crypto_bt.defs.partitions import range_tags
from crypto_bt.defs.resources import Desk

TICK_SECONDS: Final = 300
#: What the schedules would have fetched and computed with the candles.
ALONGSIDE: Final = ("funding_rates", "mark_price_1h", "market_regime")


def build_catch_up_sensor(*, running: bool) -> dg.SensorDefinition:
    """The sensor that fills what the schedules missed; off in a home whose clock stands still."""

    @dg.sensor(
        name="catch_up",
        job_name="data_update",
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Looks for missing candles every 5 minutes and fetches their days: one run for each "
        "contiguous range, longer waits after each attempt, an alert after the fifth. Starts nothing that a "
        "person stopped: neither while the schedule data_update is off, nor a range whose run was cancelled.",
    )
    def catch_up(context: dg.SensorEvaluationContext, desk: dg.ResourceParam[Desk]) -> dg.SensorResult:
        current, now = desk.store.current(), desk.clock()
        if current is None:
            return dg.SensorResult(skip_reason="Nothing is loaded yet.", cursor=context.cursor)
        ranges = missing_ranges(desk, current.id, now)
        done = decide(gather(context.instance, desk, ranges, now), Record.from_json(context.cursor))
        for alert in done.alerts:
            desk.alerts.send(alert)
        cursor = done.record.to_json()
        if done.start is None:
            return dg.SensorResult(skip_reason=done.why, cursor=cursor)
        chosen = done.start.range
        assets = [*chosen.datasets, *ALONGSIDE]
        request = dg.RunRequest(
            run_key=done.start.run_key,
            tags={**range_tags(chosen.start, chosen.end), RANGE_TAG: key_of(chosen)},
            run_config=config_for(assets, symbols=chosen.symbols, scheduled=True),
            asset_selection=[dg.AssetKey(name) for name in assets],
            asset_check_keys=[],
        )
        return dg.SensorResult(run_requests=[request], cursor=cursor)

    return catch_up
