"""All definitions of a home, from its settings."""

import dagster as dg

from crypto_bt.defs.backtest_assets import nightly_backtest, scorecard
from crypto_bt.defs.checks import CANDLE_CHECKS
from crypto_bt.defs.ingest import Progress
from crypto_bt.defs.jobs import JOBS
from crypto_bt.defs.market_assets import market_data
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.schedules import build_schedules
from crypto_bt.settings import Settings


def build_definitions(settings: Settings, progress: Progress | None = None) -> dg.Definitions:
    """Assets, checks, jobs and schedules on the home of ``settings``; opens nothing."""
    return dg.Definitions(
        assets=[market_data, nightly_backtest, scorecard],
        asset_checks=CANDLE_CHECKS,
        jobs=JOBS,
        schedules=build_schedules(running=settings.FIXED_NOW is None),
        resources={"desk": Desk.open(settings, progress)},
        executor=dg.in_process_executor,
    )
