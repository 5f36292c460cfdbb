"""All definitions of a home, on its desk."""

import dagster as dg

from crypto_bt.defs.backtest_assets import nightly_backtest, scorecard
from crypto_bt.defs.checks import CANDLE_CHECKS
from crypto_bt.defs.jobs import JOBS
from crypto_bt.defs.market_assets import market_data
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.schedules import build_schedules


def build_definitions(desk: Desk) -> dg.Definitions:
    """Assets, checks, jobs and schedules working on ``desk``; opens nothing."""
    return dg.Definitions(
        assets=[market_data, nightly_backtest, scorecard],
        asset_checks=CANDLE_CHECKS,
        jobs=JOBS,
        schedules=build_schedules(running=desk.settings.FIXED_NOW is None),
        resources={"desk": desk},
        executor=dg.in_process_executor,
    )
