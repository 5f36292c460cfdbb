"""All definitions of a home, on its desk."""

import dagster as dg

from crypto_bt.defs.alert_sensors import build_alert_sensors
from crypto_bt.defs.backtest_assets import nightly_backtest, scorecard
from crypto_bt.defs.backup_sensor import build_backup_sensor
from crypto_bt.defs.chat_sensor import build_chat_sensor
from crypto_bt.defs.checks import build_checks
from crypto_bt.defs.data_quality import build_data_quality
from crypto_bt.defs.dead_runs import mark_run
from crypto_bt.defs.digest_job import build_digest_job
from crypto_bt.defs.health_sensor import HEALTH_ASSET, build_health_sensor
from crypto_bt.defs.jobs import build_jobs
from crypto_bt.defs.late_runs import build_late_runs_sensor
from crypto_bt.defs.live_comparison import build_live_sensor, live_comparison
from crypto_bt.defs.market_assets import build_market_data
from crypto_bt.defs.night_sensor import build_night_catch_up_sensor
from crypto_bt.defs.operations_assets import backup, compaction, restore_drill
from crypto_bt.defs.operations_checks import OPERATIONS_CHECKS
from crypto_bt.defs.prune_asset import build_prune_history, history_bounded
from crypto_bt.defs.regime_asset import market_regime
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.run_log import log_run
from crypto_bt.defs.schedules import build_schedules
from crypto_bt.defs.sensors import build_catch_up_sensor
from crypto_bt.defs.sentiment_assets import positioning_data, series_data


def build_definitions(desk: Desk) -> dg.Definitions:
    """Assets, checks, jobs, schedules and sensors working on ``desk``; opens nothing."""
    settings = desk.settings
    running = settings.FIXED_NOW is None
    watches_trades = settings.LIVE_TRADES_DIR is not None
    checks = [*build_checks(settings.TIMEFRAMES), *OPERATIONS_CHECKS]
    keys = [key for check in (*checks, history_bounded) for key in check.check_keys]
    jobs = build_jobs(settings.candle_datasets, settings.job_limit)
    return dg.Definitions(
        assets=[
            build_market_data(settings.candle_datasets),
            positioning_data,
            series_data,
            market_regime,
            nightly_backtest,
            scorecard,
            build_data_quality(settings.SYMBOLS),
            *([live_comparison] if watches_trades else []),
            backup,
            compaction,
            restore_drill,
            HEALTH_ASSET,
            build_prune_history([key for check in checks for key in check.check_keys]),
        ],
        asset_checks=[*checks, history_bounded],
        jobs=[*jobs, build_digest_job(settings.job_limit)],
        schedules=build_schedules(settings.night_time, running=running),
        sensors=[
            build_catch_up_sensor(running=running),
            build_night_catch_up_sensor(running=running),
            build_backup_sensor(jobs, running=running),
            build_health_sensor(settings.HEALTH_PROBE_INTERVAL_SECONDS, running=running),
            build_late_runs_sensor(running=running),
            *([build_live_sensor(running=running)] if watches_trades else []),
            *build_alert_sensors(settings.alert_wiring, keys, running=running),
            *([build_chat_sensor(running=running)] if settings.TELEGRAM_COMMANDS else []),
        ],
        resources={"desk": desk_of_runs(desk)},
        executor=dg.in_process_executor,
    )


def desk_of_runs(desk: Desk) -> dg.ResourceDefinition:
    """``desk`` as the resource that a run opens before its first step, whoever started it: so the run is
    known by its process, and what it says is logged."""

    def opened(context: dg.InitResourceContext) -> Desk:
        if context.run is not None and context.instance is not None:
            mark_run(context.instance, context.run)
            log_run(context.instance, context.run, desk)
        return desk

    return dg.ResourceDefinition(opened, description="The home: its settings, stores, sources and clock.")
